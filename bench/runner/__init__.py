"""Runs cells: one in this process (:mod:`bench.runner.cell`), many in local processes (:mod:`bench.runner.local`)."""

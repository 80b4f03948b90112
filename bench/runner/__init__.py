"""Runs cells: one in this process, many in processes of this machine, or many through Ray Tune.

:mod:`bench.runner.cell` runs one; :mod:`bench.runner.backlog` says which may start; :mod:`bench.runner.local`
and :mod:`bench.runner.ray_tune` are the executors.
"""

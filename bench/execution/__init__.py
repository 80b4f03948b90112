"""Executes planned runs: in processes of this machine, or through Ray Tune.

:mod:`bench.execution.fit` executes one; :mod:`bench.execution.queue` decides which may start;
:mod:`bench.execution.local` and :mod:`bench.execution.ray.tune` are the executors.
"""

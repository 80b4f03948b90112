"""Executes planned runs: in processes of this machine, or through Ray Tune.

:mod:`bench.run.fit` executes one; :mod:`bench.run.queue` decides which may start; :mod:`bench.run.local` and
:mod:`bench.run.ray.tune` are the executors.
"""

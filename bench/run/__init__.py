"""Runs cells: one in this process, many in processes of this machine, or many through Ray Tune.

:mod:`bench.run.fit` runs one; :mod:`bench.run.queue` says which may start; :mod:`bench.run.local`
and :mod:`bench.run.ray.tune` are the executors.
"""

"""Many cells in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.cards import load_dataset
from bench.cells import Cell
from bench.dataset import Dataset
from bench.outliers import ANY_CLUSTERS
from bench.registry import find_method
from bench.runner.backlog import Backlog
from bench.runner.cell import PRELOAD, Outputs, failed, fit_cell, limit_threads
from bench.runner.networks import memory_of
from bench.runner.settings import Finished, Running, Settings, hand_over
from bench.store import Record


@dataclass(frozen=True)
class Data:
    """Where workers find the data sets; each loads its own.

    Attributes
    ----------
    root : path or None
        Where data sets lie.
    limit, clusters : int or None
        As in the suite.
    """

    root: Path | None = None
    limit: int | None = None
    clusters: int | None = None


def run_local(
    backlog: Backlog[None],
    settings: Settings,
    data: Data,
    *,
    jobs: int,
    finished: Finished,
    running: Running = lambda _: None,
) -> None:
    """Run cells in worker processes; call ``finished`` in this one as each ends.

    A worker that dies loses its own cell alone, which is tried again. KeyboardInterrupt stops the workers and
    passes on; the cells that had ended were handed over.

    Parameters
    ----------
    backlog : Backlog
        What to run. Once it is closed, only what is being worked on still ends.
    settings : Settings
    data : Data
    jobs : int
        Processes.
    finished, running : callable
    """
    pool = _pool(jobs)
    futures: dict[Any, Cell] = {}
    try:
        while True:
            if not pool.active:  # a worker died before it took a cell, and the pool with it
                pool.stop()
                pool.join()
                pool = _pool(jobs)
            # One more than there are workers, so that none waits for this process to write a record.
            while len(futures) <= jobs and (cells := backlog.take(None)):
                futures[pool.schedule(_run, args=(cells[0], settings, data), timeout=settings.timeout)] = cells[0]
            if backlog.closed:
                for future in [f for f in futures if not f.running() and f.cancel()]:
                    del futures[future]
            if not futures:
                break
            done, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                cell = futures.pop(future)
                outcome = _outcome(future, cell, settings, backlog)
                if outcome:
                    hand_over(cell, outcome, backlog, finished)
            running([cell for future, cell in futures.items() if future.running()])
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _pool(jobs: int) -> Any:
    return ProcessPool(max_workers=jobs, context=_context(), initializer=start_worker)


def warm_up() -> None:
    """Begin to import what workers need, beside what this process does meanwhile."""
    context = _context()
    if isinstance(context, ForkServerContext):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server inherits it: Ctrl-C is for this process
        try:
            forkserver.ensure_running()
        finally:
            signal.signal(signal.SIGINT, before)


def _context() -> Any:
    """Return how workers start: as forks of a server that has imported torch, once for all of them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.runner.local", *PRELOAD])
    return context


def _outcome(future: Any, cell: Cell, settings: Settings, backlog: Backlog[None]) -> tuple[Record, Outputs] | None:
    """Return what came of a cell; None where it is tried again."""
    try:
        return future.result()
    except FutureTimeout:
        return failed(cell, "timeout", f"not done after {settings.timeout:g} s", settings.device), {}
    except (ProcessExpired, BrokenProcessPool) as error:
        if not backlog.lost([cell]):
            return None
        code = getattr(error, "exitcode", None)
        how = "before it took a cell" if code is None else f"exit code {code}"
        reason = f"the worker process died ({how}), {settings.max_retries + 1} times"
        if code == -signal.SIGKILL:
            reason += "; killed, perhaps for want of memory: try fewer --jobs"
        return failed(cell, "failed", reason, settings.device), {}
    except Exception as error:  # what the worker could not send
        return failed(cell, "failed", f"{type(error).__name__}: {error}", settings.device), {}


def start_worker() -> None:
    """Set up a worker process: its signals, and its end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _run(cell: Cell, settings: Settings, data: Data) -> tuple[Record, Outputs]:
    dataset = _dataset(cell.spec, data)
    info = find_method(cell.configuration.source)
    limit_threads(settings.threads_of(info))
    others = {o.spec: _dataset(o.spec, replace(data, clusters=ANY_CLUSTERS)) for o in cell.outliers if o.from_data}
    memory = memory_of(cell, settings.memory)
    return fit_cell(cell, info, dataset, others, device=settings.device, memory=memory)


@lru_cache(maxsize=4)  # cells come data set by data set, each with few sets of outliers
def _dataset(spec: str, data: Data) -> Dataset:
    return load_dataset(spec, data_root=data.root, limit=data.limit, n_clusters=data.clusters)

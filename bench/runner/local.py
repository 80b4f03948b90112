"""Many cells in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.cards import load_dataset
from bench.cells import Cell
from bench.dataset import Dataset
from bench.registry import find_method
from bench.runner.cell import Outputs, failed, fit_cell
from bench.store import Record

#: What every worker needs. torch's optimizers import torch._dynamo when first used: seconds a process.
_PRELOAD = ["bench.runner.local", "methods.vade", "methods.sdec", "sklearn.metrics", "torch._dynamo"]

Finished = Callable[[Cell, Record, Outputs], None]


@dataclass(frozen=True)
class Settings:
    """How cells are run; nothing here changes what a cell is.

    Attributes
    ----------
    jobs, threads : int
        Processes, and threads of each. Floating-point sums depend on the threads, so the same records
        come from the same number of them; ``jobs`` never matters.
    device : str
        "auto", "cpu", "cuda", ...
    memory : str or None
        Folder of pretrained networks.
    data_root : str or None
        Where data sets lie.
    limit, clusters : int or None
        As in the suite.
    timeout : float or None
        Seconds a cell may take.
    """

    jobs: int = 1
    threads: int = 1
    device: str = "auto"
    memory: str | None = None
    data_root: str | None = None
    limit: int | None = None
    clusters: int | None = None
    timeout: float | None = None


def run_local(
    cells: Sequence[Cell],
    settings: Settings,
    finished: Finished,
    running: Callable[[list[Cell]], None] = lambda _: None,
) -> None:
    """Run cells in worker processes; call ``finished`` in this one as each ends.

    A worker that dies loses its own cell alone, which is recorded as failed. KeyboardInterrupt stops the
    workers and passes on; the cells that had ended were handed over.

    Parameters
    ----------
    cells : sequence of Cell
        Run in this order.
    settings : Settings
    finished : callable
        Takes the cell, its record and its raw outputs.
    running : callable
        Told about twice a second which cells are being worked on.
    """
    pool = ProcessPool(
        max_workers=settings.jobs,
        context=_context(),
        initializer=_start_worker,
        initargs=(settings.threads,),
    )
    try:
        futures: dict[Any, Cell] = {
            pool.schedule(_run, args=(cell, settings), timeout=settings.timeout): cell for cell in cells
        }
        while futures:
            done, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                cell = futures.pop(future)
                finished(cell, *_outcome(future, cell, settings))
            running([cell for future, cell in futures.items() if future.running()])
        pool.close()
    finally:
        pool.stop()
        pool.join()


def warm_up() -> None:
    """Begin to import what workers need, beside what this process does meanwhile."""
    context = _context()
    if isinstance(context, ForkServerContext):
        forkserver.ensure_running()


def _context() -> Any:
    """Return how workers start: as forks of a server that has imported torch, once for all of them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def _outcome(future: Any, cell: Cell, settings: Settings) -> tuple[Record, Outputs]:
    try:
        return future.result()
    except FutureTimeout:
        return failed(cell, "timeout", f"not done after {settings.timeout:g} s", settings.device), {}
    except ProcessExpired as error:
        reason = f"the worker process died (exit code {error.exitcode})"
        if error.exitcode == -signal.SIGKILL:
            reason += "; killed, perhaps for want of memory: try fewer --jobs"
        return failed(cell, "failed", reason, settings.device), {}
    except Exception as error:  # what the worker could not send
        return failed(cell, "failed", f"{type(error).__name__}: {error}", settings.device), {}


def _start_worker(threads: int) -> None:
    """Set up a worker: its threads, its signals, and its end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before CUDA starts; determinism needs it
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _run(cell: Cell, settings: Settings) -> tuple[Record, Outputs]:
    info = find_method(cell.configuration.method)
    dataset = _dataset(cell.spec, settings.data_root, settings.limit, settings.clusters)
    return fit_cell(cell, info, dataset, device=settings.device, memory=settings.memory)


@lru_cache(maxsize=1)  # cells come data set by data set
def _dataset(spec: str, data_root: str | None, limit: int | None, clusters: int | None) -> Dataset:
    return load_dataset(spec, data_root=data_root, limit=limit, n_clusters=clusters)

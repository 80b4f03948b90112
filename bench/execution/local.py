"""The local executor: runs in processes of this machine."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.execution.fit import failed
from bench.execution.isolated import is_isolated, pickle_cell, run_cell, run_pickled_cell
from bench.execution.outputs import Outputs
from bench.execution.processes import IsolatedCalls, ProcessDiedError, start_worker, warm_up, worker_context
from bench.execution.queue import RunQueue
from bench.execution.resources import Finished, Running, Settings, store_result
from bench.plan.cells import Cell
from bench.records.record import Record


def run_local(
    queue: RunQueue[None],
    settings: Settings,
    paths: Mapping[str, Path],
    *,
    jobs: int,
    finished: Finished,
    running: Running = lambda _: None,
) -> None:
    """Execute runs in worker processes; call ``finished`` in this process as each ends.

    Workers execute runs of built-in methods one after the other; each run of a plugin has a process of its own. A
    worker that dies loses only its own run, which is tried again. KeyboardInterrupt stops the workers and propagates;
    runs that had ended were passed to ``finished``.

    Parameters
    ----------
    queue : RunQueue
        Once it is closed, only the runs that have started still end.
    settings : Settings
    paths : mapping of str to Path
        Where the data sets are stored, as `bench.execution.shared_files.shared_datasets` yields them.
    jobs : int
        Number of processes.
    finished, running : callable
    """
    workers = _Workers(settings, paths, jobs)
    futures: dict[Future[Any], Cell] = {}
    pending: list[Cell] = []  # taken from the queue but not started, for want of a free process; at most one
    try:
        while True:
            workers.restart_if_dead()
            while cells := pending or queue.take(None):
                if not workers.have_room(cells[0], futures.values()):
                    break
                futures[workers.start(cells[0])] = cells[0]
                pending = []
            pending = [] if queue.closed else cells
            if queue.closed:
                for future in [f for f in futures if not f.running() and f.cancel()]:
                    del futures[future]
            if not futures:
                break
            done, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                cell = futures.pop(future)
                result = _result(future, cell, settings, queue)
                if result:
                    store_result(cell, result, queue, finished)
            running([cell for future, cell in futures.items() if future.running()])
    finally:
        workers.stop()


class _Workers:
    """The worker processes: a pool for built-in methods, and a process for each run of a plugin.

    Parameters
    ----------
    settings : Settings
    paths : mapping of str to Path
    jobs : int
    """

    def __init__(self, settings: Settings, paths: Mapping[str, Path], jobs: int) -> None:
        self._settings, self._paths, self._jobs = settings, paths, jobs
        self._pool = _start_pool(jobs)
        self._isolated, self._threads = IsolatedCalls(), ThreadPoolExecutor(jobs)

    def restart_if_dead(self) -> None:
        """Start a new pool if a worker died before it took a run, which ends the whole pool."""
        if not self._pool.active:
            self._stop_pool()
            self._pool = _start_pool(self._jobs)

    def have_room(self, cell: Cell, others: Iterable[Cell]) -> bool:
        """Tell whether a run may start beside others.

        If all of them are for the pool, it takes one more than it has workers, so that no worker is idle while this
        process writes a record.
        """
        isolated = [is_isolated(other) for other in (cell, *others)]
        return len(isolated) <= self._jobs + (not any(isolated))

    def start(self, cell: Cell) -> Future[Any]:
        """Start a run."""
        timeout = self._settings.timeout
        if is_isolated(cell):
            return self._threads.submit(
                self._isolated.call, run_pickled_cell, pickle_cell(cell), self._settings, self._paths, timeout=timeout
            )
        return self._pool.schedule(run_cell, args=(cell, self._settings, self._paths), timeout=timeout)

    def stop(self) -> None:
        """End all processes."""
        self._isolated.stop()
        self._threads.shutdown()
        self._stop_pool()

    def _stop_pool(self) -> None:
        self._pool.stop()
        self._pool.join()


def _start_pool(jobs: int) -> Any:
    warm_up()
    return ProcessPool(max_workers=jobs, context=worker_context(), initializer=start_worker)


def _result(future: Any, cell: Cell, settings: Settings, queue: RunQueue[None]) -> tuple[Record, Outputs] | None:
    """Return the record and outputs of a run; None if it is tried again."""
    try:
        return future.result()
    except FutureTimeout:
        return failed(cell, "timeout", f"not done after {settings.timeout:g} s", settings.device), {}
    except (ProcessExpired, BrokenProcessPool, ProcessDiedError) as error:
        if not queue.retry([cell]):
            return None
        code = error.code if isinstance(error, ProcessDiedError) else getattr(error, "exitcode", None)
        how = "before it took a run" if code is None else f"exit code {code}"
        reason = f"the worker process died ({how}), {settings.max_retries + 1} times"
        if code == -signal.SIGKILL:
            reason += "; killed, perhaps for lack of memory: use fewer --jobs"
        return failed(cell, "failed", reason, settings.device), {}
    except Exception as error:  # what the worker sent could not be unpickled, or the run could not be pickled
        return failed(cell, "failed", f"{type(error).__name__}: {error}", settings.device), {}

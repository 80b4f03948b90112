"""Many cells in processes of this machine."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from bench.plan.cells import Cell
from bench.records.record import Record
from bench.run.fit import Outputs, failed
from bench.run.isolated import is_apart, run_cell, run_sealed, seal
from bench.run.processes import Forks, ProcessDiedError, start_worker, warm_up, worker_context
from bench.run.queue import Backlog
from bench.run.resources import Finished, Running, Settings, hand_over

__all__ = ["run_local", "warm_up"]


def run_local(
    backlog: Backlog[None],
    settings: Settings,
    places: Mapping[str, Path],
    *,
    jobs: int,
    finished: Finished,
    running: Running = lambda _: None,
) -> None:
    """Run cells in worker processes; call ``finished`` in this one as each ends.

    Workers run cells of our own methods one after the other; a cell of any other method has a process for itself.
    A worker that dies loses its own cell alone, which is tried again. KeyboardInterrupt stops the workers and
    passes on; the cells that had ended were handed over.

    Parameters
    ----------
    backlog : Backlog
        What to run. Once it is closed, only what is being worked on still ends.
    settings : Settings
    places : mapping of str to Path
        Where the data sets lie, as `bench.run.shared_files.shared` has them.
    jobs : int
        Processes.
    finished, running : callable
    """
    workers = _Workers(settings, places, jobs)
    futures: dict[Future[Any], Cell] = {}
    waiting: list[Cell] = []  # one at most: for which there was no room
    try:
        while True:
            workers.revive()
            while cells := waiting or backlog.take(None):
                if not workers.have_room(cells[0], futures.values()):
                    break
                futures[workers.start(cells[0])] = cells[0]
                waiting = []
            waiting = [] if backlog.closed else cells
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
    finally:
        workers.stop()


class _Workers:
    """The processes of a run.

    Parameters
    ----------
    settings : Settings
    places : mapping of str to Path
    jobs : int
    """

    def __init__(self, settings: Settings, places: Mapping[str, Path], jobs: int) -> None:
        self._settings, self._places, self._jobs = settings, places, jobs
        self._pool = _pool(jobs)
        self._forks, self._threads = Forks(), ThreadPoolExecutor(jobs)

    def revive(self) -> None:
        """Start the pool anew if a worker died before it took a cell, and the pool with it."""
        if not self._pool.active:
            self._stop_pool()
            self._pool = _pool(self._jobs)

    def have_room(self, cell: Cell, others: Iterable[Cell]) -> bool:
        """Tell whether a cell may start beside others.

        While all of them are the pool's, it is given one more than it has workers, so that none waits for this
        process to write a record.
        """
        apart = [is_apart(other) for other in (cell, *others)]
        return len(apart) <= self._jobs + (not any(apart))

    def start(self, cell: Cell) -> Future[Any]:
        """Run a cell."""
        timeout = self._settings.timeout
        if is_apart(cell):
            return self._threads.submit(
                self._forks.call, run_sealed, seal(cell), self._settings, self._places, timeout=timeout
            )
        return self._pool.schedule(run_cell, args=(cell, self._settings, self._places), timeout=timeout)

    def stop(self) -> None:
        """End whatever is still running."""
        self._forks.stop()
        self._threads.shutdown()
        self._stop_pool()

    def _stop_pool(self) -> None:
        self._pool.stop()
        self._pool.join()


def _pool(jobs: int) -> Any:
    warm_up()
    return ProcessPool(max_workers=jobs, context=worker_context(), initializer=start_worker)


def _outcome(future: Any, cell: Cell, settings: Settings, backlog: Backlog[None]) -> tuple[Record, Outputs] | None:
    """Return what came of a cell; None where it is tried again."""
    try:
        return future.result()
    except FutureTimeout:
        return failed(cell, "timeout", f"not done after {settings.timeout:g} s", settings.device), {}
    except (ProcessExpired, BrokenProcessPool, ProcessDiedError) as error:
        if not backlog.lost([cell]):
            return None
        code = error.code if isinstance(error, ProcessDiedError) else getattr(error, "exitcode", None)
        how = "before it took a cell" if code is None else f"exit code {code}"
        reason = f"the worker process died ({how}), {settings.max_retries + 1} times"
        if code == -signal.SIGKILL:
            reason += "; killed, perhaps for want of memory: try fewer --jobs"
        return failed(cell, "failed", reason, settings.device), {}
    except Exception as error:  # what the worker could not send
        return failed(cell, "failed", f"{type(error).__name__}: {error}", settings.device), {}

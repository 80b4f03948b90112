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
from bench.execution.isolated import is_isolated, pickle_pack, run_pack, run_pickled_pack
from bench.execution.outputs import Outputs
from bench.execution.processes import IsolatedCalls, ProcessDiedError, start_worker, warm_up, worker_context
from bench.execution.queue import RunQueue
from bench.execution.resources import Finished, Running, Settings, store_result
from bench.plan.packs import Pack
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
    """Execute packs of runs in worker processes; call ``finished`` in this process with each run as its pack ends.

    Workers execute packs of built-in methods one after the other; each pack of a plugin has a process of its own. A
    worker that dies loses only its own pack, which is tried again. KeyboardInterrupt stops the workers and propagates;
    runs that had ended were passed to ``finished``.

    Parameters
    ----------
    queue : RunQueue
        Once it is closed, only the packs that have started still end.
    settings : Settings
    paths : mapping of str to Path
        Where the data sets are stored, as `bench.execution.shared_files.shared_datasets` yields them.
    jobs : int
        Number of processes.
    finished, running : callable
    """
    workers = _Workers(settings, paths, jobs)
    futures: dict[Future[Any], Pack] = {}
    pending: list[Pack] = []  # taken from the queue but not started, for want of a free process; at most one
    try:
        while True:
            workers.restart_if_dead()
            while packs := pending or queue.take(None):
                if not workers.have_room(packs[0], futures.values()):
                    break
                futures[workers.start(packs[0])] = packs[0]
                pending = []
            pending = [] if queue.closed else packs
            if queue.closed:
                for future in [f for f in futures if not f.running() and f.cancel()]:
                    del futures[future]
            if not futures:
                break
            done, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                pack = futures.pop(future)
                for cell, result in zip(pack, _results(future, pack, settings, queue), strict=False):
                    store_result(cell, result, queue, finished)
            running([cell for future, pack in futures.items() if future.running() for cell in pack])
    finally:
        workers.stop()


class _Workers:
    """The worker processes: a pool for built-in methods, and a process for each pack of a plugin.

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
        """Start a new pool if a worker died before it took a pack, which ends the whole pool."""
        if not self._pool.active:
            self._stop_pool()
            self._pool = _start_pool(self._jobs)

    def have_room(self, pack: Pack, others: Iterable[Pack]) -> bool:
        """Tell whether a pack may start beside others.

        If all of them are for the pool, it takes one more than it has workers, so that no worker is idle while this
        process writes a record.
        """
        isolated = [is_isolated(other[0]) for other in (pack, *others)]
        return len(isolated) <= self._jobs + (not any(isolated))

    def start(self, pack: Pack) -> Future[Any]:
        """Start a pack; it may take its runs' share of time together."""
        timeout = self._settings.timeout and self._settings.timeout * len(pack)
        if is_isolated(pack[0]):
            return self._threads.submit(
                self._isolated.call, run_pickled_pack, pickle_pack(pack), self._settings, self._paths, timeout=timeout
            )
        return self._pool.schedule(run_pack, args=(pack, self._settings, self._paths), timeout=timeout)

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


def _results(future: Any, pack: Pack, settings: Settings, queue: RunQueue[None]) -> list[tuple[Record, Outputs]]:
    """Return the record and outputs of each run of a pack; none if the pack is tried again."""
    try:
        return future.result()
    except FutureTimeout:
        if len(pack) > 1:
            queue.split(pack)
            return []
        return [(failed(pack[0], "timeout", f"not done after {settings.timeout:g} s", settings.device), {})]
    except (ProcessExpired, BrokenProcessPool, ProcessDiedError) as error:
        if not queue.retry([pack]):
            return []
        code = error.code if isinstance(error, ProcessDiedError) else getattr(error, "exitcode", None)
        how = "before it took a run" if code is None else f"exit code {code}"
        reason = f"the worker process died ({how}), {settings.max_retries + 1} times"
        if code == -signal.SIGKILL:
            reason += "; killed, perhaps for lack of memory: use fewer --jobs"
        return [(failed(pack[0], "failed", reason, settings.device), {})]
    except Exception as error:  # what the worker sent could not be unpickled, or the pack could not be pickled
        reason = f"{type(error).__name__}: {error}"
        return [(failed(cell, "failed", reason, settings.device), {}) for cell in pack]

"""The driver of a Ray run: decides which workers start and stop, assigns their packs, and takes their results.

It does not import Ray, so tests drive it without a cluster.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import InputError
from bench.execution.fit import failed
from bench.execution.isolated import is_isolated, pickle_pack
from bench.execution.outputs import Outputs
from bench.execution.queue import RunQueue
from bench.execution.resources import HARD_STOP, Finished, Running, Settings, Share, store_result
from bench.plan.cells import Cell
from bench.plan.packs import Pack
from bench.records.record import Record, Status

#: Resources of a node, as Ray names them: "CPU", "GPU".
Node = Mapping[str, float]

#: Seconds without a node that fits a worker after which the execution fails.
NODE_TIMEOUT = 60.0
#: Number of workers in a row that may die before their first report; then their nodes count as broken.
MAX_FAILED_STARTS = 4
#: Seconds in which no worker is started after that, if there are other workers.
START_PAUSE = 30.0


def describe_nodes(nodes: list[Node]) -> str:
    """Return the resources of nodes as text."""
    return "; ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes) or "nothing"


@dataclass
class WorkerReport:
    """What a worker returns to the driver after each step.

    Attributes
    ----------
    results : list of (Record, dict)
        Records and raw outputs of the runs that have ended.
    handle : ActorHandle or None
        The worker itself, in its first report.
    placement : dict
        Its node and GPUs.
    must_stop : bool
        Whether the process should not be used again.
    faults : list of (str, str or None, str)
        Packs that ended without records, or whose own process died: key of their first run, status (None for a death,
        after which the pack is tried again) and reason.
    """

    results: list[tuple[Record, Outputs]] = field(default_factory=list)
    handle: Any = None
    placement: dict[str, Any] = field(default_factory=dict)
    must_stop: bool = False
    faults: list[tuple[str, Status | None, str]] = field(default_factory=list)


@dataclass
class _WorkerState:
    """What the driver knows of a worker."""

    share: Share
    handle: Any = None  # None until its first report
    packs: list[Pack] = field(default_factory=list)  # assigned to it
    assigned_at: float = 0.0
    placement: Mapping[str, Any] = field(default_factory=dict)


class Driver:
    """Decides which workers start and stop, assigns their packs, and takes their results.

    Parameters
    ----------
    queue : RunQueue
    settings : Settings
    nodes : callable
        Returns the resources of the nodes that are alive.
    max_concurrent : int or None
        Limit on the number of workers.
    finished, running : callable
    clock : callable
        Returns seconds that never decrease.

    Attributes
    ----------
    error : Exception or None
        Why the execution cannot continue.
    """

    def __init__(
        self,
        queue: RunQueue[Share],
        settings: Settings,
        *,
        nodes: Callable[[], list[Node]],
        max_concurrent: int | None = None,
        finished: Finished,
        running: Running = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue, self._settings = queue, settings
        self._max_concurrent = max_concurrent or math.inf
        self._finished, self._running = finished, running
        self._workers: dict[str, _WorkerState] = {}  # by Tune's name for the trial
        self._unstored: list[tuple[Cell, tuple[Record, Outputs]]] = []
        self._failed_starts = 0  # in a row
        self._tune_failures, self._open_at_failure = 0, queue.n_open  # failures in a row, without a run that ended
        self._read_nodes, self._clock = nodes, clock
        self._nodes, self._nodes_read_at = nodes(), clock()
        self._last_capacity_at, self._paused_until = clock(), -math.inf
        self.error: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle as nothing: Tune stores its helpers to resume from, and records make that unnecessary."""
        return {}

    @property
    def is_done(self) -> bool:
        """Whether the execution may end: all runs have ended and are stored, or there is an error."""
        is_working = any(worker.packs for worker in self._workers.values())
        return self.error is not None or (self._queue.exhausted and not is_working and not self._unstored)

    def next_share(self) -> Share | None:
        """Return the share of the next worker to start; None if there are enough workers."""
        now = self._clock()
        if now - self._nodes_read_at > 1.0:
            self._nodes, self._nodes_read_at = self._read_nodes(), now
        # If all open runs wait for networks, their workers may start meanwhile.
        counts = self._queue.ready() or self._queue.waiting()
        capacity = {share: fits for share, fits in self._capacity().items() if share in counts}
        if any(worker.handle for worker in self._workers.values()) or any(capacity.values()) or not counts:
            self._last_capacity_at = now
        elif now - self._last_capacity_at > NODE_TIMEOUT:
            share = next(iter(counts))
            self.error = InputError(f"a run asks for {share}; the nodes have {describe_nodes(self._nodes)}")
        # A worker that waits for a node which has died does not count.
        placed = sum(bool(worker.handle) or self._has_node(worker.share) for worker in self._workers.values())
        if placed >= self._max_concurrent or now < self._paused_until:
            return None
        for share, fits in capacity.items():
            workers = self._workers_of(share)
            idle = sum(not worker.packs for worker in workers)
            if len(workers) < fits and idle < counts[share]:
                return share
        return None

    def add_worker(self, trial: str, share: Share) -> None:
        """Note that a worker is being started."""
        self._workers[trial] = _WorkerState(share)

    def take_report(self, trial: str, report: WorkerReport) -> bool:
        """Take a worker's report and assign its next packs; return whether the worker continues."""
        worker = self._workers.get(trial)
        if worker is None:
            return False
        if report.handle is not None:
            worker.handle, worker.placement, self._failed_starts = report.handle, report.placement, 0
        assigned = {pack[0].key: pack for pack in worker.packs}
        cells = {cell.key: cell for pack in worker.packs for cell in pack}
        results = [(cells[record.key], (record, outputs)) for record, outputs in report.results]
        for key, status, reason in report.faults:
            self._take_fault(worker, assigned.pop(key), status, reason)
        for cell, _ in results:
            assigned.pop(cell.key, None)
        self._queue.give_back(assigned.values())
        worker.packs = []
        self._unstored += results  # stored by `flush`, when the worker is at work again
        if report.must_stop:
            return self._remove_worker(trial)
        packs = self._queue.take(worker.share, workers=len(self._workers))
        if not packs and any(cell.network for cell, _ in results):
            self.flush()  # packs that waited for these networks may start
            packs = self._queue.take(worker.share, workers=len(self._workers))
        if not packs and (not self._queue.waiting().get(worker.share) or self._is_in_the_way(worker)):
            return self._remove_worker(trial)
        worker.packs, worker.assigned_at = packs, self._clock()
        sent = [pickle_pack(pack) if is_isolated(pack[0]) else pack for pack in packs]
        worker.handle.assign.remote(sent)  # Tune calls the next step after this, and calls arrive in order
        return True

    def worker_died(self, trial: str, error: str) -> None:
        """Note that a worker died, with Ray's error message, and let its packs be tried again."""
        worker = self._workers.pop(trial, None)
        if worker is None:
            return
        if worker.handle is None:
            self._count_failed_start(error)
        timeout = self._settings.timeout
        if timeout and len(worker.packs) == 1:
            (pack,) = worker.packs
            if self._clock() - worker.assigned_at >= timeout * len(pack) + HARD_STOP:
                self._take_fault(worker, pack, "timeout", f"not done after {timeout:g} s; it could only be killed")
                return
        for cell in self._queue.retry(worker.packs):
            self._record(worker, cell, "failed", f"{death_reason(error)}, {self._settings.max_retries + 1} times")

    def tune_failed(self, error: Exception) -> None:
        """Note that Tune failed and ended all workers; the cause is unknown, so no run's retries are used up."""
        for worker in self._workers.values():
            self._queue.give_back(worker.packs)
        self._workers.clear()
        self.flush()
        self._tune_failures = 0 if self._queue.n_open < self._open_at_failure else self._tune_failures + 1
        self._open_at_failure = self._queue.n_open
        if self._tune_failures > self._settings.max_retries:
            self.error = InputError(f"Ray Tune ended {self._tune_failures} times before a run had: {error}")

    def flush(self) -> None:
        """Store the results that have arrived, and show which runs are being executed."""
        try:
            while self._unstored:
                store_result(*self._unstored[0], self._queue, self._finished)
                self._unstored.pop(0)
            self._running([worker.packs[0][0] for worker in self._workers.values() if worker.packs])
        except Exception as error:  # such as of a full disk; Tune, which calls this, would ignore it
            self.error = error

    def _capacity(self) -> dict[Share, int]:
        """Return how many workers of each share fit the nodes, shares with GPUs first.

        CPUs that workers with GPUs will need are reserved for them: otherwise a GPU would be idle.
        """
        nodes = [dict(node) for node in self._nodes]
        ready, waiting = self._queue.ready(), self._queue.waiting()
        capacity = {}
        shares = {*ready, *waiting, *(worker.share for worker in self._workers.values())}
        for share in sorted(shares, key=lambda s: -s.gpus):
            capacity[share] = sum(share.fits(node) for node in nodes)
            workers = self._workers_of(share)
            # Runs that wait for a network count only while a worker of their own share may be training it.
            soon = waiting.get(share, 0) if any(worker.packs for worker in workers) else 0
            useful = ready.get(share, 0) + soon + len(workers) if share.gpus else 0
            for node in nodes:
                taken = min(share.fits(node), useful)
                useful -= taken
                node["CPU"] = node.get("CPU", 0.0) - taken * share.cpus
        return capacity

    def _has_node(self, share: Share) -> bool:
        return any(share.fits(node) for node in self._nodes)

    def _is_in_the_way(self, idle: _WorkerState) -> bool:
        """Tell whether an idle worker, whose runs wait for a network, takes the place of one with another share."""
        others = [worker for worker in self._workers.values() if worker.share != idle.share]
        full = len(self._workers) >= self._max_concurrent
        return any(worker.handle is None for worker in others) or (full and any(self._queue.ready()))

    def _workers_of(self, share: Share) -> list[_WorkerState]:
        return [worker for worker in self._workers.values() if worker.share == share]

    def _count_failed_start(self, error: str) -> None:
        self._failed_starts += 1
        if self._failed_starts < MAX_FAILED_STARTS:
            return
        if self._workers:
            self._paused_until = self._clock() + START_PAUSE
        else:
            self.error = InputError(f"workers die before they can start: {error.strip().splitlines()[-1]}")

    def _remove_worker(self, trial: str) -> bool:
        del self._workers[trial]  # and the handle, which would keep the process alive
        return False

    def _take_fault(self, worker: _WorkerState, pack: Pack, status: Status | None, reason: str) -> None:
        """Record how a pack ended without records, or let it be tried again."""
        if status == "timeout" and len(pack) > 1:
            self._queue.split(pack)
        elif status is not None:
            for cell in pack:
                self._record(worker, cell, status, reason)
        else:
            for cell in self._queue.retry([pack]):
                self._record(worker, cell, "failed", f"{reason}, {self._settings.max_retries + 1} times")

    def _record(self, worker: _WorkerState, cell: Cell, status: Status, error: str) -> None:
        self._unstored.append((cell, (failed(cell, status, error, self._settings.device, worker.placement), {})))


def death_reason(error: str) -> str:
    """Return one line that says why a worker died, from Ray's error message."""
    if "low on memory" in error:
        used = re.search(r"was (\S+ used / \S+ limit)", error)
        return f"killed for lack of memory{f' ({used[1]})' if used else ''}: use a smaller --max-concurrent"
    if re.search(r"node (has|was|is) (died|dead|terminated|removed)|[Rr]aylet", error):
        return "the node died"
    if re.search(r"Object\w*Error|OwnerDied", error):
        return "a node died that held its data"
    return "the worker process died (killed, perhaps for lack of memory, or ended by the method)"

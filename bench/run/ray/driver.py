"""Which lanes a Ray run needs, what each is given, and what becomes of the results. Nothing here imports Ray."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import InputError
from bench.plan.cells import Cell
from bench.records.record import Record, Status
from bench.run.fit import Outputs, failed
from bench.run.isolated import is_apart, seal
from bench.run.queue import Backlog
from bench.run.resources import HARD_STOP, Finished, Running, Settings, Share, hand_over

#: A node's resources, as Ray names them: "CPU", "GPU".
Node = Mapping[str, float]

#: Seconds without a node that could hold a lane after which a run ends.
PATIENCE = 60.0
#: Lanes in a row that may die before they report: then the nodes where they start are bad.
STILLBORN = 4
#: Seconds in which no lane is started after that, if others are at work.
PAUSE = 30.0


def listed(nodes: list[Node]) -> str:
    """Return nodes in words."""
    return "; ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes) or "nothing"


@dataclass
class Report:
    """What a lane tells the driver after each step.

    Attributes
    ----------
    outcomes : list of (Record, dict)
        Of the cells that have ended.
    handle : ActorHandle or None
        The lane itself; in its first report.
    placement : dict
        Its node and GPUs.
    spent : bool
        Whether the process should not be used again.
    faults : list of (str, str or None, str)
        Of the cells that ended without a record, or whose process of their own died: key, status (None for a death,
        after which a cell is tried again) and reason.
    """

    outcomes: list[tuple[Record, Outputs]] = field(default_factory=list)
    handle: Any = None
    placement: dict[str, Any] = field(default_factory=dict)
    spent: bool = False
    faults: list[tuple[str, Status | None, str]] = field(default_factory=list)


@dataclass
class _Lane:
    """What the driver knows of a lane."""

    share: Share
    handle: Any = None  # once it has reported
    cells: list[Cell] = field(default_factory=list)
    given: float = 0.0  # when it got them
    placement: Mapping[str, Any] = field(default_factory=dict)


class Driver:
    """Says when lanes start and stop, gives them their cells, and takes their results.

    Parameters
    ----------
    backlog : Backlog
    settings : Settings
    nodes : callable
        Returns the resources of the nodes that are alive.
    max_concurrent : int or None
        Lanes at one time.
    finished, running : callable
    clock : callable
        Seconds, ever rising.

    Attributes
    ----------
    trouble : Exception or None
        Why the run cannot go on.
    """

    def __init__(
        self,
        backlog: Backlog[Share],
        settings: Settings,
        *,
        nodes: Callable[[], list[Node]],
        max_concurrent: int | None = None,
        finished: Finished,
        running: Running = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backlog, self._settings = backlog, settings
        self._max_concurrent = max_concurrent or math.inf
        self._finished, self._running = finished, running
        self._lanes: dict[str, _Lane] = {}
        self._outbox: list[tuple[Cell, tuple[Record, Outputs]]] = []
        self._stillborn, self._breaks, self._left_at_break = 0, 0, backlog.left
        self._alive_nodes, self._clock = nodes, clock
        self._nodes, self._looked, self._last_room, self._paused = nodes(), clock(), clock(), -math.inf
        self.trouble: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle as nothing: Tune writes its helpers to disk, to restore from what we keep better."""
        return {}

    @property
    def over(self) -> bool:
        """Whether the run may end: nothing to hand out and no lane at work, or no hope."""
        at_work = any(lane.cells for lane in self._lanes.values())
        return self.trouble is not None or (self._backlog.over and not at_work and not self._outbox)

    def wanted(self) -> Share | None:
        """Return what the next lane should ask for; None if there are enough of them."""
        now = self._clock()
        if now - self._looked > 1.0:  # nodes come and go
            self._nodes, self._looked = self._alive_nodes(), now
        # Where all that is left waits for networks, its lanes may start meanwhile.
        waiting = self._backlog.ready() or self._backlog.held()
        room = {share: fits for share, fits in self._room().items() if share in waiting}
        if any(lane.handle for lane in self._lanes.values()) or any(room.values()) or not waiting:
            self._last_room = now
        elif now - self._last_room > PATIENCE:
            share = next(iter(waiting))
            self.trouble = InputError(f"a cell asks for {share}; the nodes alive have {listed(self._nodes)}")
        # A lane that waits for a node which is gone takes nobody's place.
        placed = sum(bool(lane.handle) or self._has_node(lane.share) for lane in self._lanes.values())
        if placed >= self._max_concurrent or now < self._paused:
            return None
        for share, fits in room.items():
            alike = self._alike(share)
            starting = sum(not lane.cells for lane in alike)
            if len(alike) < fits and starting < waiting[share]:
                return share
        return None

    def start(self, trial: str, share: Share) -> None:
        """Note that a lane is being started."""
        self._lanes[trial] = _Lane(share)

    def result(self, trial: str, report: Report) -> bool:
        """Take what a lane reports and give it its next cells; return whether it goes on."""
        lane = self._lanes.get(trial)
        if lane is None:
            return False
        if report.handle is not None:
            lane.handle, lane.placement, self._stillborn = report.handle, report.placement, 0
        given = {cell.key: cell for cell in lane.cells}
        outcomes = [(given.pop(record.key), (record, outputs)) for record, outputs in report.outcomes]
        for key, status, reason in report.faults:
            self._take_fault(lane, given.pop(key), status, reason)
        self._backlog.put_back(given.values())
        lane.cells = []
        self._outbox += outcomes  # written when the lane is at work again: see ``rest``
        if report.spent:
            return self._dismiss(trial)
        cells = self._backlog.take(lane.share, workers=len(self._lanes))
        if not cells and any(cell.network for cell, _ in outcomes):
            self.rest()  # what waited for these networks may start
            cells = self._backlog.take(lane.share, workers=len(self._lanes))
        if not cells and (not self._backlog.held().get(lane.share) or self._is_in_the_way(lane)):
            return self._dismiss(trial)
        lane.cells, lane.given = cells, self._clock()
        sent = [seal(cell) if is_apart(cell) else cell for cell in cells]
        lane.handle.assign.remote(sent)  # Tune calls the next step after this, and calls arrive in order
        return True

    def lost(self, trial: str, error: str) -> None:
        """Note that a lane died, as Ray tells it, and let its cells be tried again."""
        lane = self._lanes.pop(trial, None)
        if lane is None:
            return
        if lane.handle is None:
            self._count_stillborn(error)
        timeout = self._settings.timeout
        if timeout and len(lane.cells) == 1 and self._clock() - lane.given >= timeout + HARD_STOP:
            self._record(lane, lane.cells[0], "timeout", f"not done after {timeout:g} s; it could only be killed")
            return
        for cell in self._backlog.lost(lane.cells):
            self._record(lane, cell, "failed", f"{reason_of(error)}, {self._settings.max_retries + 1} times")

    def bereaved(self, error: Exception) -> None:
        """Note that Tune gave up and ended all lanes; nobody knows whose fault it was, so none is charged."""
        for lane in self._lanes.values():
            self._backlog.put_back(lane.cells)
        self._lanes.clear()
        self.rest()
        self._breaks = 0 if self._backlog.left < self._left_at_break else self._breaks + 1
        self._left_at_break = self._backlog.left
        if self._breaks > self._settings.max_retries:
            self.trouble = InputError(f"Ray Tune ended {self._breaks} times before a cell had: {error}")

    def rest(self) -> None:
        """Do what can wait until the lanes are at work: store what came in, show what is going on."""
        try:
            while self._outbox:
                hand_over(*self._outbox[0], self._backlog, self._finished)
                self._outbox.pop(0)
            self._running([lane.cells[0] for lane in self._lanes.values() if lane.cells])
        except Exception as error:  # a full disk: Tune, which calls this, would swallow it
            self.trouble = error

    def _room(self) -> dict[Share, int]:
        """Return how many lanes of each share have a place; who asks for GPUs goes first.

        CPUs that their lanes will need are not given to others: a GPU would stand idle.
        """
        nodes = [dict(node) for node in self._nodes]
        ready, held = self._backlog.ready(), self._backlog.held()
        room = {}
        for share in sorted({*ready, *held, *(lane.share for lane in self._lanes.values())}, key=lambda s: -s.gpus):
            room[share] = sum(share.fits(node) for node in nodes)
            alike = self._alike(share)
            # What waits for a network gets a place in advance only while its own kind may be training it.
            soon = held.get(share, 0) if any(lane.cells for lane in alike) else 0
            useful = ready.get(share, 0) + soon + len(alike) if share.gpus else 0
            for node in nodes:
                taken = min(share.fits(node), useful)
                useful -= taken
                node["CPU"] = node.get("CPU", 0.0) - taken * share.cpus
        return room

    def _has_node(self, share: Share) -> bool:
        return any(share.fits(node) for node in self._nodes)

    def _is_in_the_way(self, idle: _Lane) -> bool:
        """Tell whether a lane that waits for a network has the place that another kind wants."""
        others = [lane for lane in self._lanes.values() if lane.share != idle.share]
        full = len(self._lanes) >= self._max_concurrent
        return any(lane.handle is None for lane in others) or (full and any(self._backlog.ready()))

    def _alike(self, share: Share) -> list[_Lane]:
        return [lane for lane in self._lanes.values() if lane.share == share]

    def _count_stillborn(self, error: str) -> None:
        self._stillborn += 1
        if self._stillborn < STILLBORN:
            return
        if self._lanes:  # they work, or may yet
            self._paused = self._clock() + PAUSE
        else:
            self.trouble = InputError(f"workers die before they can start: {error.strip().splitlines()[-1]}")

    def _dismiss(self, trial: str) -> bool:
        del self._lanes[trial]  # with it goes the handle, which would keep the process alive
        return False

    def _take_fault(self, lane: _Lane, cell: Cell, status: Status | None, reason: str) -> None:
        """Record how a cell of somebody's method ended in its own process, or let it be tried again."""
        if status is not None:
            self._record(lane, cell, status, reason)
        elif self._backlog.lost([cell]):
            self._record(lane, cell, "failed", f"{reason}, {self._settings.max_retries + 1} times")

    def _record(self, lane: _Lane, cell: Cell, status: Status, error: str) -> None:
        self._outbox.append((cell, (failed(cell, status, error, self._settings.device, lane.placement), {})))


def reason_of(error: str) -> str:
    """Return in a line why Ray says that a worker died."""
    if "low on memory" in error:
        used = re.search(r"was (\S+ used / \S+ limit)", error)
        return f"killed for want of memory{f' ({used[1]})' if used else ''}: try fewer cells at a time"
    if re.search(r"node (has|was|is) (died|dead|terminated|removed)|[Rr]aylet", error):
        return "the node died"
    if re.search(r"Object\w*Error|OwnerDied", error):
        return "a node died that held its data"
    return "the worker process died (killed, perhaps for want of memory, or ended by the method)"

"""What is left to run, and which of it may start now. Nothing here knows what runs the cells."""

from __future__ import annotations

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from bench.plan.cells import Cell

Kind = TypeVar("Kind", bound=Hashable)

#: Work handed out at once, in seconds: much beside the cost of handing it out, little beside a user's patience.
GROUP_SECONDS = 0.5
#: Seconds after which to look for networks that have been trained.
_LOOK_AGAIN = 1.0


class Backlog(Generic[Kind]):
    """Hands out cells, so that each ends exactly once and none waits for another's network while it could run.

    Cells that share a pretrained network depend on each other: one of them goes first and trains it, the
    others are held back until it is there. Only then can any worker take any of them.

    Parameters
    ----------
    cells : sequence of Cell
        In the order in which they are wanted.
    max_retries : int
        How often a cell is handed out again whose worker died.
    is_trained : callable
        Tells whether the network of a name can be had already.
    kind_of : callable
        Sorts cells by what they ask of a worker.
    seconds : mapping of (str, str) to float
        What a cell of (data set, configuration) is known to take.

    Attributes
    ----------
    cells : tuple of Cell
        All of them, whatever has become of them.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        max_retries: int = 2,
        is_trained: Callable[[str], bool] = lambda _: False,
        kind_of: Callable[[Cell], Kind],
        seconds: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        self.cells = tuple(cells)
        self._position = {cell.key: i for i, cell in enumerate(cells)}
        self._max_retries, self._is_trained, self._kind_of = max_retries, is_trained, kind_of
        self._seconds = {place: [value] for place, value in (seconds or {}).items()}
        self._ready: dict[Kind, list[tuple[int, Cell]]] = defaultdict(list)
        self._held: dict[str | None, list[Cell]] = {}  # by network: cells that wait for the one that trains it
        self._held_kinds: Counter[Kind] = Counter()
        self._trainer: dict[str | None, str] = {}  # by network: key of the cell that trains it
        self._trained: set[str] = set()
        self._open = {cell.key for cell in cells}
        self._losses: Counter[str] = Counter()
        self._alone: set[str] = set()
        self._looked = time.monotonic()  # for trained networks
        self.closed = False
        for cell in cells:
            self._admit(cell)

    @property
    def left(self) -> int:
        """Number of cells that have not ended."""
        return len(self._open)

    @property
    def over(self) -> bool:
        """Whether nothing more will be handed out."""
        return self.closed or not self._open

    def close(self) -> None:
        """Hand out nothing more; what is being worked on may still end."""
        self.closed = True

    def ready(self) -> dict[Kind, int]:
        """Return how many cells of each kind could start now."""
        if self.closed:
            return {}
        # The cell that trains a network goes on for long after: let the others begin as soon as it is there.
        if not any(self._ready.values()) or time.monotonic() - self._looked > _LOOK_AGAIN:
            for network in [n for n in self._trainer if n and self._is_trained(n)]:
                self._release(network)
            self._looked = time.monotonic()
        return {kind: len(cells) for kind, cells in self._ready.items() if cells}

    def held(self) -> dict[Kind, int]:
        """Return how many cells of each kind wait for a network."""
        if self.closed:
            return {}
        return {kind: cells for kind, cells in self._held_kinds.items() if cells}

    def take(self, kind: Kind, workers: int | None = None) -> list[Cell]:
        """Take cells to be worked on one after the other; none if none can start now.

        Parameters
        ----------
        kind : hashable
            As ``kind_of`` sorts them.
        workers : int or None
            Workers that share the cells: short ones are grouped, but never so many that the others go
            idle. None takes one.

        Returns
        -------
        list of Cell
            More than one only if all are known to be short, of one data set.
        """
        if not self.ready().get(kind):
            return []
        heap = self._ready[kind]
        group = [heapq.heappop(heap)[1]]
        expected = self._expected(group[0])
        if expected is None or workers is None:
            return group
        most = 1 + len(heap) // (2 * workers)
        while heap and len(group) < most and heap[0][1].spec == group[0].spec:
            next_one = self._expected(heap[0][1])
            if next_one is None or expected + next_one > GROUP_SECONDS:
                break
            expected += next_one
            group.append(heapq.heappop(heap)[1])
        return group

    def ended(self, cell: Cell, *, ok: bool, seconds: float | None = None) -> None:
        """Note that a cell has its record, and how long it took."""
        self._open.discard(cell.key)
        if seconds is not None:
            self._seconds.setdefault((cell.dataset, cell.configuration.config), []).append(seconds)
        network = cell.network
        if network and self._trainer.get(network) == cell.key:
            if ok:
                self._release(network)
            else:
                self._promote(network)

    def put_back(self, cells: Iterable[Cell]) -> None:
        """Take back cells that nobody has begun."""
        for cell in cells:
            self._push(cell)

    def lost(self, cells: Iterable[Cell]) -> list[Cell]:
        """Take back cells whose worker died before they ended; return those that have been tried often enough.

        Where several were taken it is not known which of them killed the worker: each is tried alone, and
        none is charged. The caller records what is returned as failed, and then calls ``ended``.
        """
        cells = [cell for cell in cells if cell.key in self._open]
        given_up = []
        for cell in cells:
            self._losses[cell.key] += len(cells) == 1
            if self._losses[cell.key] > self._max_retries:
                given_up.append(cell)
                continue
            self._alone.add(cell.key)
            self._push(cell)
        return given_up

    def _admit(self, cell: Cell) -> None:
        network = cell.network
        if network in self._trainer:
            self._held.setdefault(network, []).append(cell)
            self._held_kinds[self._kind_of(cell)] += 1
            return
        if network and network not in self._trained:
            if self._is_trained(network):
                self._trained.add(network)
            else:
                self._trainer[network] = cell.key
        self._push(cell)

    def _push(self, cell: Cell) -> None:
        heapq.heappush(self._ready[self._kind_of(cell)], (self._position[cell.key], cell))

    def _release(self, network: str) -> None:
        self._trained.add(network)
        self._promote(network)

    def _promote(self, network: str) -> None:
        """Let those that waited go; one of them trains the network if it is not there."""
        del self._trainer[network]
        for cell in self._held.pop(network, []):
            self._held_kinds[self._kind_of(cell)] -= 1
            self._admit(cell)

    def _expected(self, cell: Cell) -> float | None:
        """Return the seconds a cell should take; None where it is not known or where the cell is to run alone."""
        if cell.key in self._alone:
            return None
        seen = self._seconds.get((cell.dataset, cell.configuration.config))
        return sum(seen) / len(seen) if seen else None

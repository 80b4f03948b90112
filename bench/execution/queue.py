"""The queue of planned runs: which are open, and which may start now; it knows nothing of executors."""

from __future__ import annotations

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from bench.plan.cells import Cell

Kind = TypeVar("Kind", bound=Hashable)

#: Expected seconds of a group of short runs: long beside the cost of sending it, short for a user who waits.
GROUP_SECONDS = 0.5
#: Seconds between two checks for trained networks.
_CHECK_INTERVAL = 1.0


class RunQueue(Generic[Kind]):
    """Hands out planned runs so that each ends exactly once, and none trains a network that another one trains.

    Of the runs that share a pretrained network, one starts first and trains it; the others wait until the network
    is stored. Then any worker can take any of them.

    Parameters
    ----------
    cells : sequence of Cell
        The planned runs, in the order in which they should start.
    max_retries : int
        How often a run is handed out again after its worker died.
    is_trained : callable
        Takes the name of a network; returns whether it is stored.
    kind_of : callable
        Returns what a run needs of a worker; runs of one kind can have the same worker.
    seconds : mapping of (str, str) to float
        Known duration of a run, by data set and configuration.

    Attributes
    ----------
    cells : tuple of Cell
        All planned runs, ended ones included.
    closed : bool
        Whether `close` was called.
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
        self._waiting: dict[str | None, list[Cell]] = {}  # by network
        self._waiting_kinds: Counter[Kind] = Counter()
        self._trainers: dict[str | None, str] = {}  # by network: key of the run that trains it
        self._trained: set[str] = set()
        self._open = {cell.key for cell in cells}
        self._deaths: Counter[str] = Counter()  # by key
        self._ungrouped: set[str] = set()
        self._checked_at = time.monotonic()
        self.closed = False
        for cell in cells:
            self._admit(cell)

    @property
    def n_open(self) -> int:
        """Number of runs that have not ended."""
        return len(self._open)

    @property
    def exhausted(self) -> bool:
        """Whether no further run will be handed out."""
        return self.closed or not self._open

    def close(self) -> None:
        """Hand out no further run; those that are running may still end."""
        self.closed = True

    def ready(self) -> dict[Kind, int]:
        """Return how many runs of each kind could start now."""
        if self.closed:
            return {}
        # The run that trains a network goes on long after: the others may start as soon as the network is stored.
        if not any(self._ready.values()) or time.monotonic() - self._checked_at > _CHECK_INTERVAL:
            for network in [n for n in self._trainers if n and self._is_trained(n)]:
                self._mark_trained(network)
            self._checked_at = time.monotonic()
        return {kind: len(cells) for kind, cells in self._ready.items() if cells}

    def waiting(self) -> dict[Kind, int]:
        """Return how many runs of each kind wait for a network."""
        if self.closed:
            return {}
        return {kind: cells for kind, cells in self._waiting_kinds.items() if cells}

    def take(self, kind: Kind, workers: int | None = None) -> list[Cell]:
        """Take runs for one worker, to be run one after the other.

        Parameters
        ----------
        kind : hashable
            As ``kind_of`` returns it.
        workers : int or None
            Number of workers that share the runs. Short runs are grouped, in groups small enough that every worker
            gets some. None takes a single run.

        Returns
        -------
        list of Cell
            Empty if none can start now. More than one only if all are known to be short and have one data set.
        """
        if not self.ready().get(kind):
            return []
        heap = self._ready[kind]
        group = [heapq.heappop(heap)[1]]
        expected = self._expected_seconds(group[0])
        if expected is None or workers is None:
            return group
        most = 1 + len(heap) // (2 * workers)
        while heap and len(group) < most and heap[0][1].spec == group[0].spec:
            next_one = self._expected_seconds(heap[0][1])
            if next_one is None or expected + next_one > GROUP_SECONDS:
                break
            expected += next_one
            group.append(heapq.heappop(heap)[1])
        return group

    def mark_ended(self, cell: Cell, *, ok: bool, seconds: float | None = None) -> None:
        """Note that a run has its record, and how long it took."""
        self._open.discard(cell.key)
        if seconds is not None:
            self._seconds.setdefault((cell.dataset, cell.configuration.config), []).append(seconds)
        network = cell.network
        if network and self._trainers.get(network) == cell.key:
            if ok:
                self._mark_trained(network)
            else:
                self._readmit(network)

    def give_back(self, cells: Iterable[Cell]) -> None:
        """Take back runs that have not been started."""
        for cell in cells:
            self._push(cell)

    def retry(self, cells: Iterable[Cell]) -> list[Cell]:
        """Take back runs whose worker died; return those that have no retry left.

        If the worker had several runs, it is unknown which of them killed it: each is tried by itself, and the death
        counts for none. The caller records the returned runs as failed and passes them to `mark_ended`.
        """
        cells = [cell for cell in cells if cell.key in self._open]
        exhausted = []
        for cell in cells:
            self._deaths[cell.key] += len(cells) == 1
            if self._deaths[cell.key] > self._max_retries:
                exhausted.append(cell)
                continue
            self._ungrouped.add(cell.key)
            self._push(cell)
        return exhausted

    def _admit(self, cell: Cell) -> None:
        """Make a run ready, or let it wait for the run that trains its network."""
        network = cell.network
        if network in self._trainers:
            self._waiting.setdefault(network, []).append(cell)
            self._waiting_kinds[self._kind_of(cell)] += 1
            return
        if network and network not in self._trained:
            if self._is_trained(network):
                self._trained.add(network)
            else:
                self._trainers[network] = cell.key
        self._push(cell)

    def _push(self, cell: Cell) -> None:
        heapq.heappush(self._ready[self._kind_of(cell)], (self._position[cell.key], cell))

    def _mark_trained(self, network: str) -> None:
        self._trained.add(network)
        self._readmit(network)

    def _readmit(self, network: str) -> None:
        """Admit the runs that wait for a network; if it is still untrained, the first one trains it."""
        del self._trainers[network]
        for cell in self._waiting.pop(network, []):
            self._waiting_kinds[self._kind_of(cell)] -= 1
            self._admit(cell)

    def _expected_seconds(self, cell: Cell) -> float | None:
        """Return the mean duration of such runs; None if it is unknown or the run must not be grouped."""
        if cell.key in self._ungrouped:
            return None
        seen = self._seconds.get((cell.dataset, cell.configuration.config))
        return sum(seen) / len(seen) if seen else None

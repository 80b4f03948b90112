"""The queue of packs of runs: which are open, and which may start now; it knows nothing of executors."""

from __future__ import annotations

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from bench.plan.cells import Cell
from bench.plan.packs import Pack

Kind = TypeVar("Kind", bound=Hashable)

#: Expected seconds of a group of short runs: long beside the cost of sending it, short for a user who waits.
GROUP_SECONDS = 0.5
#: Seconds between two checks for trained networks.
_CHECK_INTERVAL = 1.0


class RunQueue(Generic[Kind]):
    """Hands out packs of runs so that each run ends exactly once, and none trains a network that another one trains.

    Of the packs that share pretrained networks, one starts first and trains them; the others wait until the networks
    are stored. Then any worker can take any of them.

    Parameters
    ----------
    packs : sequence of tuple of Cell
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
        packs: Sequence[Pack],
        *,
        max_retries: int = 2,
        is_trained: Callable[[str], bool] = lambda _: False,
        kind_of: Callable[[Cell], Kind],
        seconds: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        self.cells = tuple(cell for pack in packs for cell in pack)
        self._position = {cell.key: i for i, cell in enumerate(self.cells)}
        self._max_retries, self._is_trained, self._kind_of = max_retries, is_trained, kind_of
        self._seconds = {place: [value] for place, value in (seconds or {}).items()}
        self._ready: dict[Kind, list[tuple[int, Pack]]] = defaultdict(list)
        self._waiting: dict[str, list[Pack]] = {}  # by the network that they wait for
        self._waiting_kinds: Counter[Kind] = Counter()
        self._trainers: dict[str, str] = {}  # by network: key of the run that trains it
        self._trained: set[str] = set()
        self._open = {cell.key for cell in self.cells}
        self._deaths: Counter[tuple[str, ...]] = Counter()  # by keys of a pack
        self._ungrouped: set[str] = set()
        self._checked_at = time.monotonic()
        self.closed = False
        for pack in packs:
            self._admit(pack)

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
        """Return how many packs of each kind could start now."""
        if self.closed:
            return {}
        # The run that trains a network goes on long after: the others may start as soon as the network is stored.
        if not any(self._ready.values()) or time.monotonic() - self._checked_at > _CHECK_INTERVAL:
            for network in [n for n in self._trainers if self._is_trained(n)]:
                self._mark_trained(network)
            self._checked_at = time.monotonic()
        return {kind: len(packs) for kind, packs in self._ready.items() if packs}

    def waiting(self) -> dict[Kind, int]:
        """Return how many packs of each kind wait for a network."""
        if self.closed:
            return {}
        return {kind: packs for kind, packs in self._waiting_kinds.items() if packs}

    def take(self, kind: Kind, workers: int | None = None) -> list[Pack]:
        """Take packs for one worker, to be executed one after the other.

        Parameters
        ----------
        kind : hashable
            As ``kind_of`` returns it.
        workers : int or None
            Number of workers that share the packs. Short packs are grouped, in groups small enough that every worker
            gets some. None takes a single pack.

        Returns
        -------
        list of tuple of Cell
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
        while heap and len(group) < most and heap[0][1][0].spec == group[0][0].spec:
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

    def give_back(self, packs: Iterable[Pack]) -> None:
        """Take back packs that have not been started."""
        for pack in packs:
            self._push(pack)

    def retry(self, packs: Iterable[Pack]) -> list[Cell]:
        """Take back packs whose worker died; return the runs that have no retry left.

        If the worker had several packs, it is unknown which of them killed it: each is tried by itself, and the death
        counts for none. A pack that dies a second time is tried seed by seed. The caller records the returned runs as
        failed and passes them to `mark_ended`.
        """
        packs = [open_ones for pack in packs if (open_ones := self._still_open(pack))]
        exhausted: list[Cell] = []
        for pack in packs:
            keys = tuple(cell.key for cell in pack)
            self._ungrouped.update(keys)
            self._deaths[keys] += len(packs) == 1
            if len(pack) > 1 and self._deaths[keys] > 1:
                self.split(pack)
            elif len(pack) == 1 and self._deaths[keys] > self._max_retries:
                exhausted += pack
            else:
                self._push(pack)
        return exhausted

    def split(self, pack: Pack) -> None:
        """Take back a pack, to hand out each of its runs by itself."""
        for cell in self._still_open(pack):
            self._push((cell,))

    def _still_open(self, pack: Pack) -> Pack:
        return tuple(cell for cell in pack if cell.key in self._open)

    def _admit(self, pack: Pack) -> None:
        """Make a pack ready, or let it wait for a run that trains a network of it."""
        networks = [(cell.network, cell.key) for cell in pack if cell.network]
        for network, _ in networks:
            if network in self._trainers:
                self._waiting.setdefault(network, []).append(pack)
                self._waiting_kinds[self._kind_of(pack[0])] += 1
                return
        for network, key in networks:
            if network in self._trained:
                continue
            if self._is_trained(network):
                self._trained.add(network)
            else:
                self._trainers[network] = key
        self._push(pack)

    def _push(self, pack: Pack) -> None:
        heapq.heappush(self._ready[self._kind_of(pack[0])], (self._position[pack[0].key], pack))

    def _mark_trained(self, network: str) -> None:
        self._trained.add(network)
        self._readmit(network)

    def _readmit(self, network: str) -> None:
        """Admit the packs that wait for a network; if it is still untrained, the first one trains it."""
        del self._trainers[network]
        for pack in self._waiting.pop(network, []):
            self._waiting_kinds[self._kind_of(pack[0])] -= 1
            self._admit(pack)

    def _expected_seconds(self, pack: Pack) -> float | None:
        """Return the mean duration of such packs; None if it is unknown or the pack must not be grouped."""
        if pack[0].key in self._ungrouped:
            return None
        seen = self._seconds.get((pack[0].dataset, pack[0].configuration.config))
        return len(pack) * sum(seen) / len(seen) if seen else None

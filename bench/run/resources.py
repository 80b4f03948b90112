"""How runs are executed: settings of every executor, and what a run asks of its machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.method import MethodInfo
from bench.plan.cells import Cell
from bench.plan.registry import find_method
from bench.records.record import Record
from bench.run.fit import Outputs
from bench.run.queue import Backlog


@dataclass(frozen=True)
class Share:
    """What one worker asks of its machine.

    Attributes
    ----------
    cpus, gpus : float
        Fractions of a GPU share it.
    """

    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{self.cpus:g} CPUs and {self.gpus:g} GPUs"

    def fits(self, node: Mapping[str, float]) -> int:
        """Return how many such workers a node holds, by its resources as Ray names them ("CPU", "GPU")."""
        fits = int(node.get("CPU", 0.0) / self.cpus + 1e-9)
        if not self.gpus:
            return fits
        gpus = int(node.get("GPU", 0.0))
        # A worker gets a part of one GPU or whole ones: .4 puts two on each, and leaves a fifth of it.
        on_gpus = gpus * int(1 / self.gpus + 1e-9) if self.gpus < 1 else int(gpus / self.gpus + 1e-9)
        return min(fits, on_gpus)


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How a run shares out its machines.

    Attributes
    ----------
    cpus : float
        CPUs of a cell.
    gpus : float or None
        GPUs of a cell; .25 puts four cells on one. None: one where there is any, else none.
    max_concurrent : int or None
        Cells at one time.
    use_gpus : bool
        Whether there are any to be used; without, no cell gets one, whatever its method wishes.
    """

    cpus: float = 1.0
    gpus: float | None = None
    max_concurrent: int | None = None
    use_gpus: bool = True

    def of(self, cell: Cell) -> Share:
        """Return what a cell asks for; its method's own wish goes first."""
        wish = find_method(cell.configuration.source).resources
        return Share(wish.get("cpus", self.cpus), wish.get("gpus", self.gpus or 0.0) if self.use_gpus else 0.0)


#: Takes a cell that has ended, its record and its raw outputs.
Finished = Callable[[Cell, Record, Outputs], None]
#: Told a few times a second which cells are being worked on.
Running = Callable[[list[Cell]], None]

#: Seconds after its time is up in which a cell may heed the alarm; then its process is ended.
HARD_STOP = 10.0


@dataclass(frozen=True)
class Settings:
    """What every executor needs to know.

    Attributes
    ----------
    threads : int or None
        Threads of a cell; None gives it as many as it has CPUs. Floating-point sums depend on them, so the same
        records come from the same number of threads; how many cells run at once never matters.
    cpus : float
        CPUs of a cell whose method wishes for no other number.
    device : str
        "auto", "cpu", "cuda", ...
    memory : str or None
        Folder of pretrained networks.
    timeout : float or None
        Seconds a cell may take.
    max_retries : int
        How often a cell is tried again whose worker died.
    """

    threads: int | None = None
    cpus: float = 1.0
    device: str = "auto"
    memory: str | None = None
    timeout: float | None = None
    max_retries: int = 2

    def threads_of(self, method: MethodInfo) -> int:
        """Return how many threads a cell of a method has."""
        return self.threads or max(1, int(method.resources.get("cpus", self.cpus)))


def hand_over(cell: Cell, outcome: tuple[Record, Outputs], backlog: Backlog[Any], finished: Finished) -> None:
    """Store what came of a cell, and let the backlog know."""
    record, outputs = outcome
    finished(cell, record, outputs)
    took = record.timings.get("fit")
    ok = record.status == "ok"
    backlog.ended(cell, ok=ok, seconds=None if took is None else took + record.timings.get("score", 0.0))

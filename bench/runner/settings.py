"""How cells are run; nothing here changes what a cell is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.cells import Cell
from bench.method import MethodInfo
from bench.runner.backlog import Backlog
from bench.runner.cell import Outputs
from bench.store import Record

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

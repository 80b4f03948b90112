"""How much of a machine a cell gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.cells import Cell
from bench.registry import find_method


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

"""Packs: runs that one worker executes together, one configuration on one data set with some of its seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from bench.plan.cells import Cell
from bench.plan.registry import find_method

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

#: Runs that differ in their seeds alone; many methods train these together.
Pack: TypeAlias = tuple[Cell, ...]

#: Seeds of a pack. More save little time, and a pack that dies is repeated.
MOST_TOGETHER = 20
#: Bytes of a worker before its first run: Python, NumPy, scikit-learn, PyTorch and the built-in methods.
PROCESS_MEMORY = 5.5e8


def divide(
    planned: Sequence[Cell],
    remaining: Iterable[Cell],
    workers: int,
    most_seeds: Callable[[Cell], int] = lambda _: MOST_TOGETHER,
) -> list[Pack]:
    """Divide runs into packs.

    Which runs share a pack is decided by the plan, so that a command that goes on repeats the packs of the first one:
    on a GPU, results depend on them in their last digits.

    Parameters
    ----------
    planned : sequence of Cell
        All runs of the plan.
    remaining : iterable of Cell
        Those to execute; a pack holds only these.
    workers : int
        Number of workers that share the packs. With several, a configuration has at least two packs, and every worker
        has a pack, if there are enough runs.
    most_seeds : callable
        Returns how many seeds of a configuration fit the memory of a worker.

    Returns
    -------
    list of tuple of Cell
        In the order of the plan. Runs of a method that cannot train seeds together are packs of one.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in planned:
        groups.setdefault((cell.spec, cell.configuration.config if trains_together(cell) else cell.key), []).append(
            cell
        )
    left = {cell.key for cell in remaining}
    fair = -(-len(planned) // workers)
    packs = []
    for cells in groups.values():
        size = len(cells) if workers == 1 else min(-(-len(cells) // 2), fair)
        size = max(1, min(size, MOST_TOGETHER, most_seeds(cells[0])))
        size = -(-len(cells) // -(-len(cells) // size))  # packs of nearly equal size
        for start in range(0, len(cells), size):
            packs.append(tuple(cell for cell in cells[start : start + size] if cell.key in left))
    return [pack for pack in packs if pack]


def memory_of_pack(cell: Cell, dataset: Dataset, n_seeds: int) -> float | None:
    """Return about how many bytes a worker has at most with a pack of so many seeds; None where a method does not tell.

    A method tells by ``pack_memory(n_samples, n_features, n_seeds)``, the bytes of its fit without the points.
    """
    estimator = find_method(cell.configuration.source).load()(**cell.configuration.params)
    if not hasattr(estimator, "pack_memory"):
        return None
    return PROCESS_MEMORY + dataset.x.nbytes + float(estimator.pack_memory(*dataset.x.shape, n_seeds))


def seeds_that_fit(datasets: Mapping[str, Dataset], available: float) -> Callable[[Cell], int]:
    """Return a function that tells how many seeds of a configuration a worker with so many bytes can train together."""

    def most(cell: Cell) -> int:
        sizes = range(MOST_TOGETHER, 1, -1)
        return next((n for n in sizes if (memory_of_pack(cell, datasets[cell.spec], n) or 0.0) <= available), 1)

    return most


def trains_together(cell: Cell) -> bool:
    """Tell whether the method of a run trains seeds together; those of the selection have data of their own."""
    if cell.part != "whole" or not cell.configuration.seeded:
        return False
    return hasattr(find_method(cell.configuration.source).load(), "fit_seeds")

"""What is chosen between, and the cells of both stages: to choose, and to report what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.canonical import canonical
from bench.errors import InputError
from bench.plan.cells import Cell, Configuration
from bench.plan.configurations import Paired, configurations_of, name_and_preset, with_twins
from bench.plan.outliers import outlier_sets_of
from bench.plan.suite import Suite, cells_of, unique

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.method import MethodInfo

#: (data set, entry of the suite's ``methods``)
Place = tuple[str, str]


@dataclass(frozen=True)
class Contest:
    """An entry of a suite on a data set, and the configurations that one is chosen of.

    Attributes
    ----------
    spec, dataset, fingerprint : str
        The suite's name for the data set, its own, and the hash of its content.
    entry : str
        Of the suite's ``methods``: ``sdec``, ``sdec@stable``.
    title : str
        The entry's name in print: ``S-DEC``, ``S-DEC@stable``.
    n_clusters : int
        Clusters asked for, where a configuration does not say.
    fixed : Paired
        The preset with what ``set`` says; or the only configuration there is.
    candidates : tuple of Paired
        The preset and what grid and search make of it, in the order of the plan; empty if there is no more than one
        configuration.
    """

    spec: str
    dataset: str
    fingerprint: str
    entry: str
    title: str
    n_clusters: int
    fixed: Paired
    candidates: tuple[Paired, ...]

    @property
    def place(self) -> Place:
        """Data set and entry."""
        return self.dataset, self.entry


def contests_of(suite: Suite, datasets: Mapping[str, Dataset], find: Callable[[str], MethodInfo]) -> list[Contest]:
    """Return the contests of a suite; none if it chooses nothing.

    Raises
    ------
    InputError
        If there is nothing to choose between, or two different data sets share a name.
    """
    if suite.selection_seeds is None:
        return []
    contests: dict[Place, Contest] = {}
    for spec in suite.datasets:
        for entry in suite.methods:
            contest = _contest(suite, spec, datasets[spec], entry, find)
            known = contests.setdefault(contest.place, contest)
            if known.fingerprint != contest.fingerprint:
                raise InputError(
                    f"selection_seeds: {known.spec} and {spec} are both called {contest.dataset}, and choices are "
                    "kept by name; rename one, or give each a run of its own"
                )
    if not any(contest.candidates for contest in contests.values()):
        raise InputError(
            "selection_seeds: there is nothing to choose between, every method has one configuration; "
            "give a grid (--set METHOD.PARAMETER=A,B) or --search N, or leave selection_seeds out"
        )
    return list(contests.values())


def selection_cells(suite: Suite, datasets: Mapping[str, Dataset], contests: list[Contest]) -> list[Cell]:
    """Return the cells to choose by: candidates times selection seeds, without twins.

    Raises
    ------
    InputError
        If a data set is too small to be split.
    """
    from bench.data.selection_split import heldout_indices

    cells: list[Cell] = []
    for contest in contests:
        if contest.candidates:
            heldout_indices(datasets[contest.spec])
            candidates = [pair.configuration for pair in contest.candidates]
            cells += cells_of(
                contest.spec, datasets[contest.spec], candidates, suite.selection_seeds or [], "selection"
            )
    return unique(cells)


def reporting_cells(
    suite: Suite,
    datasets: Mapping[str, Dataset],
    contests: list[Contest],
    chosen: Mapping[Place, Collection[str]],
) -> list[Cell]:
    """Return the cells to report: fixed configurations and choices, with their twins, times the suite's seeds.

    Parameters
    ----------
    chosen : mapping of (str, str) to collection of str
        Ids of the candidates chosen, by data set and entry, as far as they are known.
    """
    cells: list[Cell] = []
    for spec in suite.datasets:
        pairs: list[Paired] = []
        for contest in contests:
            if contest.spec == spec:
                wanted = chosen.get(contest.place, ())
                pairs += [contest.fixed, *(pair for pair in contest.candidates if pair.configuration.id in wanted)]
        outliers = outlier_sets_of(suite, spec, datasets)
        cells += cells_of(spec, datasets[spec], with_twins(pairs), suite.seeds, outliers=outliers)
    return unique(cells)


def differing(configurations: list[Configuration]) -> list[str]:
    """Return the parameters in which configurations of a method differ."""
    names = dict.fromkeys(name for c in configurations for name in c.params)
    return [n for n in names if len({canonical({n: c.params.get(n)}) for c in configurations}) > 1]


def _contest(suite: Suite, spec: str, dataset: Dataset, entry: str, find: Callable[[str], MethodInfo]) -> Contest:
    candidates = configurations_of(suite, entry, dataset, find)
    alone = len(candidates) == 1
    (fixed,) = candidates if alone else configurations_of(suite, entry, dataset, find, fixed=True)
    name, preset = name_and_preset(entry, suite)
    if not alone and fixed.configuration.id not in {pair.configuration.id for pair in candidates}:
        candidates = [fixed, *candidates]  # a rule may find that nothing beats the preset
    title = find(name).title + ("" if preset == suite.preset else f"@{preset}")
    return Contest(
        spec,
        dataset.name,
        dataset.fingerprint,
        entry,
        title,
        dataset.n_clusters,
        fixed,
        () if alone else tuple(candidates),
    )

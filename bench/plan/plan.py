"""The plan of a suite: every run it asks for, computed once and handed on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.cards import load_dataset, parameter_for
from bench.data.selection_split import heldout_indices
from bench.errors import InputError, MethodError
from bench.plan.cells import LINKED_ABLATIONS, Cell, make_cells, refuse_too_many, unique_cells
from bench.plan.configurations import Paired, resolve_configurations, with_twins
from bench.plan.method_spec import MethodSpec
from bench.plan.outliers import ANY_CLUSTERS, outlier_dataset_specs, planned_outlier_sets
from bench.plan.registry import method_finder
from bench.plan.suite import READER_OPTIONS
from bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data.dataset import Dataset
    from bench.method import MethodInfo
    from bench.plan.suite import Suite

#: (name of the data set, entry of the suite's ``methods``)
Place = tuple[str, str]
#: For each place, the ``config`` of the configurations that were chosen there.
Chosen = Mapping[Place, Collection[str]]


@dataclass(frozen=True)
class PlannedEntry:
    """One entry of ``methods`` on one data set, with its configurations.

    Attributes
    ----------
    spec, dataset, fingerprint : str
        How the suite names the data set, its own name, and the hash of its content.
    entry : str
        ``sdec``, ``sdec@stable``.
    title : str
        The entry's name in print: ``S-DEC``, ``S-DEC@stable``.
    n_clusters : int
        Clusters of the data set.
    configurations : tuple of Paired
        What the preset, ``set``, ``grid`` and ``search`` make of it, in order.
    fixed : Paired
        The preset with ``set`` alone.
    """

    spec: str
    dataset: str
    fingerprint: str
    entry: str
    title: str
    n_clusters: int
    configurations: tuple[Paired, ...]
    fixed: Paired

    @property
    def place(self) -> Place:
        """Data set and entry."""
        return self.dataset, self.entry

    @cached_property
    def candidates(self) -> tuple[Paired, ...]:
        """The configurations of which one is chosen, the fixed one among them; none where there is only one."""
        if len(self.configurations) == 1:
            return ()
        known = {pair.configuration.config for pair in self.configurations}
        first = () if self.fixed.configuration.config in known else (self.fixed,)  # nothing may beat the preset
        return (*first, *self.configurations)


@dataclass(frozen=True)
class Plan:
    """What a suite asks for.

    Attributes
    ----------
    suite : Suite
        With the methods that can be used.
    datasets : mapping of str to Dataset
        By the suite's names for them, those of its outliers included.
    entries : tuple of PlannedEntry
        By data set, then method.
    left_out : tuple of str
        Why each of the other methods cannot be used.
    """

    suite: Suite
    datasets: Mapping[str, Dataset]
    entries: tuple[PlannedEntry, ...]
    left_out: tuple[str, ...] = ()

    @property
    def chooses(self) -> bool:
        """Whether hyper-parameters are chosen on seeds of their own."""
        return self.suite.selection_seeds is not None

    def selection_cells(self) -> list[Cell]:
        """Return the runs by which hyper-parameters are chosen: candidates times selection seeds, without counterparts.

        Raises
        ------
        InputError
            If a data set is too small to be split, or the runs are too many.
        """
        cells: list[Cell] = []
        for entry in self.entries if self.chooses else ():
            if entry.candidates:
                dataset = self.datasets[entry.spec]
                heldout_indices(dataset)
                candidates = [pair.configuration for pair in entry.candidates]
                cells += make_cells(entry.spec, dataset, candidates, self.suite.selection_seeds or [], "selection")
        return unique_cells(cells)

    def cells(self, chosen: Chosen | None = None) -> list[Cell]:
        """Return the runs to report, with the deterministic counterparts of stochastic configurations.

        They are all configurations; or, where hyper-parameters are chosen, the fixed ones and the choices.

        Parameters
        ----------
        chosen : mapping of (str, str) to collection of str, optional
            The choices made so far.

        Returns
        -------
        list of Cell
            Each once, by data set, configuration and seed: neighbours pretrain different networks, so that no worker
            waits for another's.

        Raises
        ------
        InputError
            If outliers do not fit the data, or the runs are too many.
        """
        cells: list[Cell] = []
        for spec in self.suite.datasets:
            pairs: list[Paired] = []
            for entry in self.entries:
                if entry.spec == spec:
                    pairs += self._reported(entry, chosen or {})
            outliers = planned_outlier_sets(self.suite, spec, self.datasets)
            cells += make_cells(spec, self.datasets[spec], with_twins(pairs), self.suite.seeds, outliers=outliers)
            refuse_too_many(len(cells))
        return unique_cells(cells)

    def _reported(self, entry: PlannedEntry, chosen: Chosen) -> list[Paired]:
        if not self.chooses:
            return list(entry.configurations)
        configs = chosen.get(entry.place, ())
        return [entry.fixed, *(pair for pair in entry.candidates if pair.configuration.config in configs)]


def load_datasets(suite: Suite, data_root: str | Path | None) -> dict[str, Dataset]:
    """Load every data set of a suite, by the suite's name for it, and those that its outliers come from.

    Raises
    ------
    InputError
        If one is missing, damaged or has fewer points than clusters, or two have one name; before anything runs.
    """
    asked = dict.fromkeys(suite.datasets, suite.clusters)
    clusters = {**dict.fromkeys(outlier_dataset_specs(suite), ANY_CLUSTERS), **asked}
    options: dict[str, dict[str, Any]] = {spec: {} for spec in clusters}
    for option in READER_OPTIONS:
        value = getattr(suite, option)
        taking = [spec for spec in clusters if value is not None and parameter_for(option, spec)]
        if value is not None and not taking:
            raise InputError(
                f"--{option} {value}: it applies to data given by path, and none of these is given so: "
                f"{', '.join(clusters)}"
            )
        for spec in taking:
            options[spec][option] = value
    loaded = {
        spec: load_dataset(spec, data_root=data_root, limit=suite.limit, n_clusters=k, **options[spec])
        for spec, k in clusters.items()
    }
    _refuse_equal_names({spec: loaded[spec] for spec in suite.datasets})
    return loaded


def _refuse_equal_names(loaded: Mapping[str, Dataset]) -> None:
    first: dict[str, str] = {}
    for spec, dataset in loaded.items():
        other = first.setdefault(dataset.name, spec)
        if loaded[other].fingerprint != dataset.fingerprint:
            raise InputError(
                f"--datasets {spec}: other data than {other} under the same name, {dataset.name!r}; give one a card "
                "with another name"
            )


def make_plan(suite: Suite, datasets: Mapping[str, Dataset], find: Callable[[str], MethodInfo] | None = None) -> Plan:
    """Resolve every configuration of a suite on every data set; methods that cannot be used are left out.

    Parameters
    ----------
    suite : Suite
    datasets : mapping of str to Dataset
        As `load_datasets` returns them.
    find : callable, optional
        Finds a method by name. By default the registry, and the plugins that the suite names.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist, no method can be used, or there is nothing to choose between.
    """
    specs, faults = suite.specs, list[str]()
    while True:
        finder, by_spec = find or method_finder(specs), dict[MethodSpec, list[PlannedEntry]]()
        for spec in specs:
            try:
                by_spec[spec] = [_plan_entry(suite, name, datasets[name], spec, finder) for name in suite.datasets]
            except MethodError as error:
                faults.append(str(error))
            except InputError:
                raise
            except Exception as error:  # what a plugin declares may go wrong in any way
                faults.append(f"method {spec.entry}: {type(error).__name__}: {one_line(error)}")
        if len(by_spec) == len(specs):
            break
        specs = list(by_spec)  # again: a method that was left out may be the counterpart of another
    if not specs:
        raise InputError(f"no method can be used: {'; '.join(faults)}")
    entries = [by_spec[spec][i] for i in range(len(suite.datasets)) for spec in specs]
    once = {(entry.place, entry.fingerprint): entry for entry in reversed(entries)}  # one data set under two names
    plan = Plan(_narrowed(suite, specs, finder, faults), datasets, tuple(reversed(once.values())), tuple(faults))
    if plan.chooses:
        _refuse_no_choice(plan.entries)
    return plan


def _plan_entry(
    suite: Suite, name: str, dataset: Dataset, spec: MethodSpec, find: Callable[[str], MethodInfo]
) -> PlannedEntry:
    configurations = resolve_configurations(suite, spec, dataset, find)
    fixed = configurations[0]
    if suite.selection_seeds is not None and len(configurations) > 1:
        (fixed,) = resolve_configurations(suite, spec, dataset, find, fixed=True)
    info = find(spec.method)
    titles = {info.title_with(pair.configuration.params) for pair in (*configurations, fixed)}
    title = titles.pop() if len(titles) == 1 else info.title
    return PlannedEntry(
        spec=name,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        entry=spec.entry,
        title=title + (f"@{spec.preset}" if spec.preset not in ("", suite.preset) else ""),
        n_clusters=dataset.n_clusters,
        configurations=tuple(configurations),
        fixed=fixed,
    )


def _narrowed(
    suite: Suite, specs: list[MethodSpec], find: Callable[[str], MethodInfo], faults: Collection[str]
) -> Suite:
    """Return the suite with the methods that can be used, and the settings of these alone.

    Raises
    ------
    InputError
        If a setting names a method that the suite does not have, or no method has an ablation of that name.
    """
    known_ablations = {*LINKED_ABLATIONS, *(name for spec in specs for name in find(spec.method).ablations)}
    if other := [name for name in suite.ablations if name not in known_ablations]:
        listed = ", ".join(sorted(known_ablations))
        raise InputError(f"ablations: {other[0]!r} is declared by no method of the suite; there are {listed}")
    names = {name for spec in specs for name in (spec.entry, spec.method, find(spec.method).name)}
    tables: dict[str, Any] = {}
    for table in ("set", "grid"):
        settings: dict[str, Any] = getattr(suite, table)
        tables[table] = {name: values for name, values in settings.items() if name in names}
        unknown = sorted(settings.keys() - names)
        if unknown and not faults:
            known = ", ".join(sorted(names))
            raise InputError(f"{suite.as_typed(unknown)}: the suite has no such method; its methods are {known}")
    return suite.model_copy(update={"methods": [spec.entry for spec in specs], **tables})


def _refuse_no_choice(entries: tuple[PlannedEntry, ...]) -> None:
    """Refuse a suite with ``selection_seeds`` that leaves nothing to choose between.

    Raises
    ------
    InputError
        If every method has one configuration, or two different data sets share a name.
    """
    first: dict[Place, PlannedEntry] = {}
    for entry in entries:
        known = first.setdefault(entry.place, entry)
        if known.fingerprint != entry.fingerprint:
            raise InputError(
                f"selection_seeds: {known.spec} and {entry.spec} are both called {entry.dataset}, and choices are "
                "kept by name; rename one, or give each a run of its own"
            )
    if not any(entry.candidates for entry in entries):
        raise InputError(
            "selection_seeds: every method has one configuration, so that there is no choice; "
            "give a grid (--set METHOD.PARAMETER=A,B) or --search N, or leave selection_seeds out"
        )

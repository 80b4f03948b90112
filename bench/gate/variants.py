"""The variants that a run and a baseline hold, and which of them are compared."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bench.errors import InputError
from bench.gate.baseline import Baseline, MethodScores
from bench.records.record import Record
from bench.records.results import frame_of
from bench.text import clean_name


@dataclass(frozen=True)
class Variant:
    """The records of a configuration on a data set by seed, with its names on leaderboards."""

    dataset: str
    name: str
    title: str
    records: Mapping[int, Record]

    def restricted(self, seeds: Iterable[int]) -> Variant:
        """Return the variant with these seeds only."""
        return Variant(self.dataset, self.name, self.title, {seed: self.records[seed] for seed in seeds})

    @property
    def method(self) -> str:
        """The name of its method, cleaned as in a baseline."""
        return clean_name(next(iter(self.records.values())).method) or self.name

    @property
    def versions(self) -> set[str]:
        """The versions of Python and packages of its runs."""
        return {", ".join(f"{name} {of}" for name, of in sorted(r.versions.items())) for r in self.records.values()}

    @property
    def metrics_versions(self) -> set[int]:
        """The versions of the metrics of its successful runs."""
        return {record.metrics_version for record in self.records.values() if record.status == "ok"}


def variants_in_run(records: Iterable[Record], planned: Collection[str] = ()) -> dict[tuple[str, str], Variant]:
    """Return the variants of a run by data set and name; records of the hyper-parameter selection are left out.

    Two configurations of one variant get different names, as on a leaderboard. Of several records of one data set,
    variant and seed, which differ in their outliers, one counts: a planned one first, then a successful one, then the
    one with the most outliers.

    Parameters
    ----------
    records : iterable of Record
    planned : collection of str
        Keys of the runs that the last command planned, from `Run.planned_keys`: a new failure of these counts, even if
        an older command left a success.
    """
    by_key = {record.key: record for record in records}
    frame = frame_of(by_key.values())
    variants: dict[tuple[str, str], Variant] = {}
    if frame.empty:
        return variants
    best_first = frame.assign(
        old=[key not in planned for key in frame["key"]],
        failed=frame["status"] != "ok",
        fewer=[-len(by_key[key].outliers) for key in frame["key"]],
    ).sort_values(["old", "failed", "fewer", "key"])
    once = best_first.drop_duplicates(["dataset", "variant", "seed"]).sort_values("seed")
    for _, rows in once.groupby(["dataset", "variant"]):
        dataset, name, title = (str(rows[column].iloc[0]) for column in ("dataset", "variant", "title"))
        by_seed = {int(seed): by_key[key] for seed, key in zip(rows["seed"], rows["key"], strict=True)}
        variants[dataset, name] = Variant(dataset, name, title, by_seed)
    return variants


# Records say whether they are a counterpart (``role``) and which parameters were set, but a baseline file holds of a
# variant only its name, its method and all parameters. So both are read from the names that
# `bench.plan.configurations` and `bench.records.results` make, by one rule for runs and baselines.
_COUNTERPART = re.compile(r"\(twin of (.+?)\)")
_SUFFIXES = re.compile(r"(@\S+| v\d+| #\w+| \w+=.*)+")


@dataclass(frozen=True)
class VariantFilter:
    """Which variants are compared; None stands for all.

    Attributes
    ----------
    variants : collection of str or None
        Only the variants with these names.
    asked : collection of str or None
        Only the variants of these methods, and their deterministic counterparts.
    """

    variants: Collection[str] | None = None
    asked: Collection[str] | None = None

    def select(self, expected: dict[str, MethodScores]) -> dict[str, MethodScores]:
        """Return those of a data set's variants that are compared."""
        return {
            name: scores
            for name, scores in expected.items()
            if (self.variants is None or name in self.variants)
            and (self.asked is None or asked_method(name, scores.method) in self.asked)
        }

    def concerns_new(self, variant: Variant, baseline: Baseline) -> bool:
        """Tell whether a variant that the baseline does not have belongs to a method that is compared."""
        methods = self.asked
        if self.variants is not None:
            methods = {asked_method(name, s.method) for _, name, s in baseline.scores() if name in self.variants}
        return methods is None or asked_method(variant.name, variant.method) in methods


def asked_method(variant: str, method: str) -> str:
    """Return the method that a variant was run for: a counterpart's stochastic method, else its own method."""
    counterpart = _COUNTERPART.search(variant)
    return counterpart[1] if counterpart else method


def asked_methods(baseline: Baseline) -> set[str]:
    """Return the methods of a baseline, without those that only occur as counterparts."""
    return {asked_method(name, scores.method) for _, name, scores in baseline.scores()}


def similar_names(name: str, others: Iterable[str]) -> list[str]:
    """Return the names that extend a variant's name by a preset, parameters, a version or a configuration's hash."""
    return [other for other in others if other.startswith(name) and _SUFFIXES.fullmatch(other[len(name) :])]


def refuse_unknown(kind: str, names: Collection[str] | None, known: Collection[str]) -> None:
    """Refuse names that the baseline does not have, and an empty choice, which every run would pass.

    Raises
    ------
    InputError
        If a name is unknown, or ``names`` is empty.
    """
    if names is not None and not names:
        raise InputError(f"{kind}s: none is named; name one or more, or leave it out for all")
    for name in names or ():
        if name not in known:
            raise InputError(f"the baseline has no {kind} {name!r}; it has {', '.join(known) or 'none'}")

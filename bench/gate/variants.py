"""What a run holds by data set and variant, and which of it is compared with a baseline."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bench.errors import InputError
from bench.gate.baseline import Baseline, MethodScores
from bench.records.record import Record
from bench.records.results import frame_of
from bench.records.store import Run
from bench.text import clean_name


@dataclass(frozen=True)
class Variant:
    """The runs of a configuration on a data set, by seed, under the names that leaderboards give them."""

    dataset: str
    name: str
    title: str
    records: Mapping[int, Record]

    def only(self, seeds: Iterable[int]) -> Variant:
        """Return it with some of its seeds."""
        return Variant(self.dataset, self.name, self.title, {seed: self.records[seed] for seed in seeds})

    @property
    def method(self) -> str:
        """The method that was run, as a baseline names it."""
        return clean_name(next(iter(self.records.values())).method) or self.name

    @property
    def versions(self) -> set[str]:
        """The versions of Python and of the packages that computed it."""
        return {", ".join(f"{name} {of}" for name, of in sorted(r.versions.items())) for r in self.records.values()}

    @property
    def metrics_versions(self) -> set[int]:
        """The versions of the metrics that it was scored with."""
        return {record.metrics_version for record in self.records.values() if record.status == "ok"}


def variants_of(records: Iterable[Record], planned: Collection[str] = ()) -> dict[tuple[str, str], Variant]:
    """Return what a run holds, by data set and variant; what was fitted to choose by is left out.

    Two configurations of one variant have names of their own, as on a leaderboard. A cell that was run again beside
    other outliers counts once: as the last command wants it, else as on a leaderboard.

    Parameters
    ----------
    records : iterable of Record
    planned : collection of str
        Keys of the cells that the last command wants, as `planned_keys` gives them: a new failure counts, whatever an
        older command left beside it.
    """
    by_key = {record.key: record for record in records}
    frame = frame_of(by_key.values())
    found: dict[tuple[str, str], Variant] = {}
    if frame.empty:
        return found
    best_first = frame.assign(
        old=[key not in planned for key in frame["key"]],
        failed=frame["status"] != "ok",
        fewer=[-len(by_key[key].outliers) for key in frame["key"]],
    ).sort_values(["old", "failed", "fewer", "key"])
    once = best_first.drop_duplicates(["dataset", "variant", "seed"]).sort_values("seed")
    for _, rows in once.groupby(["dataset", "variant"]):
        dataset, name, title = (str(rows[column].iloc[0]) for column in ("dataset", "variant", "title"))
        kept = {int(seed): by_key[key] for seed, key in zip(rows["seed"], rows["key"], strict=True)}
        found[dataset, name] = Variant(dataset, name, title, kept)
    return found


def planned_keys(run: Run) -> set[str]:
    """Return the keys of the cells that the last command wants; none where that was not kept.

    Raises
    ------
    InputError
        If the run's plan cannot be read.
    """
    return {key for planned in run.plan() for key in planned.keys.values()}


#: How `bench.plan.configurations` names the parameters that were set, and `bench.records.results` what shares a name.
_ADDED = re.compile(r"(@\S+| v\d+| #\w+| \w+=.*)+")
_TWIN = re.compile(r"\(twin of (.+?)\)")


@dataclass(frozen=True)
class Wanted:
    """What is to be compared; None is everything.

    Attributes
    ----------
    variants : collection of str or None
        These alone.
    asked : collection of str or None
        What the baseline holds of these methods and of their twins alone.
    """

    variants: Collection[str] | None = None
    asked: Collection[str] | None = None

    def of(self, expected: dict[str, MethodScores]) -> dict[str, MethodScores]:
        """Return what is to be compared of a data set's variants."""
        return {
            name: scores
            for name, scores in expected.items()
            if (self.variants is None or name in self.variants)
            and (self.asked is None or asked_by(name, scores.method) in self.asked)
        }

    def is_news(self, variant: Variant, baseline: Baseline) -> bool:
        """Say whether a reader asked for a variant that the baseline does not have."""
        methods = self.asked
        if self.variants is not None:
            methods = {asked_by(name, s.method) for _, name, s in baseline.scores() if name in self.variants}
        return methods is None or asked_by(variant.name, variant.method) in methods


def asked_by(variant: str, method: str) -> str:
    """Return the method for whose sake a variant is there: a twin goes where its partner goes."""
    twin = _TWIN.search(variant)
    return twin[1] if twin else method


def methods_of(baseline: Baseline) -> set[str]:
    """Return the methods that a baseline holds, those aside that are there as twins alone."""
    return {asked_by(name, scores.method) for _, name, scores in baseline.scores()}


def alike(name: str, others: Iterable[str]) -> list[str]:
    """Return the names that say of a variant which preset, parameters, version or contents it has."""
    return [other for other in others if other.startswith(name) and _ADDED.fullmatch(other[len(name) :])]


def refuse_unknown(what: str, names: Collection[str] | None, known: Collection[str]) -> None:
    """Refuse names that a baseline does not have, and a choice of nothing, which every run would pass.

    Raises
    ------
    InputError
        If one is unknown, or there is none.
    """
    if names is not None and not names:
        raise InputError(f"{what}s: none is named; name one or more, or leave it out for all")
    for name in names or ():
        if name not in known:
            raise InputError(f"the baseline has no {what} {name!r}; it has {', '.join(known) or 'none'}")

"""What a run holds, by data set and variant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bench.results import frame_of
from bench.store import Record, Run
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

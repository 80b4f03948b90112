"""From the records of a run to scores as a baseline holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.errors import InputError
from bench.metrics import METRICS_VERSION
from bench.metrics.table import UNLABELLED
from bench.regression.baseline import Baseline, MethodScores, Provenance, Scores, Status, plain
from bench.regression.quantities import Quantity, find_quantities, quantities
from bench.results import frame_of, name_hardware
from bench.store import Record
from bench.text import clean_name

COSTS = ("wall_time", "peak_memory")
LABELLED = ("acc", "nmi", "ari")
NOT_LABELLED = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels")
#: Parameters that say where or from which seed a run was made, and not what it is.
_PASSING = ("random_state", "device", "memory")


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
    def metrics_versions(self) -> set[int]:
        """The versions of the metrics that it was scored with."""
        return {record.metrics_version for record in self.records.values() if record.status == "ok"}


def variants_of(records: Iterable[Record]) -> dict[tuple[str, str], Variant]:
    """Return what a run holds, by data set and variant; what was fitted to choose by is left out.

    Two configurations of one variant have names of their own, as on a leaderboard; a cell that was run again beside
    other outliers counts once.
    """
    by_key = {record.key: record for record in records}
    frame = frame_of(by_key.values())
    found: dict[tuple[str, str], Variant] = {}
    if frame.empty:
        return found
    best_first = frame.assign(failed=frame["status"] != "ok").sort_values(["failed", "key"])
    once = best_first.drop_duplicates(["dataset", "variant", "seed"]).sort_values("seed")
    for _, rows in once.groupby(["dataset", "variant"]):
        dataset, name, title = (str(rows[column].iloc[0]) for column in ("dataset", "variant", "title"))
        kept = {int(seed): by_key[key] for seed, key in zip(rows["seed"], rows["key"], strict=True)}
        found[dataset, name] = Variant(dataset, name, title, kept)
    return found


def scores_of(
    variant: Variant, wanted: Iterable[Quantity], tolerances: Mapping[str, float] | None = None
) -> MethodScores:
    """Return the scores of a variant in what is wanted and was measured.

    Parameters
    ----------
    variant : Variant
    wanted : iterable of Quantity
    tolerances : mapping of str to float
        By metric, instead of the default ones.
    """
    metrics: dict[str, Scores] = {}
    for quantity in wanted:
        scores = {seed: _score(record, quantity) for seed, record in variant.records.items()}
        there = [score for score in scores.values() if score is not None]
        if there:
            tolerance = (tolerances or {}).get(quantity.name, quantity.tolerance(there))
            metrics[quantity.name] = Scores(scores=scores, tolerance=tolerance)
    records = list(variant.records.values())
    ok = [record for record in records if record.status == "ok"]
    first = records[0]
    return MethodScores(
        title=variant.title,
        method=clean_name(first.method) or variant.name,
        version=first.version,
        preset=first.preset,
        params={name: plain(value) for name, value in first.params.items() if name not in _PASSING},
        hardware=sorted({clean_name(name_hardware(record.hardware)) or "unknown" for record in records}),
        seeds=list(variant.records),
        status=Status(
            ok=len(ok), failed=len(records) - len(ok), collapsed=sum("collapsed" in record.flags for record in ok)
        ),
        metrics=metrics,
    )


def take_baseline(
    records: Iterable[Record],
    *,
    suite: str,
    primary_metric: str,
    metrics: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
    commands: Sequence[str] = (),
) -> Baseline:
    """Make a baseline of a run.

    Parameters
    ----------
    records : iterable of Record
    suite, primary_metric : str
    metrics : sequence of str or None
        What to compare; None takes the primary metric, ACC, NMI and ARI, or where there are no labels the internal
        indices, and time and memory.
    tolerances : mapping of str to float
        By metric, instead of the default ones.
    commands : sequence of str
        Those that made the run.

    Raises
    ------
    InputError
        If there is no scored run, a metric is unknown or was not measured, or the scores are of another version.
    """
    records = list(records)
    variants = variants_of(records)
    chosen = None if metrics is None else find_quantities(metrics)
    methods: dict[str, dict[str, MethodScores]] = {}
    for variant in variants.values():
        wanted = find_quantities(_usual(variant, primary_metric)) if chosen is None else chosen
        methods.setdefault(variant.dataset, {})[variant.name] = scores_of(variant, wanted, tolerances)
    used = [record for variant in variants.values() for record in variant.records.values()]
    if all(record.status != "ok" for record in used):
        raise InputError("no run has a score, so there is nothing to compare with later; run the suite first")
    held = {name for made in methods.values() for scores in made.values() for name in scores.metrics}
    for name in [*(metrics or ()), *(tolerances or ())]:
        if name not in held:
            raise InputError(f"no run has a score of {name} to keep; kept are {', '.join(sorted(held)) or 'none'}")
    versions = set().union(*(variant.metrics_versions for variant in variants.values()))
    if versions != {METRICS_VERSION}:
        older = ", ".join(map(str, sorted(versions - {METRICS_VERSION})))
        raise InputError(
            f"there are scores by metrics of version {older}, and today's is {METRICS_VERSION}; "
            "`deepclustbench report RUN` scores them again"
        )
    return Baseline(
        format=1,
        suite=suite,
        primary_metric=primary_metric,
        chosen_metrics=None if chosen is None else [quantity.name for quantity in chosen],
        metrics_version=METRICS_VERSION,
        provenance=Provenance(
            commands=list(commands),
            commits=sorted({record.commit or "unknown" for record in used}),
            hardware=sorted({name_hardware(record.hardware) for record in used}),
            versions=sorted({", ".join(f"{n} {v}" for n, v in sorted(record.versions.items())) for record in used}),
        ),
        datasets={variant.dataset: _fingerprint(variant) for variant in variants.values()},
        methods=methods,
    )


def _usual(variant: Variant, primary_metric: str) -> list[str]:
    unlabelled = any(UNLABELLED in record.reasons.values() for record in variant.records.values())
    names = [primary_metric, *(NOT_LABELLED if unlabelled else LABELLED), *COSTS]
    return [name for name in names if name in quantities()]


def _fingerprint(variant: Variant) -> str:
    return next(iter(variant.records.values())).fingerprint


def _score(record: Record, quantity: Quantity) -> float | None:
    if record.status != "ok":
        return None
    found = getattr(record, quantity.name) if quantity.is_cost else record.metrics.get(quantity.name)
    return None if found is None or not math.isfinite(found) else quantity.rounded(found)

"""A baseline from a run: its scores, and what a person set in the file that it replaces."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.gate.baseline import Baseline, MethodScores, Provenance, Scores, Status, load_baseline, plain, write_baseline
from bench.gate.quantities import Quantity, find_quantities, quantities
from bench.gate.tolerance import default_tolerance
from bench.gate.variants import Variant, planned_keys, variants_of
from bench.metrics import METRICS_VERSION
from bench.metrics.registry import UNLABELLED
from bench.records.experiment import reported_records
from bench.records.record import Record
from bench.records.results import name_hardware, suite_of
from bench.records.store import Run
from bench.text import clean_name

COSTS = ("wall_time", "peak_memory")
LABELLED = ("acc", "nmi", "ari")
NOT_LABELLED = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels")
#: Parameters that say where or from which seed a run was made, and not what it is.
_PASSING = ("random_state", "device", "memory")


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
    records = list(variant.records.values())
    seeded = any(record.seeded for record in records)
    metrics: dict[str, Scores] = {}
    for quantity in wanted:
        scores = {seed: _score(record, quantity) for seed, record in variant.records.items()}
        there = [score for score in scores.values() if score is not None]
        if there:
            default = default_tolerance(quantity, there, seeded=seeded)
            tolerance = (tolerances or {}).get(quantity.name, default)
            metrics[quantity.name] = Scores(scores=scores, tolerance=tolerance, default_tolerance=default)
    ok = [record for record in records if record.status == "ok"]
    first = records[0]
    return MethodScores(
        title=variant.title,
        method=variant.method,
        version=first.version,
        preset=first.preset,
        seeded=seeded,
        params={name: plain(value) for name, value in first.params.items() if name not in _PASSING},
        hardware=sorted({clean_name(name_hardware(record.hardware)) or "unknown" for record in ok or records}),
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
    planned: Collection[str] = (),
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
    planned : collection of str
        As `bench.gate.variants.variants_of` has them.

    Raises
    ------
    InputError
        If there is no scored run, a metric is unknown or was not measured, none is named, or the scores are of another
        version.
    """
    if metrics is not None and not metrics:
        raise InputError("metrics: none is named; name one or more, or leave it out for the usual ones")
    variants = variants_of(records, planned)
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
            versions=sorted(set().union(*(variant.versions for variant in variants.values()))),
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


@dataclass(frozen=True)
class Update:
    """A baseline that was written.

    Attributes
    ----------
    new : Baseline
    old : Baseline or None
        What it replaces.
    kept : int
        How many tolerances were taken over, because a person had set them.
    """

    new: Baseline
    old: Baseline | None
    kept: int


def update_baseline(
    run: Run,
    path: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> Update:
    """Write a baseline from a run; what a person chose in the old one stays, unless it is chosen anew.

    Parameters
    ----------
    run : Run
    path : path
    metrics, tolerances
        As `bench.gate.from_run.take_baseline` has them.

    Raises
    ------
    InputError
        If the run is not finished or gives no baseline, the old file is something else, or the new one cannot be
        written.
    """
    suite, records, planned = suite_of(run), list(reported_records(run)), planned_keys(run)
    left = planned - {record.key for record in records}
    if left:
        raise InputError(
            f"{run.folder}: {len(left)} of {len(planned)} planned cells have not been run, and a baseline without them "
            "would compare less; give the run's command again, which runs what is left"
        )
    old = load_baseline(path) if Path(path).exists() else None
    new = take_baseline(
        records,
        suite=suite.name,
        primary_metric=suite.primary_metric,
        metrics=metrics if metrics is not None or old is None else old.chosen_metrics,
        tolerances=tolerances,
        commands=run.commands(),
        planned=planned,
    )
    kept = 0
    if old is not None:
        new, kept = keep_tolerances(new, old, set_now=tolerances or {})
    write_baseline(path, new)
    return Update(new, old, kept)


def keep_tolerances(new: Baseline, old: Baseline, set_now: Collection[str] = ()) -> tuple[Baseline, int]:
    """Return the new baseline with the tolerances that a person set in the old one, and how many these are.

    A tolerance that is not what the rule gave when the old scores were taken was set by a person.

    Parameters
    ----------
    new, old : Baseline
    set_now : collection of str
        Metrics whose tolerances were just asked for: they are kept as they are.
    """
    made = new.model_copy(deep=True)
    kept = 0
    for dataset, variant, before in old.scores():
        scores = made.methods.get(dataset, {}).get(variant)
        if scores is None:
            continue
        for name, was in before.metrics.items():
            now, by_hand = scores.metrics.get(name), was.tolerance != was.default_tolerance
            if now is not None and by_hand and name not in set_now:
                now.tolerance = was.tolerance
                kept += 1
    return made, kept

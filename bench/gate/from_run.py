"""A baseline made from a run, and the update of a baseline file, which keeps tolerances set by the user."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.gate.baseline import (
    Baseline,
    MethodScores,
    MetricScores,
    Provenance,
    RunCounts,
    json_value,
    load_baseline,
    write_baseline,
)
from bench.gate.quantities import Quantity, default_tolerance, find_quantities, quantities
from bench.gate.variants import Variant, variants_in_run
from bench.metrics import METRICS_VERSION
from bench.metrics.registry import UNLABELLED
from bench.records.experiment import reported_records
from bench.records.record import Record
from bench.records.results import name_hardware, suite_of
from bench.records.store import Run
from bench.text import clean_name

_COSTS = ("wall_time", "peak_memory")
_LABELLED_METRICS = ("acc", "nmi", "ari")
_UNLABELLED_METRICS = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels")
#: Parameters that the runner sets: they differ between seeds or machines and are not part of the configuration.
_RUNNER_PARAMETERS = ("random_state", "device", "memory")


def method_scores(
    variant: Variant, chosen: Iterable[Quantity], tolerances: Mapping[str, float] | None = None
) -> MethodScores:
    """Return the scores of a variant in the chosen quantities that at least one of its runs has.

    Parameters
    ----------
    variant : Variant
    chosen : iterable of Quantity
    tolerances : mapping of str to float
        By metric, instead of the default ones.
    """
    records = list(variant.records.values())
    seeded = any(record.seeded for record in records)
    metrics: dict[str, MetricScores] = {}
    for quantity in chosen:
        scores = {seed: _score(record, quantity) for seed, record in variant.records.items()}
        values = [score for score in scores.values() if score is not None]
        if values:
            default = default_tolerance(quantity, values, seeded=seeded)
            tolerance = (tolerances or {}).get(quantity.name, default)
            metrics[quantity.name] = MetricScores(scores=scores, tolerance=tolerance, default_tolerance=default)
    ok = [record for record in records if record.status == "ok"]
    first = records[0]
    return MethodScores(
        title=variant.title,
        method=variant.method,
        version=first.version,
        preset=first.preset,
        seeded=seeded,
        params={name: json_value(value) for name, value in first.params.items() if name not in _RUNNER_PARAMETERS},
        hardware=sorted({clean_name(name_hardware(record.hardware)) or "unknown" for record in ok or records}),
        seeds=list(variant.records),
        status=RunCounts(
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
    """Make a baseline from the records of a run.

    Parameters
    ----------
    records : iterable of Record
    suite, primary_metric : str
    metrics : sequence of str or None
        The metrics and costs to keep. None keeps the primary metric, ACC, NMI and ARI (on unlabelled data the internal
        indices), and time and memory.
    tolerances : mapping of str to float
        By metric, instead of the default ones.
    commands : sequence of str
        The commands that made the run.
    planned : collection of str
        As in `bench.gate.variants.variants_in_run`.

    Raises
    ------
    InputError
        If no run has a score, ``metrics`` is empty, a metric is unknown or has no score, or scores are of another
        version of the metrics.
    """
    if metrics is not None and not metrics:
        raise InputError("metrics: none is named; name one or more, or leave it out for the default ones")
    variants = variants_in_run(records, planned)
    chosen = None if metrics is None else find_quantities(metrics)
    methods: dict[str, dict[str, MethodScores]] = {}
    for variant in variants.values():
        kept = find_quantities(_default_names(variant, primary_metric)) if chosen is None else chosen
        methods.setdefault(variant.dataset, {})[variant.name] = method_scores(variant, kept, tolerances)
    used = [record for variant in variants.values() for record in variant.records.values()]
    if all(record.status != "ok" for record in used):
        raise InputError("no run has a score, so a baseline would be empty; run the suite first")
    held = {name for by_variant in methods.values() for scores in by_variant.values() for name in scores.metrics}
    for name in [*(metrics or ()), *(tolerances or ())]:
        if name not in held:
            raise InputError(f"no run has a score of {name} to keep; kept are {', '.join(sorted(held)) or 'none'}")
    versions = set().union(*(variant.metrics_versions for variant in variants.values()))
    if versions != {METRICS_VERSION}:
        older = ", ".join(map(str, sorted(versions - {METRICS_VERSION})))
        raise InputError(
            f"some scores are of metrics version {older}, and the current one is {METRICS_VERSION}; "
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


def _default_names(variant: Variant, primary_metric: str) -> list[str]:
    unlabelled = any(UNLABELLED in record.reasons.values() for record in variant.records.values())
    names = [primary_metric, *(_UNLABELLED_METRICS if unlabelled else _LABELLED_METRICS), *_COSTS]
    return [name for name in names if name in quantities()]


def _fingerprint(variant: Variant) -> str:
    return next(iter(variant.records.values())).fingerprint


def _score(record: Record, quantity: Quantity) -> float | None:
    if record.status != "ok":
        return None
    value = getattr(record, quantity.name) if quantity.is_cost else record.metrics.get(quantity.name)
    return None if value is None or not math.isfinite(value) else quantity.rounded(value)


@dataclass(frozen=True)
class BaselineUpdate:
    """A baseline that was written, and the one that it replaces.

    Attributes
    ----------
    new : Baseline
    old : Baseline or None
        None where there was no file.
    kept : int
        Number of tolerances that were kept because the user had set them.
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
) -> BaselineUpdate:
    """Write a baseline file from a run.

    Chosen metrics and tolerances set by the user in an existing file are kept, unless they are given here.

    Parameters
    ----------
    run : Run
    path : path
    metrics, tolerances
        As in `take_baseline`.

    Raises
    ------
    InputError
        If the run is not finished or gives no baseline, the existing file is no baseline, or the new one cannot be
        written.
    """
    suite, records, planned = suite_of(run), list(reported_records(run)), run.planned_keys()
    remaining = planned - {record.key for record in records}
    if remaining:
        raise InputError(
            f"{run.folder}: {len(remaining)} of {len(planned)} planned runs are missing, and a baseline needs all of "
            "them; repeat the command of the run, which executes the rest"
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
    return BaselineUpdate(new, old, kept)


def keep_tolerances(new: Baseline, old: Baseline, set_now: Collection[str] = ()) -> tuple[Baseline, int]:
    """Return the new baseline with the tolerances that the user set in the old one, and their number.

    A tolerance was set by the user if it differs from the ``default_tolerance`` beside it.

    Parameters
    ----------
    new, old : Baseline
    set_now : collection of str
        Metrics whose tolerances the new baseline keeps, because the user has just set them.
    """
    result = new.model_copy(deep=True)
    kept = 0
    for dataset, variant, before in old.scores():
        scores = result.methods.get(dataset, {}).get(variant)
        if scores is None:
            continue
        for name, old_scores in before.metrics.items():
            new_scores, set_by_user = scores.metrics.get(name), old_scores.tolerance != old_scores.default_tolerance
            if new_scores is not None and set_by_user and name not in set_now:
                new_scores.tolerance = old_scores.tolerance
                kept += 1
    return result, kept

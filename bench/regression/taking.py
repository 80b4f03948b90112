"""From the records of a run to scores as a baseline holds them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from bench.errors import InputError
from bench.metrics import METRICS_VERSION
from bench.metrics.table import UNLABELLED
from bench.regression.baseline import Baseline, MethodScores, Provenance, Scores, Status, plain
from bench.regression.quantities import Quantity, find_quantities, quantities
from bench.regression.tolerance import default_tolerance
from bench.regression.variants import Variant, variants_of
from bench.results import name_hardware
from bench.store import Record
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
        As `bench.regression.variants.variants_of` has them.

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

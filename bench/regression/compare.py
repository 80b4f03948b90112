"""A run against a baseline: what can be compared, and how each of it fared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.errors import InputError
from bench.regression.baseline import Baseline, MethodScores
from bench.regression.comparison import Comparison, Row
from bench.regression.judge_method import judge_method
from bench.regression.quantities import find_quantities
from bench.regression.taking import Variant, scores_of, variants_of
from bench.store import Record
from bench.text import clean_name

_Place = tuple[str, str]


def compare(
    records: Iterable[Record],
    baseline: Baseline,
    *,
    metrics: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare the records of a run with a baseline.

    Parameters
    ----------
    records : iterable of Record
        As `bench.store.Run.records` gives them.
    baseline : Baseline
    metrics, methods : sequence of str or None
        Names of metrics, and of variants: only these.
    tolerances : mapping of str to float
        By metric, instead of the baseline's.

    Raises
    ------
    InputError
        If the baseline has no such metric or method.
    """
    _refuse_unknown("metric", [*(metrics or ()), *(tolerances or ())], baseline.metric_names())
    _refuse_unknown("method", methods or (), baseline.variants())
    run = variants_of(records)
    rows: list[Row] = []
    notes: list[str] = []
    for dataset, expected in baseline.methods.items():
        wanted = {name: scores for name, scores in expected.items() if methods is None or name in methods}
        there = {name: variant for (of, name), variant in run.items() if of == dataset}
        if not wanted:
            continue
        refused = _why_not(dataset, there, run, baseline)
        if refused:
            rows.append(Row(dataset=dataset, verdict="cannot compare", reason=refused))
            continue
        for name, scores in wanted.items():
            before = _restricted(scores, metrics, tolerances or {})
            made, note = _compare_method(dataset, name, before, there)
            rows += made
            notes += note
        if methods is None:
            notes += [f"{dataset} / {name}: new, the baseline does not have it" for name in there if name not in wanted]
    new = dict.fromkeys(dataset for dataset, _ in run if dataset not in baseline.methods)
    notes += [f"{dataset}: new, the baseline does not have it" for dataset in new]
    return Comparison.of(baseline.suite, rows, notes)


def _refuse_unknown(what: str, names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"the baseline has no {what} {name!r}; it has {', '.join(known) or 'none'}")


def _why_not(
    dataset: str, there: Mapping[str, Variant], run: Mapping[_Place, Variant], baseline: Baseline
) -> str | None:
    """Say why nothing on a data set can be compared; None where something may be."""
    if not there:
        names = ", ".join(dict.fromkeys(name for name, _ in run)) or "nothing"
        return f"the run does not have this data set; it has {names}"
    was = baseline.datasets[dataset]
    now = next(record.fingerprint for variant in there.values() for record in variant.records.values())
    if now != was:
        return f"the data have changed: {clean_name(was)[:12]} in the baseline, {clean_name(now)[:12]} in the run"
    versions = set().union(*(variant.metrics_versions for variant in there.values()))
    if versions - {baseline.metrics_version}:
        told = " and ".join(map(str, sorted(versions)))
        return (
            f"the metrics have changed: version {baseline.metrics_version} in the baseline, {told} in the run; "
            "`report RUN` scores a run again, --update writes a new baseline"
        )
    return None


def _restricted(scores: MethodScores, metrics: Sequence[str] | None, tolerances: Mapping[str, float]) -> MethodScores:
    kept = {
        name: s.model_copy(update={"tolerance": tolerances.get(name, s.tolerance)})
        for name, s in scores.metrics.items()
        if metrics is None or name in metrics
    }
    return scores.model_copy(update={"metrics": kept})


def _compare_method(
    dataset: str, name: str, before: MethodScores, there: Mapping[str, Variant]
) -> tuple[list[Row], list[str]]:
    """Return the rows of a method, and the notes on it."""

    def impossible(reason: str) -> tuple[list[Row], list[str]]:
        return [Row(dataset=dataset, variant=name, verdict="cannot compare", reason=reason)], []

    variant = there.get(name)
    if variant is None:
        alike = [other for other in there if other.startswith((f"{name} ", f"{name}@"))]
        several = f"; it has {', '.join(alike)}: take a fresh --out" if alike else ""
        return impossible(f"the run does not have this method{several}")
    if len(variant.records) < len(before.seeds):
        return impossible(f"the run has {len(variant.records)} seeds, the baseline {len(before.seeds)}")
    paired = variant.records.keys() >= set(before.seeds)
    now = scores_of(variant.only(before.seeds) if paired else variant, find_quantities(before.metrics))
    return judge_method(dataset, name, before, now, paired=paired), [
        f"{dataset} / {name}: {change}" for change in _changes(before, now)
    ]


def _changes(before: MethodScores, now: MethodScores) -> Iterator[str]:
    """Yield what else is different about a method, in words."""
    if before.version != now.version:
        yield f"version {before.version} -> {now.version}"
    if before.params != now.params:
        absent = object()
        changed = [
            f"{clean_name(key)} {_said(before.params, key)} -> {_said(now.params, key)}"
            for key in sorted(before.params.keys() | now.params.keys())
            if before.params.get(key, absent) != now.params.get(key, absent)
        ]
        yield f"other parameters: {', '.join(changed)}"


def _said(params: Mapping[str, object], key: str) -> str:
    return clean_name(repr(params[key]))[:60] if key in params else "(absent)"

"""A run against a baseline: what can be compared, and how each of it fared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from bench.gate.baseline import Baseline, MethodScores
from bench.gate.comparison import Comparison, Row
from bench.gate.from_run import scores_of
from bench.gate.quantities import find_quantities
from bench.gate.variants import Variant, Wanted, alike, refuse_unknown, variants_of
from bench.gate.verdicts import judge_method
from bench.records.record import Record
from bench.text import clean_name

_Place = tuple[str, str]


def compare(
    records: Iterable[Record],
    baseline: Baseline,
    *,
    metrics: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    asked: Collection[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
    planned: Collection[str] = (),
    commit: str | None = None,
) -> Comparison:
    """Compare the records of a run with a baseline.

    Parameters
    ----------
    records : iterable of Record
        As `bench.records.store.Run.records` gives them.
    baseline : Baseline
    metrics, methods : sequence of str or None
        Names of metrics, and of variants: only these.
    asked : collection of str or None
        Names of methods: only what the baseline holds of these and of their twins.
    tolerances : mapping of str to float
        By metric, instead of the baseline's.
    planned : collection of str
        As `bench.gate.variants.variants_of` has them.
    commit : str or None
        Of the code at hand, where it is known: runs of another one are noted.

    Raises
    ------
    InputError
        If the baseline has no such metric or method, or none is named.
    """
    refuse_unknown("metric", metrics, baseline.metric_names())
    refuse_unknown("metric", tolerances or None, baseline.metric_names())
    refuse_unknown("method", methods, baseline.variants())
    choice = Wanted(methods, asked)
    run = variants_of(records, planned)
    rows: list[Row] = []
    notes: list[str] = []
    used: list[Variant] = []
    for dataset, expected in baseline.methods.items():
        wanted = choice.of(expected)
        there = {name: variant for (of, name), variant in run.items() if of == dataset}
        news = [name for name, v in there.items() if name not in expected and choice.is_news(v, baseline)]
        notes += [f"{dataset} / {name}: new, the baseline does not have it" for name in news]
        if not wanted:
            continue
        compared = [there[name] for name in wanted if name in there]
        used += compared
        refused = _why_not(dataset, there, compared, run, baseline)
        if refused:
            rows.append(Row(dataset=dataset, verdict="cannot compare", reason=refused))
            continue
        for name, scores in wanted.items():
            before = _restricted(scores, metrics, tolerances or {})
            made, note = _compare_method(dataset, name, before, there, baseline.provenance.versions)
            rows += made
            notes += note
    new = dict.fromkeys(dataset for dataset, _ in run if dataset not in baseline.methods)
    notes += [f"{dataset}: new, the baseline does not have it" for dataset in new]
    return Comparison.of(baseline.suite, rows, [*notes, *_commit_notes(used, commit)])


def _why_not(
    dataset: str,
    there: Mapping[str, Variant],
    compared: Sequence[Variant],
    run: Mapping[_Place, Variant],
    baseline: Baseline,
) -> str | None:
    """Say why nothing on a data set can be compared; None where something may be."""
    if not there:
        names = ", ".join(dict.fromkeys(name for name, _ in run)) or "nothing"
        return f"the run does not have this data set; it has {names}"
    was = baseline.datasets[dataset]
    now = next(record.fingerprint for variant in there.values() for record in variant.records.values())
    if now != was:
        return f"the data have changed: {clean_name(was)[:12]} in the baseline, {clean_name(now)[:12]} in the run"
    versions = set[int]().union(*(variant.metrics_versions for variant in compared))
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
    dataset: str, name: str, before: MethodScores, there: Mapping[str, Variant], versions: Sequence[str]
) -> tuple[list[Row], list[str]]:
    """Return the rows of a method, and the notes on it; ``versions`` computed the baseline."""

    def impossible(reason: str) -> tuple[list[Row], list[str]]:
        return [Row(dataset=dataset, variant=name, verdict="cannot compare", reason=reason)], []

    variant = there.get(name)
    if variant is None:
        others = alike(name, there)
        told = f"; it has {', '.join(others)}: take a fresh --out and the baseline's settings" if others else ""
        return impossible(f"the run does not have this method{told}")
    n = len(variant.records)
    if n < len(before.seeds):
        counts = f"the run has {n} seed{'s' * (n != 1)}, the baseline {len(before.seeds)}"
        ceased = before.seeded and not any(record.seeded for record in variant.records.values())
        return impossible(f"the method takes no seed any more: {counts}; --update writes a new baseline"
                          if ceased else counts)  # fmt: skip
    paired = variant.records.keys() >= set(before.seeds)
    if paired:
        variant = variant.only(before.seeds)
    now = scores_of(variant, find_quantities(before.metrics))
    changes = list(_changes(before, now))
    unchanged = not changes and before.hardware == now.hardware and variant.versions == set(versions)
    rows = judge_method(dataset, name, before, now, paired=paired, repeats=paired and unchanged)
    return rows, [f"{dataset} / {name}: {change}" for change in changes]


def _changes(before: MethodScores, now: MethodScores) -> Iterator[str]:
    """Yield what else is different about a method, in words."""
    if before.version != now.version:
        yield f"version {before.version} -> {now.version}"
    if before.seeded != now.seeded:
        yield "takes a seed now" if now.seeded else "takes no seed any more"
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


def _commit_notes(used: Iterable[Variant], here: str | None) -> Iterator[str]:
    """Yield what a reader must know of the code that made the run: finished cells are not run again by a later one."""
    commits = sorted({record.commit for variant in used for record in variant.records.values() if record.commit})
    told = " and ".join(map(_short, commits))
    if here is not None and set(commits) - {here}:
        yield f"computed at {told}; the code here is {_short(here)}: a fresh --out computes it anew"
    elif len(commits) > 1:
        yield f"computed at {told}: a fresh --out computes it anew, by one code"


def _short(commit: str) -> str:
    """Write a commit as people do, with its ``-dirty``."""
    name, dash, dirty = clean_name(commit).partition("-")
    return name[:12] + dash + dirty[:5]

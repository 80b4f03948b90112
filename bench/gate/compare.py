"""The comparison of a run with a baseline, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.gate.baseline import Baseline, MethodScores
from bench.gate.from_run import method_scores
from bench.gate.quantities import find_quantities
from bench.gate.variants import Variant, VariantFilter, refuse_unknown, similar_names, variants_in_run
from bench.gate.verdicts import ComparedRow, GateVerdict, method_rows
from bench.plan.cells import shown_variant
from bench.records.record import Record
from bench.text import clean_name, counted

#: The words of the summary for each verdict, the worst first.
_SUMMARY_WORDS: dict[GateVerdict, str] = {
    "fail": "failed",
    "cannot compare": "not comparable",
    "warn": "with a warning",
    "pass": "passed",
    "not compared": "not compared",
}
_WORST_FIRST = list(_SUMMARY_WORDS)


@dataclass(frozen=True)
class Comparison:
    """The result of comparing a run with a baseline.

    Attributes
    ----------
    suite : str
        The baseline's suite.
    rows : list of ComparedRow
        The worst first.
    notes : list of str
        What a reader must know in addition.
    """

    suite: str
    rows: list[ComparedRow]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, suite: str, rows: Iterable[ComparedRow], notes: Iterable[str]) -> Comparison:
        """Return a comparison with sorted rows."""
        ordered = sorted(rows, key=lambda r: (_WORST_FIRST.index(r.verdict), -r.excess, r.dataset, r.variant))
        return cls(suite, ordered, list(notes))

    def having(self, verdict: GateVerdict) -> list[ComparedRow]:
        """Return the rows with a verdict."""
        return [row for row in self.rows if row.verdict == verdict]

    @property
    def failures(self) -> list[ComparedRow]:
        """The rows that are regressions."""
        return self.having("fail")

    @property
    def exit_code(self) -> int:
        """1 with a regression, else 2 if something could not be compared or nothing was compared, else 0."""
        if self.failures:
            return 1
        compared = self.having("warn") or self.having("pass")
        return 2 if self.having("cannot compare") or not compared else 0

    @property
    def summary(self) -> str:
        """The outcome and the number of rows by verdict, in one line."""
        counts = Counter(row.verdict for row in self.rows)
        parts = ", ".join(f"{counts[verdict]} {_SUMMARY_WORDS[verdict]}" for verdict in _WORST_FIRST if counts[verdict])
        outcome = {0: "no regression", 1: "REGRESSION", 2: "cannot compare"}[self.exit_code]
        return f"{self.suite}: {outcome} ({parts or 'nothing to compare'})"

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as values that JSON can store."""
        head = {"format": 1, "suite": self.suite, "exit_code": self.exit_code, "summary": self.summary}
        return head | {"rows": [asdict(row) for row in self.rows], "notes": self.notes}


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
    baseline : Baseline
    metrics, methods : sequence of str or None
        Names of the metrics and of the variants to compare; None compares all.
    asked : collection of str or None
        Names of methods: compare only their variants and their deterministic counterparts.
    tolerances : mapping of str to float
        By metric, instead of the baseline's.
    planned : collection of str
        As in `bench.gate.variants.variants_in_run`.
    commit : str or None
        The commit of the present code, if known: a note says which runs are of another one.

    Raises
    ------
    InputError
        If the baseline does not have a metric or method, or a choice of them is empty.
    """
    refuse_unknown("metric", metrics, baseline.metric_names())
    refuse_unknown("metric", tolerances or None, baseline.metric_names())
    refuse_unknown("method", methods, baseline.variants())
    chosen = VariantFilter(methods, asked)
    run = variants_in_run(records, planned)
    rows: list[ComparedRow] = []
    notes: list[str] = []
    used: list[Variant] = []
    for dataset, expected in baseline.methods.items():
        required = chosen.select(expected)
        variants = {name: variant for (of, name), variant in run.items() if of == dataset}
        new = [name for name, v in variants.items() if name not in expected and chosen.concerns_new(v, baseline)]
        notes += [f"{dataset} / {shown_variant(name)}: new, the baseline does not have it" for name in new]
        if not required:
            continue
        compared = [variants[name] for name in required if name in variants]
        used += compared
        reason = _why_not_comparable(dataset, variants, compared, run, baseline)
        if reason:
            rows.append(ComparedRow(dataset=dataset, verdict="cannot compare", reason=reason))
            continue
        for name, scores in required.items():
            before = _restricted(scores, metrics, tolerances or {})
            method, changes = _compare_method(dataset, name, before, variants, baseline.provenance.versions)
            rows += method
            notes += changes
    new_datasets = dict.fromkeys(dataset for dataset, _ in run if dataset not in baseline.methods)
    notes += [f"{dataset}: new, the baseline does not have it" for dataset in new_datasets]
    return Comparison.of(baseline.suite, rows, [*notes, *_commit_notes(used, commit)])


def _why_not_comparable(
    dataset: str,
    variants: Mapping[str, Variant],
    compared: Sequence[Variant],
    run: Mapping[tuple[str, str], Variant],
    baseline: Baseline,
) -> str | None:
    """Return the reason why nothing on a data set can be compared; None if there is none."""
    if not variants:
        names = ", ".join(dict.fromkeys(name for name, _ in run)) or "nothing"
        return f"the run does not have this data set; it has {names}"
    before = baseline.datasets[dataset]
    now = next(record.fingerprint for variant in variants.values() for record in variant.records.values())
    if now != before:
        return f"the data have changed: {clean_name(before)[:12]} in the baseline, {clean_name(now)[:12]} in the run"
    versions = set[int]().union(*(variant.metrics_versions for variant in compared))
    if versions - {baseline.metrics_version}:
        now_versions = " and ".join(map(str, sorted(versions)))
        return (
            f"the metrics have changed: version {baseline.metrics_version} in the baseline, {now_versions} in the run; "
            "`report RUN` scores a run again, --update writes a new baseline"
        )
    return None


def _restricted(scores: MethodScores, metrics: Sequence[str] | None, tolerances: Mapping[str, float]) -> MethodScores:
    """Return the scores in the chosen metrics, with the given tolerances."""
    kept = {
        name: s.model_copy(update={"tolerance": tolerances.get(name, s.tolerance)})
        for name, s in scores.metrics.items()
        if metrics is None or name in metrics
    }
    return scores.model_copy(update={"metrics": kept})


def _compare_method(
    dataset: str, name: str, before: MethodScores, variants: Mapping[str, Variant], versions: Sequence[str]
) -> tuple[list[ComparedRow], list[str]]:
    """Return the rows of a variant and the notes on it; ``versions`` are the package versions of the baseline."""

    def cannot_compare(reason: str) -> tuple[list[ComparedRow], list[str]]:
        return [ComparedRow(dataset=dataset, variant=name, verdict="cannot compare", reason=reason)], []

    variant = variants.get(name)
    if variant is None:
        similar = similar_names(name, variants)
        hint = (
            f"; it has {', '.join(map(shown_variant, similar))}: use a new --out and the baseline's settings"
            if similar
            else ""
        )
        return cannot_compare(f"the run does not have this method{hint}")
    n = len(variant.records)
    if n < len(before.seeds):
        counts = f"the run has {counted(n, 'seed')}, the baseline {len(before.seeds)}"
        if before.seeded and not any(record.seeded for record in variant.records.values()):
            return cannot_compare(f"the method no longer takes a seed: {counts}; --update writes a new baseline")
        return cannot_compare(counts)
    paired = variant.records.keys() >= set(before.seeds)
    if paired:
        variant = variant.restricted(before.seeds)
    now = method_scores(variant, find_quantities(before.metrics))
    changes = list(_changes(before, now))
    unchanged = not changes and before.hardware == now.hardware and variant.versions == set(versions)
    rows = method_rows(dataset, name, before, now, paired=paired, repeats=paired and unchanged)
    return rows, [f"{dataset} / {shown_variant(name)}: {change}" for change in changes]


def _changes(before: MethodScores, now: MethodScores) -> Iterator[str]:
    """Yield in words how the version, the use of a seed and the parameters of a method have changed."""
    if before.version != now.version:
        yield f"version {before.version} -> {now.version}"
    if before.seeded != now.seeded:
        yield "takes a seed now" if now.seeded else "no longer takes a seed"
    if before.params != now.params:
        absent = object()
        changed = [
            f"{clean_name(key)} {_format_param(before.params, key)} -> {_format_param(now.params, key)}"
            for key in sorted(before.params.keys() | now.params.keys())
            if before.params.get(key, absent) != now.params.get(key, absent)
        ]
        yield f"other parameters: {', '.join(changed)}"


def _format_param(params: Mapping[str, object], key: str) -> str:
    return clean_name(repr(params[key]))[:60] if key in params else "(absent)"


def _commit_notes(used: Iterable[Variant], present: str | None) -> Iterator[str]:
    """Yield a note if other code than the present made the runs: finished runs are not repeated when code changes."""
    commits = sorted({record.commit for variant in used for record in variant.records.values() if record.commit})
    computed_at = f"computed at {' and '.join(map(_short_commit, commits))}"
    if present is not None and set(commits) - {present}:
        yield f"{computed_at}; the code here is {_short_commit(present)}: a new --out folder computes it again"
    elif len(commits) > 1:
        yield f"{computed_at}: a new --out folder computes all of it by one"


def _short_commit(commit: str) -> str:
    """Return a commit's first digits, with its ``-dirty``."""
    name, dash, dirty = clean_name(commit).partition("-")
    return name[:12] + dash + dirty[:5]

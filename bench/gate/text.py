"""A comparison and the update of a baseline as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from rich.cells import cell_len

from bench.gate.baseline import Baseline, MethodScores, MetricScores
from bench.gate.compare import Comparison
from bench.gate.from_run import BaselineUpdate
from bench.gate.quantities import Quantity, find_quantities, quantities
from bench.gate.verdicts import ComparedRow
from bench.plan.cells import shown_variant
from bench.report.numbers import ABSENT
from bench.text import clean_name

COMPARISON_HEADER = ("data set", "method", "metric", "baseline", "run", "drop", "tolerance", "verdict", "")
_UPDATE_HEADER = ("data set", "method", "metric", "old", "new", "tolerance")
#: If more rows pass, they are counted in one line a method.
MOST_PASSES = 24

_VERDICTS = {"fail": "FAIL", "warn": "WARN", "cannot compare": "CANNOT COMPARE"}


def render_text(comparison: Comparison) -> str:
    """Return a comparison as text: the table, the notes and the summary."""
    table = [_aligned([COMPARISON_HEADER, *comparison_table(comparison)])] if comparison.rows else []
    return "\n".join([*table, *(f"note: {clean_name(note)}" for note in comparison.notes), comparison.summary])


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells in aligned columns, without wrapping: a log has no width."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [[cell + " " * (w - cell_len(cell)) for cell, w in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def comparison_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the cells of the table with `COMPARISON_HEADER`; more than `MOST_PASSES` passes are counted by method."""
    passes = comparison.having("pass")
    if len(passes) <= MOST_PASSES:
        return [_cells(row) for row in comparison.rows]
    shown = [_cells(row) for row in comparison.rows if row.verdict != "pass"]
    counts = Counter((row.dataset, row.variant) for row in passes)
    return shown + [
        (
            clean_name(dataset),
            clean_name(shown_variant(variant)),
            f"{counts[dataset, variant]} passed",
            *[""] * 4,
            "pass",
            "",
        )
        for dataset, variant in sorted(counts)
    ]


def _name(text: str) -> str:
    return clean_name(shown_variant(text))


def metric_title(row: ComparedRow) -> str:
    """Return the title of a row's metric."""
    quantity = quantities().get(row.metric)
    return row.metric if quantity is None else quantity.title


def format_drop(row: ComparedRow) -> str:
    """Return a row's drop as text, with its interval if there is one."""
    quantity = quantities().get(row.metric)
    if quantity is None or row.drop is None:
        return ABSENT
    drop = _change(row.drop, quantity)
    if row.low is None or row.high is None:
        return drop
    return f"{drop} [{_change(row.low, quantity)}, {_change(row.high, quantity)}]"


def _cells(row: ComparedRow) -> tuple[str, ...]:
    quantity = quantities().get(row.metric)
    numbers: Sequence[str] = ("", "", "", "")
    if quantity is not None:
        tolerance = ABSENT if row.tolerance is None else _change(row.tolerance, quantity)
        numbers = (_value(row.baseline, quantity), _value(row.run, quantity), format_drop(row), tolerance)
    verdict = _VERDICTS.get(row.verdict, row.verdict)
    cells = (row.dataset, row.variant, metric_title(row), *numbers, verdict, row.reason)
    return tuple(map(_name, cells))


def _value(value: float | None, quantity: Quantity) -> str:
    return ABSENT if value is None else quantity.format(value)


def _change(value: float, quantity: Quantity) -> str:
    if not quantity.is_cost:
        return quantity.format(value)
    share = f"{value:+.0%}"
    return "0%" if share in ("+0%", "-0%") else share


def render_update(update: BaselineUpdate) -> str:
    """Return the changes of a baseline as text; empty if no baseline was replaced."""
    if update.old is None:
        return ""
    changed = [
        tuple(clean_name(shown_variant(text)) for text in row) for row in baseline_changes(update.old, update.new)
    ]
    table = _aligned([_UPDATE_HEADER, *changed]) if changed else "no change"
    return f"{table}\ntolerances set by hand and kept: {update.kept}"


def baseline_changes(old: Baseline, new: Baseline) -> Iterator[tuple[str, ...]]:
    """Yield (data set, method, metric, old, new, tolerance) for everything whose text has changed."""
    before, after = ({(d, v): scores for d, v, scores in b.scores()} for b in (old, new))
    for place in sorted(before.keys() | after.keys()):
        if place not in after:
            yield *place, "", "present", "removed", ""
        elif place not in before:
            yield *place, "", "", "new", ""
        else:
            yield from ((*place, *change) for change in _changed_scores(before[place], after[place]))


def _changed_scores(before: MethodScores, after: MethodScores) -> Iterator[tuple[str, ...]]:
    for quantity in find_quantities([*before.metrics, *after.metrics]):
        old, new = (_mean_and_tolerance(s.metrics.get(quantity.name), quantity.format) for s in (before, after))
        if old != new:
            yield quantity.title, old[0], new[0], " -> ".join(dict.fromkeys((old[1], new[1])))
    if before.seeds != after.seeds:
        yield "seeds", f"{len(before.seeds)} from {before.seeds[0]}", f"{len(after.seeds)} from {after.seeds[0]}", ""
    if before.status != after.status:
        yield "runs", _format_counts(before), _format_counts(after), ""


def _mean_and_tolerance(scores: MetricScores | None, write: Callable[[float], str]) -> tuple[str, str]:
    if scores is None:
        return ABSENT, ABSENT
    return write(float(np.mean(list(scores.scored().values())))), f"{scores.tolerance:g}"


def _format_counts(scores: MethodScores) -> str:
    status = scores.status
    return f"{status.ok} ok, {status.failed} failed, {status.collapsed} collapsed"

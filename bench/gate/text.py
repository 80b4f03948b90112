"""A comparison, and a baseline written anew, as a reader sees them in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from rich.cells import cell_len

from bench.gate.baseline import Baseline, MethodScores, Scores
from bench.gate.comparison import Comparison, Row
from bench.gate.from_run import Update
from bench.gate.quantities import Quantity, find_quantities, quantities
from bench.report.numbers import ABSENT
from bench.text import clean_name

COMPARISON_HEADER = ("data set", "method", "metric", "baseline", "run", "drop", "tolerance", "verdict", "")
#: More passes than these are counted, a line a method.
MOST_PASSES = 24

_VERDICTS = {"fail": "FAIL", "warn": "WARN", "cannot compare": "CANNOT COMPARE"}


def render_text(comparison: Comparison) -> str:
    """Write a comparison as lines of text: the table, the notes and the summary."""
    table = [columns([COMPARISON_HEADER, *table_of(comparison)])] if comparison.rows else []
    return "\n".join([*table, *(f"note: {clean_name(note)}" for note in comparison.notes), comparison.summary])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Write rows of cells below each other, as wide as they are: a log has no width, and a file none to wrap at."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [[cell + " " * (w - cell_len(cell)) for cell, w in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def table_of(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the rows of the table under `COMPARISON_HEADER`; many passes are counted by method instead."""
    passes = comparison.having("pass")
    if len(passes) <= MOST_PASSES:
        return [_cells(row) for row in comparison.rows]
    shown = [_cells(row) for row in comparison.rows if row.verdict != "pass"]
    counts = Counter((row.dataset, row.variant) for row in passes)
    return shown + [
        (*map(clean_name, place), f"{counts[place]} passed", "", "", "", "", "pass", "") for place in sorted(counts)
    ]


def title_of(row: Row) -> str:
    """Return the heading of a row's metric."""
    quantity = quantities().get(row.metric)
    return row.metric if quantity is None else quantity.title


def format_drop(row: Row) -> str:
    """Write a drop with its interval, where there is one."""
    quantity = quantities().get(row.metric)
    if quantity is None or row.drop is None:
        return ABSENT
    drop = _change(row.drop, quantity)
    if row.low is None or row.high is None:
        return drop
    return f"{drop} [{_change(row.low, quantity)}, {_change(row.high, quantity)}]"


def _cells(row: Row) -> tuple[str, ...]:
    quantity = quantities().get(row.metric)
    numbers: Sequence[str] = ("", "", "", "")
    if quantity is not None:
        tolerance = ABSENT if row.tolerance is None else _change(row.tolerance, quantity)
        numbers = (_value(row.baseline, quantity), _value(row.run, quantity), format_drop(row), tolerance)
    verdict = _VERDICTS.get(row.verdict, row.verdict)
    cells = (row.dataset, row.variant, title_of(row), *numbers, verdict, row.reason)
    return tuple(clean_name(cell) for cell in cells)


def _value(value: float | None, quantity: Quantity) -> str:
    return ABSENT if value is None else quantity.format(value)


def _change(value: float, quantity: Quantity) -> str:
    if not quantity.is_cost:
        return quantity.format(value)
    share = f"{value:+.0%}"
    return "0%" if share in ("+0%", "-0%") else share


CHANGES_HEADER = ("data set", "method", "metric", "old", "new", "tolerance")


def render_update(update: Update) -> str:
    """Write what changed as lines of text; nothing where no baseline was replaced."""
    if update.old is None:
        return ""
    changed = [tuple(map(clean_name, cells)) for cells in changes(update.old, update.new)]
    table = columns([CHANGES_HEADER, *changed]) if changed else "no change"
    return f"{table}\ntolerances set by hand, which stay: {update.kept}"


def changes(old: Baseline, new: Baseline) -> Iterator[tuple[str, ...]]:
    """Yield (data set, method, metric, old, new, tolerance) of all that reads otherwise than it did."""
    before, after = ({(d, v): scores for d, v, scores in b.scores()} for b in (old, new))
    for place in sorted(before.keys() | after.keys()):
        if place not in after:
            yield *place, "", "there", "gone", ""
        elif place not in before:
            yield *place, "", "", "new", ""
        else:
            yield from ((*place, *told) for told in _changed_scores(before[place], after[place]))


def _changed_scores(before: MethodScores, after: MethodScores) -> Iterator[tuple[str, ...]]:
    for quantity in find_quantities([*before.metrics, *after.metrics]):
        was, now = (_said(scores.metrics.get(quantity.name), quantity.format) for scores in (before, after))
        if was != now:
            yield quantity.title, was[0], now[0], " -> ".join(dict.fromkeys((was[1], now[1])))
    if before.seeds != after.seeds:
        yield "seeds", f"{len(before.seeds)} from {before.seeds[0]}", f"{len(after.seeds)} from {after.seeds[0]}", ""
    if before.status != after.status:
        yield "runs", _ended(before), _ended(after), ""


def _said(scores: Scores | None, write: Callable[[float], str]) -> tuple[str, str]:
    """Return the mean and the tolerance as they read."""
    if scores is None:
        return ABSENT, ABSENT
    return write(float(np.mean(list(scores.scored().values())))), f"{scores.tolerance:g}"


def _ended(scores: MethodScores) -> str:
    status = scores.status
    return f"{status.ok} ok, {status.failed} failed, {status.collapsed} collapsed"

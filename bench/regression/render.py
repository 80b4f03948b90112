"""A comparison as a reader sees it: a table, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len

from bench.leaderboard.numbers import ABSENT
from bench.regression.comparison import Comparison, Row
from bench.regression.quantities import Quantity, quantities
from bench.text import clean_name

HEADER = ("data set", "method", "metric", "baseline", "run", "drop", "tolerance", "verdict", "")
#: More passes than these are counted, a line a method.
MOST_PASSES = 24

_VERDICTS = {"fail": "FAIL", "warn": "WARN", "cannot compare": "CANNOT COMPARE"}


def render_text(comparison: Comparison) -> str:
    """Write a comparison as lines of text: the table, the notes and the summary."""
    table = [columns([HEADER, *table_of(comparison)])] if comparison.rows else []
    return "\n".join([*table, *(f"note: {clean_name(note)}" for note in comparison.notes), comparison.summary])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Write rows of cells below each other, as wide as they are: a log has no width, and a file none to wrap at."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [[cell + " " * (w - cell_len(cell)) for cell, w in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def table_of(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the cells of the table, one row under `HEADER` each; many passes are counted by method instead."""
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

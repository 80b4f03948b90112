"""A comparison as GitHub shows it: annotations, and the summary of a step."""

from __future__ import annotations

from collections.abc import Iterator

from bench.leaderboard.numbers import escape_markdown
from bench.regression.comparison import Comparison
from bench.regression.render import HEADER, format_drop, table_of, title_of
from bench.text import clean_name

#: A summary may have 1 MiB.
MOST_ROWS = 1000

_LEVELS = {"fail": "error", "cannot compare": "error", "warn": "warning"}


def without_commands(text: str, token: str) -> str:
    """Return text for a log in which no line is obeyed: names come from plugins, and one may read ``::error::``.

    Parameters
    ----------
    text : str
    token : str
        Nothing that the text could hold.
    """
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def workflow_commands(comparison: Comparison) -> Iterator[str]:
    """Yield a workflow command for everything that failed, could not be compared or is warned of."""
    for row in comparison.rows:
        if row.verdict in _LEVELS:
            what = " / ".join(name for name in (row.dataset, row.variant, title_of(row)) if name)
            change = "" if row.drop is None else f" (drop {format_drop(row)})"
            title = _escape_property(f"{what}: {row.verdict}")
            yield f"::{_LEVELS[row.verdict]} title={title}::{_escape(f'{what}: {row.reason}{change}')}"


def step_summary(comparison: Comparison) -> str:
    """Return Markdown: the outcome, the table and the notes."""
    rows = table_of(comparison)
    lines = [f"### {escape_markdown(comparison.summary)}", ""]
    if rows:
        lines += [_line(HEADER), _line(["---"] * len(HEADER), escape=False)]
        lines += [_line(row) for row in rows[:MOST_ROWS]]
        lines += [f"\n{len(rows) - MOST_ROWS} more rows are in the log."] if len(rows) > MOST_ROWS else []
        lines.append("")
    lines += [f"- {escape_markdown(clean_name(note))}" for note in comparison.notes]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...] | list[str], escape: bool = True) -> str:
    return f"| {' | '.join(escape_markdown(cell) if escape else cell for cell in cells)} |"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")

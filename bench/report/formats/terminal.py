"""A report in a terminal: the leaderboard and then the verdict, or everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bench.report.document import Board, Content, Part, Report, Table

#: Lines of the short form, those of its leaderboard with title and heading, those of notes, and the fewest of verdicts.
_MOST_LINES, _MOST_OF_TABLE, _MOST_OF_NOTES, _FEWEST_OF_VERDICT = 20, 14, 3, 3
_MOST_ROWS = 12
_GAP = 2
#: Words are folded to a third of the width, and no further than this.
_NARROWEST = 12
_PLAIN = Console(color_system=None)


def print_report(report: Report, console: Console, *, verbose: bool = False) -> None:
    """Print a report.

    Parameters
    ----------
    report : Report
    console : Console
        If it is no terminal, every table row and sentence is one unwrapped line with all columns.
    verbose : bool
        Print all sentences and tables, and not only the leaderboard and the verdict.
    """
    width = console.width if console.is_terminal else None
    lines = _everything(report, width) if verbose else _short(report, width)
    for text, style in lines:
        # Text, not str: a name such as "[red]" or ":boom:" is printed, not obeyed.
        console.print(Text(text, style=style), soft_wrap=True)


def _short(report: Report, width: int | None) -> Iterator[tuple[str, str]]:
    board = report.headline
    leaderboard = _leaderboard(board, width)
    if not leaderboard:
        why = [sentence.text for part in _parts(board.section("leaderboard")) for sentence in part.sentences]
        leaderboard = [line for text in why for line in _wrapped(text, width)]
    notes = _cut([line for note in report.notes for line in _wrapped(note, width)], _MOST_OF_NOTES)
    verdict = [sentence.text for part in _parts(board.section("verdict")) for sentence in part.sentences]
    room = max(_FEWEST_OF_VERDICT, _MOST_LINES - 2 - len(leaderboard) - len(notes))
    yield "", ""
    yield from ((line, "bold" if i == 0 else "") for i, line in enumerate(leaderboard))
    yield "", ""
    yield from ((line, "dim") for line in notes)
    yield from ((line, "bold") for line in _cut([line for text in verdict for line in _wrapped(text, width)], room))


def _cut(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], "… all with --verbose"]


def _leaderboard(board: Board, width: int | None) -> list[str]:
    """Return the leaderboard over data sets where there is one, else that of the first data set, cut to its room."""
    found = (
        (part.dataset, part.tables[number])
        for name, number in (("over_datasets", -1), ("leaderboard", 0))
        for part in _parts(board.section(name))
        if part.tables
    )
    dataset, table = next(found, ("", None))
    if table is None:
        return []
    title = f"{dataset}: {table.title}" if dataset else table.title
    for n in range(min(_MOST_ROWS, len(table.rows)), 0, -1):
        left_out = f" (the first {n} of {len(table.rows)})" if n < len(table.rows) else ""
        lines = list(_aligned(replace(table, title=title + left_out, rows=table.rows[:n]), width))
        if len(lines) <= _MOST_OF_TABLE:
            break
    return lines


def _parts(section: Content | None) -> tuple[Part, ...]:
    return section.parts if section is not None else ()


def _everything(report: Report, width: int | None) -> Iterator[tuple[str, str]]:
    for board in report.boards[::-1]:  # the headline last, its verdict nearest to the prompt
        if len(report.boards) > 1:
            yield f"\n{board.title}", "bold reverse"
            yield from ((line, "dim") for line in _wrapped(board.note, width))
        sections = [section for section in board.sections if section.name != "verdict"]
        for section in (*sections, board.section("verdict")):
            if section is not None:
                yield from _section(section, width)
    for note in report.notes:
        yield from ((line, "dim") for line in _wrapped(note, width))


def _section(section: Content, width: int | None) -> Iterator[tuple[str, str]]:
    yield f"\n{section.title}", "bold underline"
    for part in section.parts:
        if part.dataset and (part.sentences or part.tables or part.notes):
            yield part.dataset, "bold"
        for sentence in part.sentences:
            yield from ((line, "") for line in _wrapped(sentence.text, width))
        for table in part.tables:
            yield "", ""
            yield from ((line, "") for line in _aligned(table, width))
        for note in part.notes:
            yield from ((line, "dim") for line in _wrapped(note, width))


def _wrapped(text: str, width: int | None) -> list[str]:
    """Return lines that break between words, and within a word only where it is longer than a line."""
    return [line.plain.rstrip() for line in Text(text).wrap(_PLAIN, width)] if width else [text]


def _aligned(table: Table, width: int | None) -> Iterator[str]:
    """Yield the lines of a table: long names folded, and without the columns that a narrow terminal has no room for."""
    widths = _widths(table, width and max(_NARROWEST, width // 3))
    while width and _total(widths) > width:
        aside = max(column.aside for column in table.columns)
        if aside == 0:
            widths = _widths(table, _NARROWEST)
            break
        table = table.without([column.heading for column in table.columns if column.aside == aside])
        widths = _widths(table, max(_NARROWEST, width // 3))
    yield from _wrapped(table.title, width)
    headings = [column.heading for column in table.columns]
    for row in (headings, *([value.text for value in row] for row in table.rows)):
        folded = (
            _wrapped(text, room if cell_len(text) > room else None) for text, room in zip(row, widths, strict=True)
        )
        for cells in zip_longest(*folded, fillvalue=""):
            line = (
                _padded(text, room, left=c.words) for text, room, c in zip(cells, widths, table.columns, strict=True)
            )
            yield (" " * _GAP).join(line).rstrip()


def _padded(text: str, room: int, *, left: bool) -> str:
    gap = " " * (room - cell_len(text))
    return text + gap if left else gap + text


def _total(widths: list[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _widths(table: Table, most: int | None) -> list[int]:
    """Return how many places each column takes, one of words at most so many."""
    texts = ([column.heading, *(row[i].text for row in table.rows)] for i, column in enumerate(table.columns))
    widths = [max(map(cell_len, column)) for column in texts]
    return [min(w, most) if most and c.words else w for w, c in zip(widths, table.columns, strict=True)]

"""A report in a terminal: the leaderboard and then the verdict, or everything."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bench.report.document import Board, Content, Part, Report, Table

#: Lines of the short form, the command's own among them, and the rows of its leaderboard.
_MOST_LINES, _MOST_ROWS = 18, 12
_GAP = 2


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
    verdict = [sentence for part in _parts(board.section("verdict")) for sentence in part.sentences]
    lines = [line for sentence in verdict for line in _wrapped(sentence.text, width)]
    shown = _leaderboard(board)
    if shown is not None:
        yield "", ""
        for i, line in enumerate(_aligned(shown, width)):
            yield line, "bold" if i == 0 else ""
    elif why := [s.text for part in _parts(board.section("leaderboard")) for s in part.sentences]:
        yield from ((line, "") for text in why for line in _wrapped(text, width))
    yield "", ""
    for note in report.notes:
        yield from ((line, "dim") for line in _wrapped(note, width))
    room = max(3, _MOST_LINES - (len(shown.rows) if shown else 0))
    if len(lines) > room:
        lines = [*lines[: room - 1], f"… {len(verdict)} verdicts in all: --verbose prints them"]
    yield from ((line, "bold") for line in lines)


def _leaderboard(board: Board) -> Table | None:
    """Return the leaderboard over data sets where there is one, else that of the first data set."""
    for name, number in (("over_datasets", -1), ("leaderboard", 0)):
        for part in _parts(board.section(name)):
            if part.tables:
                table = part.tables[number]
                place = f"{part.dataset}: " if part.dataset else ""
                more = len(table.rows) - _MOST_ROWS
                left_out = f" (the first {_MOST_ROWS} of {len(table.rows)})" if more > 0 else ""
                return Table(f"{place}{table.title}{left_out}", table.columns, table.rows[:_MOST_ROWS], table.best)
    return None


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
    return textwrap.wrap(text, width) if width else [text]


def _aligned(table: Table, width: int | None) -> Iterator[str]:
    """Yield the lines of a table, less the columns that a narrow terminal has no room for."""
    dropped: list[str] = []
    while width and sum(_widths(table)) + _GAP * (len(table.columns) - 1) > width:
        aside = max(column.aside for column in table.columns)
        if aside == 0:
            break
        gone = [column.heading for column in table.columns if column.aside == aside]
        dropped += gone
        table = table.without(gone)
    yield from _wrapped(table.title, width)
    widths = _widths(table)
    headings = [column.heading for column in table.columns]
    for row in (headings, *([value.text for value in row] for row in table.rows)):
        cells = []
        for text, column, room in zip(row, table.columns, widths, strict=True):
            gap = " " * (room - cell_len(text))
            cells.append(text + gap if column.words else gap + text)
        yield (" " * _GAP).join(cells).rstrip()


def _widths(table: Table) -> list[int]:
    """Return how many places each column takes."""
    texts = ([column.heading, *(row[i].text for row in table.rows)] for i, column in enumerate(table.columns))
    return [max(map(cell_len, column)) for column in texts]

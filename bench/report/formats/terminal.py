"""A report in a terminal: the leaderboard and then the verdict, or everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bench.report.document import Board, Column, Content, Part, Report, Table

#: Lines of the short form, and the rows of its leaderboard.
_MOST_LINES, _MOST_ROWS = 20, 12
#: Places between columns.
_GAP = 2

#: A line and its style.
_Line = tuple[str, str]


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


def _short(report: Report, width: int | None) -> list[_Line]:
    board = report.headline
    sentences = [sentence.text for part in _parts(board.section("verdict")) for sentence in part.sentences]
    verdict = [_wrapped(text, width) for text in sentences]
    notes = [(line, "dim") for note in report.notes for line in _wrapped(note, width)]
    room = _MOST_LINES - len(notes) - 2  # two empty lines
    shown = _leaderboard(board, width, room - sum(map(len, verdict[:1])) - (len(verdict) > 1))
    room -= len(shown)
    n = next((n for n in range(len(verdict), 1, -1) if sum(map(len, verdict[:n])) + (n < len(verdict)) <= room), 1)
    lines = [(line, "bold") for of in verdict[:n] for line in of]
    if n < len(verdict):
        lines.insert(0, (f"The first {n} of {len(verdict)} verdicts; --verbose prints all", "dim"))
    return [("", ""), *shown, ("", ""), *notes, *lines]


def _leaderboard(board: Board, width: int | None, room: int) -> list[_Line]:
    """Return the leaderboard over data sets where there is one, else that of the first data set, or why there is none.

    It has as many rows as there is room for, and at least three.
    """
    for name, number in (("over_datasets", -1), ("leaderboard", 0)):
        for part in _parts(board.section(name)):
            if part.tables:
                table = part.tables[number]
                title = f"{part.dataset}: {table.title}" if part.dataset else table.title
                for n in range(min(_MOST_ROWS, len(table.rows)), 0, -1):
                    some = f" (the first {n} of {len(table.rows)})" if n < len(table.rows) else ""
                    lines = list(_aligned(Table(title + some, table.columns, table.rows[:n]), width, fewest=True))
                    if len(lines) <= room or n <= 3:
                        return lines
    reasons = (s.text for part in _parts(board.section("leaderboard")) for s in part.sentences)
    return [(line, "") for text in reasons for line in _wrapped(text, width)]


def _parts(section: Content | None) -> tuple[Part, ...]:
    return section.parts if section is not None else ()


def _everything(report: Report, width: int | None) -> Iterator[_Line]:
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


def _section(section: Content, width: int | None) -> Iterator[_Line]:
    parts = [part for part in section.parts if part.sentences or part.tables or part.notes]
    if parts:
        yield "", ""
        yield from ((line, "bold underline") for line in _wrapped(section.title, width))
    for part in parts:
        yield from ((line, "bold") for line in _wrapped(part.dataset, width) if part.dataset)
        for sentence in part.sentences:
            yield from ((line, "") for line in _wrapped(sentence.text, width))
        for table in part.tables:
            yield "", ""
            yield from _aligned(table, width)
        for note in part.notes:
            yield from ((line, "dim") for line in _wrapped(note, width))


def _wrapped(text: str, width: int | None) -> list[str]:
    """Break a text at spaces alone, so that no name is broken; a word that is wider than the width is."""
    return [line.plain.rstrip() for line in Text(text).wrap(Console(), width)] if width else [text]


def _aligned(table: Table, width: int | None, *, fewest: bool = False) -> Iterator[_Line]:
    """Yield the lines of a table.

    A terminal that is too narrow for it gets some columns below the others, each time beside the names. With ``fewest``
    it gets less columns instead: those that may be put aside are left out.
    """
    yield from ((line, "") for line in _wrapped(table.title, width))
    while fewest and width and sum(_widths(table)) + _GAP * (len(table.columns) - 1) > width:
        aside = max(column.aside for column in table.columns)
        if aside == 0:
            break
        table = table.without([column.heading for column in table.columns if column.aside == aside])
    for block, room in _blocks(table, width):
        yield from _lines(block, room)


def _blocks(table: Table, width: int | None) -> Iterator[tuple[Table, list[int]]]:
    """Cut a table into some that are no wider than the terminal; yield each with the places of its columns."""
    first, *others = _widths(table)
    if not width or first + sum(others) + _GAP * len(others) <= width:
        yield table, [first, *others]
        return
    rest = width - sum(others) - _GAP * len(others)
    first = min(first, rest if rest >= width // 4 else max(width // 4, width - max(others, default=0) - _GAP))
    kept: list[int] = []
    room: list[int] = []
    for i, own in enumerate(others, start=1):
        own = min(own, width - first - _GAP)
        if kept and first + sum(room) + own + _GAP * (len(room) + 1) > width:
            yield _columns_of(table, kept), [first, *room]
            kept, room = [], []
        kept.append(i)
        room.append(own)
    yield _columns_of(table, kept), [first, *room]


def _columns_of(table: Table, kept: Sequence[int]) -> Table:
    which = (0, *kept)
    rows = tuple(tuple(row[i] for i in which) for row in table.rows)
    return Table(table.title, tuple(table.columns[i] for i in which), rows)


def _lines(table: Table, room: Sequence[int]) -> Iterator[_Line]:
    """Yield the lines of a table whose columns have so many places: a name with too few has lines to itself."""
    width = sum(room) + _GAP * (len(room) - 1)
    headings = [column.heading for column in table.columns]
    for number, row in enumerate([headings, *([value.text for value in row] for row in table.rows)]):
        style = "bold" if number == 0 else ""
        cells = [_wrapped(text, places) for text, places in zip(row, room, strict=True)]
        if len(cells[0]) > 1:
            yield from ((line, style) for line in _wrapped(row[0], width))
            cells[0] = [""]
        for i in range(max(map(len, cells))):
            texts = (cell[i] if i < len(cell) else "" for cell in cells)
            line = map(_padded, texts, table.columns, room)
            yield (" " * _GAP).join(line).rstrip(), style


def _padded(text: str, column: Column, places: int) -> str:
    gap = " " * (places - cell_len(text))
    return text + gap if column.words else gap + text


def _widths(table: Table) -> list[int]:
    """Return how many places each column takes."""
    texts = ([column.heading, *(row[i].text for row in table.rows)] for i, column in enumerate(table.columns))
    return [max(map(cell_len, column)) for column in texts]

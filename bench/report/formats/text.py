"""Leaderboards as terminal output and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.report.boards import BoardFrame
from bench.report.document import Section, TextTable
from bench.report.numbers import escape_markdown
from bench.report.sections.leaderboard import HOW_TO_READ, sections_of
from bench.report.sections.uncertainty import NOTE, SUBTITLE, TITLE, WHERE, findings_of

#: Places between two columns, and those that a column of words needs to be read.
_GAP, _NARROWEST_WORDS = 2, 8


def render_terminal(boards: Sequence[BoardFrame], *, notes: Sequence[str] = (), console: Console) -> None:
    """Print one section for each data set of each board.

    Parameters
    ----------
    boards : sequence of BoardFrame
    notes : sequence of str
        What is to be known of the results as a whole.
    console : Console
        Where to print. If it is no terminal, every table row and sentence is one unwrapped line.
    """

    def say(text: str, style: str = "") -> None:
        # Text, not str: a name such as "[red]" or ":boom:" is printed, not obeyed.
        console.print(Text(text, style=style), soft_wrap=not console.is_terminal)

    for board in boards:
        if len(boards) > 1:
            say(f"\n{board.title}", "bold reverse")
            say(board.note, "dim")
        for section in sections_of(board):
            say(f"\n{section.dataset}", "bold underline")
            for sentence in section.headline:
                say(sentence, "bold")
            for table in section.tables:
                say("")
                if console.is_terminal:
                    console.print(_rich_table(table, console.width))
                else:
                    for line in _aligned_lines(table):
                        say(line)
            if section.notes:
                say("")
            for note in section.notes:
                say(note)
    _say_findings(boards, say)
    say("")
    for note in notes:
        say(note)
    for note in HOW_TO_READ:
        say(note, "dim")


def _say_findings(boards: Sequence[BoardFrame], say: Callable[..., None]) -> None:
    """Print the sentences alone: the tables would fill screen after screen."""
    sections = findings_of(boards[0]) if boards else ()
    if sections:
        say(f"\n{TITLE}: {SUBTITLE}", "bold reverse")
    for section in sections:
        say(f"\n{section.dataset}", "bold underline")
        for sentence in section.headline:
            say(sentence)
    if sections:
        say(f"\n{WHERE}", "dim")


def render_markdown(boards: Sequence[BoardFrame], notes: Sequence[str] = ()) -> str:
    """Return a Markdown page with one section for each data set of each board.

    The parameters are those of `render_terminal`.
    """
    blocks = ["# Leaderboard", _markdown_list(map(escape_markdown, notes))]
    level = "##"
    for board in boards:
        if len(boards) > 1:
            blocks += [f"## {board.title}", board.note]
            level = "###"
        for section in sections_of(board, escape_markdown):
            blocks += _markdown_section(section, level)
    findings = findings_of(boards[0], escape_markdown) if boards else ()
    if findings:
        blocks += [f"## {TITLE}: {SUBTITLE}", NOTE]
    for section in findings:
        blocks += _markdown_section(section, "###")
    blocks += ["## How to read this", _markdown_list(HOW_TO_READ)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _rich_table(table: TextTable, width: int) -> Table:
    dropped = [] if _fits(table, width) else [name for name in table.header if name in table.aside]
    if dropped:
        kept = [i for i, name in enumerate(table.header) if name not in dropped]
        header, *rows = (tuple(row[i] for i in kept) for row in (table.header, *table.rows))
        title = f"{table.title} ({' and '.join(dropped)}: report.html)"
        table = replace(table, title=title, header=header, rows=tuple(rows), keys=())
    # Numbers take a second line only where there is no room: they would be cut off, and the names with them.
    whole = _fits(table, width)
    grid = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    grid.padding, grid.collapse_padding = (0, 1), True
    for name in table.header:
        words = name in table.left
        justify: Literal["left", "right"] = "left" if words else "right"
        grid.add_column(Text(name), justify=justify, overflow="fold", no_wrap=whole and not words)
    for row in table.rows:
        grid.add_row(*map(Text, row))
    return grid


def _fits(table: TextTable, width: int) -> bool:
    """Say whether each number has one line, with as little room for words as can be read."""
    own = zip(table.header, _widths(table), strict=True)
    narrowest = [min(_NARROWEST_WORDS, w) if name in table.left else w for name, w in own]
    return sum(narrowest) + _GAP * (len(narrowest) - 1) <= width


def _widths(table: TextTable) -> list[int]:
    """Return how many places each column takes."""
    return [max(map(cell_len, column)) for column in zip(table.header, *table.rows, strict=True)]


def _aligned_lines(table: TextTable) -> Iterable[str]:
    widths = _widths(table)
    yield table.title
    for row in (table.header, *table.rows):
        cells = []
        for name, text, width in zip(table.header, row, widths, strict=True):
            gap = " " * (width - cell_len(text))
            cells.append(text + gap if name in table.left else gap + text)
        yield "  ".join(cells).rstrip()


def _markdown_section(section: Section, level: str) -> list[str]:
    blocks = [f"{level} {section.dataset}", _markdown_list(section.headline)]
    for table in section.tables:
        blocks += [f"{level}# {table.title}", _markdown_table(table)]
    return [*blocks, _markdown_list(section.notes)]


def _markdown_table(table: TextTable) -> str:
    rule = [":--" if name in table.left else "--:" for name in table.header]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.header, rule, *table.rows))


def _markdown_list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)

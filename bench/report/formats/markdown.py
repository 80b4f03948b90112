"""A report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bench.report.document import Board, Part, Report, Table
from bench.report.values import Code, Value


def escape_markdown(text: str) -> str:
    """Write text so that Markdown, its tables, HTML and maths all leave it as it is."""
    text = re.sub(r"([\\`*_\[\]<>|#~$&!]|^[-+])", r"\\\1", text)
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)  # else the number of a list


def render_markdown(report: Report) -> str:
    """Return a Markdown page: the verdict, then every section of every board."""
    blocks = [f"# {report.title}", escape_markdown(report.subtitle), _list(report.notes)]
    for board in report.boards:
        if len(report.boards) > 1:
            blocks += [f"## {board.title}", board.note]
        blocks += _board(board, "##" if len(report.boards) == 1 else "###")
    return "\n\n".join(block for block in blocks if block) + "\n"


def _board(board: Board, level: str) -> Iterator[str]:
    for section in board.sections:
        parts = [part for part in section.parts if part.sentences or part.tables or part.notes]
        if parts:
            yield f"{level} {escape_markdown(section.title)}"
        for part in parts:
            if part.dataset:
                yield f"{level}# {escape_markdown(part.dataset)}"
            yield from _part(part, f"{level}##")


def _part(part: Part, level: str) -> Iterator[str]:
    yield _list(sentence.text for sentence in part.sentences)
    for table in part.tables:
        yield f"{level} {escape_markdown(table.title)}"
        yield markdown_table(table)
    yield _list(part.notes)


def markdown_table(table: Table) -> str:
    """Return a table without its title."""
    header = " | ".join(escape_markdown(column.heading) for column in table.columns)
    rule = " | ".join(":--" if column.words else "--:" for column in table.columns)
    rows = (" | ".join(map(_cell, row)) for row in table.rows)
    return "\n".join(f"| {line} |" for line in (header, rule, *rows))


def _cell(value: Value) -> str:
    if isinstance(value, Code) and "`" not in value.text:
        return f"`{value.text}`".replace("|", "\\|")
    return escape_markdown(value.text)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {escape_markdown(item)}" for item in items)

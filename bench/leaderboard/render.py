"""Leaderboards as terminal output, Markdown and tidy CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.leaderboard.content import TextTable
from bench.leaderboard.numbers import clean_name, escape_markdown
from bench.leaderboard.sections import HOW_TO_READ, sections_of
from bench.leaderboard.tables import quality_table, twin_table


def render_terminal(frame: pd.DataFrame, *, primary_metric: str, planned: int | None = None, console: Console) -> None:
    """Print one section for each data set.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, as `bench.leaderboard.frame` describes.
    primary_metric : str
        The metric declared before the run; the others only describe.
    planned : int, optional
        Runs planned for each variant; the number of its cells unless given.
    console : Console
        Where to print. If it is no terminal, every table row and sentence is one unwrapped line.
    """

    def say(text: str, style: str = "") -> None:
        # Text, not str: a name such as "[red]" or ":boom:" is printed, not obeyed.
        console.print(Text(text, style=style), soft_wrap=not console.is_terminal)

    for section in sections_of(_with_names(frame, clean_name), primary_metric, planned):
        say(f"\n{section.dataset}", "bold underline")
        for sentence in section.headline:
            say(sentence, "bold")
        for table in section.tables:
            say("")
            if console.is_terminal:
                console.print(_rich_table(table))
            else:
                for line in _aligned_lines(table):
                    say(line)
        if section.notes:
            say("")
        for note in section.notes:
            say(note)
    say("")
    for note in HOW_TO_READ:
        say(note, "dim")


def render_markdown(frame: pd.DataFrame, *, primary_metric: str, planned: int | None = None) -> str:
    """Return a Markdown page with one section for each data set.

    The parameters are those of `render_terminal`.
    """
    blocks = ["# Leaderboard"]
    for section in sections_of(_with_names(frame, _markdown_name), primary_metric, planned):
        blocks.append(f"## {section.dataset}")
        blocks.append(_markdown_list(section.headline))
        for table in section.tables:
            blocks += [f"### {table.title}", _markdown_table(table)]
        blocks.append(_markdown_list(section.notes))
    blocks += ["## How to read this", _markdown_list(HOW_TO_READ)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def render_csv(frame: pd.DataFrame, *, primary_metric: str, planned: int | None = None) -> str:
    """Return tidy CSV: one row for each data set and variant, with its twin's comparison where it has one.

    Names are written as they are and numbers to ten digits. The parameters are those of `render_terminal`.
    """
    parts = []
    for dataset in frame["dataset"].unique():
        board = quality_table(frame, dataset, primary_metric, planned=planned)
        twins = twin_table(frame, dataset, primary_metric).drop(columns=["title", "mean", "sentence"])
        # "twin_mean" and its like are named already; of the rest each says whose comparison it is.
        renamed = {c: f"twin_{c}" for c in twins.columns if c != "variant" and not c.startswith("twin_")}
        part = board.merge(twins.rename(columns=renamed), on="variant", how="left")
        part.insert(0, "dataset", dataset)
        part.insert(1, "metric", primary_metric)
        parts.append(part)
    # Not concat of frames: it would warn about, and guess, the types of columns that are all empty.
    rows = [row for part in parts for row in part.to_dict("records")]
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n", float_format="%.10g")


def _with_names(frame: pd.DataFrame, rewrite: Callable[[str], str]) -> pd.DataFrame:
    """Rewrite the names once, here, so that every sentence and cell made of them is safe."""
    names = {column: [rewrite(str(name)) for name in frame[column]] for column in ("dataset", "variant", "title")}
    return frame.assign(**names)


def _markdown_name(name: str) -> str:
    return escape_markdown(clean_name(name))


def _rich_table(table: TextTable) -> Table:
    grid = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    grid.padding, grid.collapse_padding = (0, 1), True
    for name in table.header:
        words = name in table.left
        grid.add_column(Text(name), justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in table.rows:
        grid.add_row(*map(Text, row))
    return grid


def _aligned_lines(table: TextTable) -> Iterable[str]:
    columns = list(zip(table.header, *table.rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    yield table.title
    for row in (table.header, *table.rows):
        cells = []
        for name, text, width in zip(table.header, row, widths, strict=True):
            gap = " " * (width - cell_len(text))
            cells.append(text + gap if name in table.left else gap + text)
        yield "  ".join(cells).rstrip()


def _markdown_table(table: TextTable) -> str:
    rule = [":--" if name in table.left else "--:" for name in table.header]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.header, rule, *table.rows))


def _markdown_list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)

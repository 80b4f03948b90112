"""The content of a report before any markup: every format writes the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.values import Value

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    heading : str
    words : bool
        Whether it holds words, which are aligned on the left; numbers are aligned on the right.
    aside : int
        A terminal that is too narrow leaves out the columns with the largest number first; 0 stays.
    """

    heading: str
    words: bool = False
    aside: int = 0


@dataclass(frozen=True)
class Table:
    """A table of typed values.

    Attributes
    ----------
    title : str
    columns : tuple of Column
    rows : tuple of tuple of Value
    best : int or None
        The row that is shown to be better than every other; None where none is.
    cite : bool
        Whether it is one that papers print: then it is among the LaTeX tables.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    best: int | None = None
    cite: bool = False

    def __post_init__(self) -> None:
        if wrong := [len(row) for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"{self.title}: a row has {wrong[0]} values for {len(self.columns)} columns")

    def without(self, headings: Sequence[str]) -> Table:
        """Return the table without some columns."""
        kept = [i for i, column in enumerate(self.columns) if column.heading not in headings]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return Table(self.title, tuple(self.columns[i] for i in kept), rows, self.best, self.cite)


@dataclass(frozen=True)
class Sentence:
    """What is claimed, and the numbers behind it, each with its own punctuation.

    Attributes
    ----------
    claim : str
    evidence : str
    """

    claim: str
    evidence: str = ""

    @property
    def text(self) -> str:
        """Both in one line."""
        return f"{self.claim} {self.evidence}".rstrip()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Part:
    """What a section says of one data set, or of all together.

    Attributes
    ----------
    dataset : str
        Empty for all together.
    rows : DataFrame
        The numbers, which a CSV file holds too.
    sentences : tuple of Sentence
    tables : tuple of Table
    notes : tuple of str
        What a reader has to know of the numbers.
    figures : tuple of Figure
    """

    dataset: str
    rows: pd.DataFrame
    sentences: tuple[Sentence, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.sentences or self.tables or self.notes or self.figures)


@dataclass(frozen=True, eq=False)
class Content:
    """A section as it is written.

    Attributes
    ----------
    name : str
        Of its anchor and its CSV file.
    title : str
    parts : tuple of Part
        At least one that is not empty.
    news : bool
        Whether it says something that a reader should not miss; the page opens such sections.
    csv : str
        The file that holds its rows, empty for none.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    news: bool = False
    csv: str = ""


@dataclass(frozen=True, eq=False)
class Board:
    """The sections on one way to choose hyper-parameters.

    Attributes
    ----------
    name : {"fixed", "label-free", "oracle"}
    title : str
    note : str
        How the hyper-parameters were chosen, and what follows for the reader.
    sections : tuple of Content
        In reading order.
    """

    name: str
    title: str
    note: str
    sections: tuple[Content, ...]

    def section(self, name: str) -> Content | None:
        """Return the section of that name, None where it says nothing."""
        return next((section for section in self.sections if section.name == name), None)


@dataclass(frozen=True, eq=False)
class Report:
    """A whole report.

    Attributes
    ----------
    title : str
    subtitle : str
        What was run.
    boards : tuple of Board
        The headline first, the oracle last.
    notes : tuple of str
        What is to be known of the results as a whole.
    files : tuple of str
        What is written beside the page.
    """

    title: str
    subtitle: str
    boards: tuple[Board, ...]
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def headline(self) -> Board:
        """The board whose hyper-parameters were fixed before any run, or the first there is."""
        return self.boards[0]


def figures_of(report: Report) -> Iterator[Figure]:
    """Yield every figure of a report, in its order."""
    for board in report.boards:
        for section in board.sections:
            for part in section.parts:
                yield from part.figures

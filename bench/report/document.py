"""The content of a report before any markup: every renderer writes the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

#: Text of a table cell, and the value that it is sorted by.
Entry = tuple[str, "float | str | None"]

#: Rewrites a name that comes from data or plugins so that a markup shows it as it is.
Escape = Callable[[str], str]

WORDS = frozenset({"variant", "twin", "verdict", "data set", "parameters", "chosen", "out because"})


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Attributes
    ----------
    title : str
    header : tuple of str
    rows : tuple of tuple of str
    keys : tuple of tuple of (float, str or None)
        What each cell is sorted by, in the shape of ``rows``; None goes last. Empty if it cannot be sorted.
    left : frozenset of str
        Headings of the columns that hold words; the others hold numbers and are aligned on the right.
    best : int or None
        The row that is shown to be better than every other; None where none is.
    cite : bool
        Whether it is one that papers print, and not a further description.
    aside : frozenset of str
        Headings of columns that a terminal leaves out where it is too narrow for all.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[tuple[float | str | None, ...], ...] = ()
    left: frozenset[str] = WORDS
    best: int | None = None
    cite: bool = True
    aside: frozenset[str] = frozenset()


def make_table(
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Entry]],
    *,
    best: int | None = None,
    cite: bool = True,
    left: frozenset[str] = WORDS,
    aside: frozenset[str] = frozenset(),
) -> TextTable:
    """Return a table of entries; the other parameters are those of `TextTable`."""
    entries = [tuple(row) for row in rows]
    texts = tuple(tuple(text for text, _ in row) for row in entries)
    keys = tuple(tuple(None if key != key else key for _, key in row) for row in entries)
    return TextTable(title, tuple(header), texts, keys, left, best, cite, aside)


def word_entry(text: str) -> Entry:
    """Return a cell of words, sorted without regard to case."""
    return text, text.casefold()


def run_counts_entry(n_ok: int, n_failed: int, n_collapsed: int) -> Entry:
    """Return a cell that counts runs."""
    return f"{n_ok}/{n_failed}/{n_collapsed}", n_ok


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes
    ----------
    name : str
        Stem of its files, unique in a report; letters, digits, "-", "_" and "." alone.
    title : str
        One line.
    alt : str
        What the picture shows, in words and numbers, for those who do not see it.
    drawing : matplotlib.figure.Figure or str
        A string is an SVG, from whatever drew it.
    """

    name: str
    title: str
    alt: str
    drawing: MatplotlibFigure | str

    @cached_property
    def svg(self) -> str:
        """For the page: no fixed background, text and axes in ``currentColor``; and the file ``figures/NAME.svg``."""
        if isinstance(self.drawing, str):
            return self.drawing
        from bench.report.plots.export import as_svg  # matplotlib, for a report that has drawings

        return as_svg(self.drawing, self.name, self.alt)

    @property
    def png(self) -> bytes:
        """For print, on white.

        Raises
        ------
        TypeError
            If the drawing is an SVG already.
        """
        if isinstance(self.drawing, str):
            raise TypeError(f"figure {self.name!r} is an SVG; it has no PNG")
        from bench.report.plots.export import as_png

        return as_png(self.drawing)


@dataclass(frozen=True)
class Section:
    """The results on one data set, or over all of them, in reading order: headline, tables, notes, figures."""

    dataset: str
    headline: tuple[str, ...]
    tables: tuple[TextTable, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Board:
    """The results for one way to choose hyper-parameters; or the findings.

    Attributes
    ----------
    name : {"fixed", "label-free", "oracle", "findings"}
    title : str
    note : str
        How the hyper-parameters were chosen, and what follows for the reader.
    sections : tuple of Section
    """

    name: str
    title: str
    note: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Pictures:
    """The pictures of one variant on one data set, of its median run."""

    dataset: str
    variant: str
    note: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class AssignmentsNote:
    """Where readers find which item is in which cluster.

    Attributes
    ----------
    text : str
        What the file holds.
    file : str
        Beside the page; empty where there is none.
    commands : tuple of str
        What writes all of it.
    """

    text: str
    file: str
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes
    ----------
    title : str
    subtitle : str
        What was run.
    answer : tuple of str
        Does stochasticity help? The count of contrasts, then a sentence for each, the overall ones first.
    figures : tuple of Figure
        What shows the answer at a glance.
    boards : tuple of Board
        The headline first, the oracle last.
    pictures : tuple of Pictures
    how_to_read : tuple of str
    provenance : tuple of (str, str)
        What, and its value: suite, command, versions, hardware, commit.
    findings : Board or None
        What the runs of the first board say of uncertainty, stability and outliers; none where they say nothing.
    assignments : AssignmentsNote or None
    """

    title: str
    subtitle: str
    answer: tuple[str, ...]
    figures: tuple[Figure, ...]
    boards: tuple[Board, ...]
    pictures: tuple[Pictures, ...] = ()
    how_to_read: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    findings: Board | None = None
    assignments: AssignmentsNote | None = None

    @property
    def parts(self) -> tuple[Board, ...]:
        """The boards, and the findings after them."""
        return self.boards if self.findings is None else (*self.boards, self.findings)


def figures_of(report: Report) -> Iterator[Figure]:
    """Yield every figure of a report, in its order."""
    yield from report.figures
    for part in report.parts:
        for section in part.sections:
            yield from section.figures
    for pictures in report.pictures:
        yield from pictures.figures

"""What a section of a report is, and where sections come from.

A section is one file: the module's ``section`` is an instance of a subclass of `Section`. The modules of
`bench.report.sections` are found by themselves; a package announces its own under the entry-point group
``deepclustbench.sections``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pandas as pd

from bench.errors import InputError, plugin_faults
from bench.isolation import process_state_restored
from bench.report.board import BoardRuns, DatasetRuns
from bench.report.document import Board, Content, Part, Report, Sentence, Table
from bench.text import clean_name, import_fault, one_line

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure

#: Called with the title of the section after each of its figures.
#: Takes the heading of the section that has drawn a figure, and the share of the sections that is done.
Drawn = Callable[[str, float], None]

SECTION_ENTRY_POINTS = "deepclustbench.sections"


class Section:
    """One subject of a report: its numbers, and what is written and drawn of them.

    Every method but `rows` reads the numbers from ``rows`` alone, so that text, tables, figures and the CSV file agree.

    Attributes
    ----------
    name : str
        Lower case; of its anchor in the page and of its CSV file.
    title : str
    place : float
        Sections are read in this order: the verdict is 0, contrasts 10, the leaderboard 20, ... health 100, pictures
        110, provenance 140.
    of : {"data set", "board"}
        Whether `rows` is called for the runs of each data set (`DatasetRuns`) or once for all (`BoardRuns`).
    every_board : bool
        Whether it is written for hyper-parameters that were chosen too, and not only for the first board.
    plots : tuple of str
        What its figures are of: the first words of their names.
    csv : str or None
        The file of its rows in the report's folder; None is ``tables/NAME.csv``, empty none.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    place: ClassVar[float] = 90.0
    of: ClassVar[Literal["data set", "board"]] = "data set"
    every_board: ClassVar[bool] = False
    plots: ClassVar[tuple[str, ...]] = ()
    csv: ClassVar[str | None] = None

    @property
    def file(self) -> str:
        """The CSV file of the rows in the report's folder, empty for none."""
        return f"tables/{self.name}.csv" if self.csv is None else self.csv

    def rows(self, runs: Any) -> pd.DataFrame:
        """Return the numbers, one row an observation; empty where there is nothing to say.

        Parameters
        ----------
        runs : DatasetRuns or BoardRuns
            As `of` says.
        """
        raise NotImplementedError

    def tables(self, rows: pd.DataFrame) -> Sequence[Table]:
        """Return the tables; by default the one of `table`."""
        table = self.table(rows)
        return [] if table is None else [table]

    def table(self, rows: pd.DataFrame) -> Table | None:
        """Return the table of the rows, None for none."""
        return None

    def sentences(self, rows: pd.DataFrame) -> Sequence[Sentence]:
        """Return what the rows say, the most important first."""
        return ()

    def notes(self, rows: pd.DataFrame, runs: Any) -> Sequence[str]:
        """Return what a reader has to know of the numbers and of the runs behind them."""
        return ()

    def figures(self, rows: pd.DataFrame, runs: Any) -> Iterable[Figure | None]:
        """Return or yield the figures; ``runs`` has the looks of variants, the raw outputs and the parameters."""
        return ()

    def is_news(self, rows: pd.DataFrame) -> bool:
        """Whether the rows say something that a reader should not miss."""
        return False


@cache
def built_in_sections() -> tuple[Section, ...]:
    """Return the sections of this package, in reading order."""
    package = importlib.import_module("bench.report.sections")
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    return tuple(sorted((m.section for m in modules if hasattr(m, "section")), key=lambda section: section.place))


@cache
def installed_sections() -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """Import the sections that packages announce, once a process.

    Returns
    -------
    sections : tuple of Section
    faults : tuple of str
        One line for each entry point that cannot be used.
    """
    sections: dict[str, Section] = {}
    taken = {section.name for section in built_in_sections()}
    faults = []
    for entry in sorted(entry_points(group=SECTION_ENTRY_POINTS), key=lambda e: (e.name, e.value)):
        source = clean_name(f"section {entry.name} = {entry.value}")
        try:
            with process_state_restored():
                section = _declared(entry)
        except InputError as error:
            faults.append(f"{source}: {error}")
            continue
        if section.name in taken:
            faults.append(f"{source}: it is named {section.name!r}, as another section is; give it another name")
        else:
            sections[section.name] = section
            taken.add(section.name)
    return tuple(sections.values()), tuple(faults)


def _declared(entry: EntryPoint) -> Section:
    with plugin_faults(import_fault, InputError):
        value = getattr(importlib.import_module(entry.module), entry.attr or "section", None)
        if isinstance(value, type) and issubclass(value, Section):
            value = value()
    if not isinstance(value, Section):
        raise InputError(f"it is of type {type(value).__name__}; write section = MySection(), a bench.report.Section")
    if not value.name.isidentifier() or value.name != value.name.lower() or not value.title:
        raise InputError("it needs a name (lower-case letters, digits and _) and a title")
    return value


def all_sections() -> tuple[Section, ...]:
    """Return the built-in sections and those of packages, in reading order."""
    return tuple(sorted((*built_in_sections(), *installed_sections()[0]), key=lambda section: section.place))


def content_of(
    section: Section, board: BoardRuns, faults: list[str], *, draw: bool = True, drawn: Callable[[], None] | None = None
) -> Content | None:
    """Write a section of a board.

    Parameters
    ----------
    section : Section
    board : BoardRuns
    faults : list of str
        A line is added where the section of a package fails: the rest of the report is written all the same.
    draw : bool
        Whether to draw its figures.
    drawn : callable, optional
        Called after each figure.

    Returns
    -------
    Content or None
        None where there is nothing to say.
    """
    if section in built_in_sections():
        return _content(section, board, draw, drawn)
    try:
        with plugin_faults(
            lambda error: f"section {section.name}: {type(error).__name__}: {one_line(error)}", InputError
        ):
            content = _content(section, board, draw, drawn)
            if content is not None:
                _try_to_write(content, board)
            return content
    except InputError as error:
        faults.append(f"Left out: {error}.")
        return None


def _content(section: Section, board: BoardRuns, draw: bool, drawn: Callable[[], None] | None) -> Content | None:
    parts, news = [], False
    for runs in _runs_of(section, board):
        rows = section.rows(runs)
        if rows.empty:
            continue
        dataset = runs.dataset if isinstance(runs, DatasetRuns) else ""
        if dataset and "dataset" not in rows:
            rows.insert(0, "dataset", dataset)
        figures = tuple(_drawn(section, rows, runs, drawn)) if draw else ()
        part = Part(
            dataset,
            rows,
            tuple(section.sentences(rows)),
            tuple(section.tables(rows)),
            tuple(section.notes(rows, runs)),
            figures,
        )
        if not part.is_empty:
            parts.append(part)
            news = news or section.is_news(rows)
    return Content(section.name, section.title, tuple(parts), news, section.file) if parts else None


def _try_to_write(content: Content, board: BoardRuns) -> None:
    """Write a section in every format, so that one that cannot be written is known before the report is."""
    from bench.report.formats.csv_files import section_files
    from bench.report.formats.latex import render_latex
    from bench.report.formats.markdown import render_markdown
    from bench.report.formats.page import render_page

    alone = Report("", "", (Board(board.name, "", "", (content,)),))
    for render in (render_markdown, render_latex, render_page, lambda report: list(section_files(report))):
        render(alone)


def _drawn(section: Section, rows: pd.DataFrame, runs: Any, drawn: Callable[[], None] | None) -> Iterator[Figure]:
    """Yield the figures of a section, each written down as SVG once."""
    for figure in section.figures(rows, runs):
        if figure is not None:
            _ = figure.svg
            if drawn is not None:
                drawn()
            yield figure


def _runs_of(section: Section, board: BoardRuns) -> Iterator[DatasetRuns | BoardRuns]:
    if section.of == "board":
        yield board
    else:
        yield from board.datasets

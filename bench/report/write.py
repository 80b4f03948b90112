"""Writes the files of a report: text, tables and one page; nothing where nothing has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from bench.errors import InputError
from bench.metrics import Metric
from bench.records.results import Results
from bench.records.store import Run
from bench.report.assignments import as_csv as assignments_as_csv
from bench.report.assignments import assignment_tables, choose_runs, within_row_limit
from bench.report.build import boards_of, report_of, with_between_runs
from bench.report.document import Report, figures_of
from bench.report.formats.csv_files import index_csv, scores_csv, section_files
from bench.report.formats.latex import render_latex
from bench.report.formats.markdown import render_markdown
from bench.report.formats.page import digest_in, render_page

ASSIGNMENTS = "assignments.csv"

#: Files of every report beside its page and its tables.
WRITTEN = ("leaderboard.md", "leaderboard.tex", "scores.csv", "scores.parquet", "index.csv")
#: Files of a run, beside its records and data, that a report tells of.
_SOURCES = ("suite.toml", "plan.json", "experiment.json", "selection.json", "oracle.json", "commands.txt")

#: Called with the number of figures that are drawn, and of all.
FigureProgress = Callable[[int, int], None]


def write_report(
    results: Results,
    target: Run,
    *,
    png: bool = False,
    against: str | None = None,
    progress: FigureProgress | None = None,
) -> Report | None:
    """Write the whole report of some results into a folder; its figures are drawn only where something has changed.

    Parameters
    ----------
    results : Results
        Of one run, then ``target`` is usually its own folder, or of several.
    target : Run
    png : bool
        Also write every figure as ``figures/NAME.png``.
    against : str, optional
        Name of published values to show beside ours.
    progress : callable, optional
        Called while figures are drawn.

    Returns
    -------
    Report or None
        None where there are no runs. Without figures where nothing was drawn.

    Raises
    ------
    InputError
        If the folder cannot be written, or the suites decide by what methods cannot be ranked by.
    """
    if results.frame.empty:
        return None
    results = with_between_runs(results)
    boards = boards_of(results)
    digest = _digest(results, target, against)
    whole = all((target.folder / name).is_file() for name in WRITTEN)
    if whole and not png and digest_in(target.folder / "report.html") == digest:
        return report_of(results, boards, draw=False)
    write_assignments(results, boards[0].metric, target)
    report = report_of(results, boards)
    for name, text in section_files(report):
        target.write_file(name, text)
    target.write_file("leaderboard.md", render_markdown(report))
    target.write_file("leaderboard.tex", render_latex(report))
    target.write_file("scores.csv", scores_csv(results.frame))
    target.write_table("scores.parquet", results.frame.drop(columns=["run"]))
    target.write_file("index.csv", index_csv(results.frame))
    figures = list(figures_of(report))
    for number, figure in enumerate(figures, start=1):
        if progress is not None:
            progress(number, len(figures))
        _ = figure.svg  # drawn once, here, where progress is shown
        if png:
            target.write_file(f"figures/{figure.name}.png", figure.png())
    target.write_file("report.html", render_page(report, digest))
    return report


def write_assignments(results: Results, metric: Metric, target: Run) -> None:
    """Write ``assignments.csv``, the median run of each variant, where the points of a data set have names.

    Of many large runs only the best variants are in it. A file of an earlier report is removed where there is nothing
    to write.

    Parameters
    ----------
    results : Results
    metric : Metric
        The primary one.
    target : Run
    """
    try:
        chosen, _ = choose_runs(results.frame, results.runs, metric)
    except InputError:  # no run gave labels, as the leaderboard says
        chosen = []
    named = [one for one in chosen if one.items is not None]
    tables, _ = assignment_tables(within_row_limit(named))
    if tables:
        target.write_file(ASSIGNMENTS, "".join(assignments_as_csv(table for _, table in tables)))
    else:
        target.remove_file(ASSIGNMENTS)


def _digest(results: Results, target: Run, against: str | None) -> str:
    """Return a hash of all that a report is made of: the files of the runs, the options, and the code."""
    digest = hashlib.sha256(f"{_code()} {against} {results.notes}".encode())
    for run in results.runs:
        digest.update(f"{run.folder == target.folder}".encode())
        for folder in ("records", "data"):
            digest.update("".join(sorted(_states(run.folder / folder))).encode(errors="surrogateescape"))
        for file in (run.folder / name for name in _SOURCES):
            digest.update(file.read_bytes() if file.is_file() else b"-")
    return digest.hexdigest()[:32]


def _states(folder: Path) -> Iterator[str]:
    """Yield name, size and time of change of each file in a folder, if there is one."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat()
            yield f"{entry.name} {state.st_size} {state.st_mtime_ns}\n"


@cache
def _code() -> str:
    """Return a hash of the code that makes reports."""
    root = Path(str(files("bench")))
    sources = [path for room in ("metrics", "report", "statistics") for path in sorted((root / room).rglob("*"))]
    digest = hashlib.sha256()
    for path in sources:
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.read_bytes())
    return digest.hexdigest()

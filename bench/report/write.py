"""Writes the files of a report: text, tables and one page; nothing where nothing has changed."""

from __future__ import annotations

import gc
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from bench.metrics import all_metrics, find_metric
from bench.records.results import CollectedRuns
from bench.records.store import Run
from bench.report.assignments import ASSIGNMENTS, as_csv, runs_listed
from bench.report.build import boards_of, report_of, with_between_runs
from bench.report.document import Report, figures_of
from bench.report.formats.csv_files import index_csv, scores_csv, section_files, section_names
from bench.report.formats.latex import render_latex
from bench.report.formats.markdown import render_markdown
from bench.report.formats.page import digest_in, render_page
from bench.report.published import values_against
from bench.report.section import SECTION_ENTRY_POINTS, Drawn, all_sections, installed_sections

#: Files of every report beside its page and its tables.
WRITTEN = ("leaderboard.md", "leaderboard.tex", "scores.csv", "scores.parquet", "index.csv")
#: Files of a run, beside its records and data, that a report tells of.
_SOURCES = ("suite.toml", "plan.json", "experiment.json", "selection.json", "oracle.json", "commands.txt")


def write_report(
    results: CollectedRuns,
    target: Run,
    *,
    png: bool = False,
    against: str | None = None,
    drawn: Drawn | None = None,
) -> Report | None:
    """Write the whole report of some results into a folder; its figures are drawn only where something has changed.

    Parameters
    ----------
    results : CollectedRuns
        Of one run, then ``target`` is usually its own folder, or of several.
    target : Run
    png : bool
        Also write every figure as ``figures/NAME.png``.
    against : str, optional
        Name of published values to show beside ours.
    drawn : callable, optional
        Called after each figure.

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
    with _rare_collections():
        return _written(results, target, png, against, drawn)


def _written(results: CollectedRuns, target: Run, png: bool, against: str | None, drawn: Drawn | None) -> Report:
    results = with_between_runs(results)
    boards = boards_of(results, against)
    digest = _digest(results, target, against)
    whole = all((target.folder / name).is_file() for name in WRITTEN)
    if whole and not png and digest_in(target.folder / "report.html") == digest:
        return _with_files(report_of(results, boards, draw=False), target)
    write_assignments(results, target)
    report = _with_files(report_of(results, boards, drawn=drawn), target)
    for section in all_sections():  # of an earlier report
        if (name := section.file) and name not in report.files:
            target.remove_file(name)
    for name, text in section_files(report):
        target.write_file(name, text)
    target.write_file("leaderboard.md", render_markdown(report))
    target.write_file("leaderboard.tex", render_latex(report))
    target.write_file("scores.csv", scores_csv(results.frame))
    target.write_table("scores.parquet", results.frame.drop(columns=["run"]))
    target.write_file("index.csv", index_csv(results.frame))
    for figure in figures_of(report) if png else ():
        if isinstance(figure.drawing, str):  # a package may bring an SVG
            continue
        target.write_file(f"figures/{figure.name}.png", figure.png)
    target.write_file("report.html", render_page(report, digest))
    return report


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage a hundred times less often: figures and tables make much that lives, a fifth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _with_files(report: Report, target: Run) -> Report:
    """Return the report with the names of what is written beside it."""
    assignments = [ASSIGNMENTS] if (target.folder / ASSIGNMENTS).is_file() else []
    return replace(report, files=(*WRITTEN, *section_names(report), *assignments))


def write_assignments(results: CollectedRuns, target: Run) -> None:
    """Write ``assignments.csv``, the median run of each variant, where the points of a data set have names.

    A file of an earlier report is removed where there is nothing to write.

    Parameters
    ----------
    results : CollectedRuns
    target : Run
        Where it is written.
    """
    listed, _ = runs_listed(results.frame, results.runs, find_metric(results.primary_metric))
    if listed:
        target.write_file(ASSIGNMENTS, "".join(as_csv(one.table() for one in listed)))
    else:
        target.remove_file(ASSIGNMENTS)


def _digest(results: CollectedRuns, target: Run, against: str | None) -> str:
    """Return a hash of all that a report is made of: the files of the runs, the options, and the code."""
    digest = hashlib.sha256(f"{_code()} {values_against(against)} {results.notes}".encode())
    for plugin in _plugins():
        digest.update(plugin)
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
            state = entry.stat(follow_symlinks=False)
            yield f"{entry.name} {state.st_size} {state.st_mtime_ns}\n"


@cache
def _code() -> str:
    """Return a hash of the code that makes reports."""
    root = Path(str(files("bench")))
    digest = hashlib.sha256()
    for room in ("metrics", "records", "report", "selection", "statistics"):
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _plugins() -> Iterator[bytes]:
    """Yield what packages add to a report: the metrics that there are, and the files of sections."""
    for metric in all_metrics():
        yield f"{metric.name} {metric.title} {metric.greater_is_better}\n".encode()
    for entry in sorted(entry_points(group=SECTION_ENTRY_POINTS), key=lambda entry: (entry.name, entry.value)):
        yield f"{entry.name} {entry.value} {entry.dist and entry.dist.version}\n".encode()
    for section in installed_sections()[0]:
        if file := getattr(sys.modules.get(type(section).__module__), "__file__", None):
            yield Path(file).read_bytes()

"""Writes the files of a report: leaderboards as text, scores as a table, figures and one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from bench.metrics import find_metric
from bench.records.results import Results
from bench.records.store import Run
from bench.report.assignments import ASSIGNMENTS, as_csv, runs_listed
from bench.report.between_runs import agreements_of, disagreement_columns, stability_of
from bench.report.boards import BoardFrame, boards_of
from bench.report.build import report_of
from bench.report.data_notes import data_notes
from bench.report.document import figures_of
from bench.report.formats.latex import render_latex
from bench.report.formats.page import render_page
from bench.report.formats.text import render_markdown
from bench.report.formats.tidy_csv import render_csv, render_findings_csv
from bench.selection.choices import choices_of


def write_report(results: Results, target: Run) -> Sequence[BoardFrame]:
    """Write the whole report of some results into a folder, and return its boards.

    Parameters
    ----------
    results : Results
        Of one run, then ``target`` is usually its own folder, or of several.
    target : Run

    Raises
    ------
    InputError
        If the folder cannot be written, or the suites decide by what methods cannot be ranked by.
    """
    if results.frame.empty:
        return []
    between = {str(name): column for name, column in disagreement_columns(results).items()}
    results = replace(results, frame=results.frame.assign(stability=stability_of(results), **between))
    choices, agreements = choices_of(results), agreements_of(results)
    boards = boards_of(_board_frames(results), results.primary_metric, choices, agreements, data_notes(results))
    target.write_file("leaderboard.md", render_markdown(boards, results.notes))
    target.write_file("leaderboard.csv", render_csv(boards))
    target.write_file("findings.csv", render_findings_csv(boards[0]))
    target.write_file("leaderboard.tex", render_latex(boards))
    target.write_table("scores.parquet", results.frame.drop(columns=["run"]))
    write_assignments(results, target)
    report = report_of(results, boards)
    target.write_file("report.html", render_page(report))
    for figure in figures_of(report):
        target.write_file(f"figures/{figure.name}.svg", figure.svg)
        target.write_file(f"figures/{figure.name}.png", figure.png)
    return boards


def write_assignments(results: Results, target: Run) -> None:
    """Write ``assignments.csv``, the median run of each variant, where the points of a data set have names.

    A file of an earlier report is removed where there is nothing to write.

    Parameters
    ----------
    results : Results
    target : Run
        Where it is written.
    """
    listed, _ = runs_listed(results.frame, results.runs, find_metric(results.primary_metric))
    if listed:
        target.write_file(ASSIGNMENTS, "".join(as_csv(one.table() for one in listed)))
    else:
        target.remove_file(ASSIGNMENTS)


def _board_frames(results: Results) -> dict[str, pd.DataFrame]:
    """Return the runs of each board: those that stand there by plan, and their twins.

    A run that chose nothing is on the fixed one with all that its folder holds. Of one that chose, what earlier
    commands left is on none: it may have been chosen by labels.
    """
    frame = results.frame
    plans = [run.plan() for run in results.runs]
    chose = [suite.selection_seeds is not None for suite in results.suites]
    if not any(chose):
        return {"fixed": frame}
    places = list(zip(frame["fingerprint"], frame["config"], strict=True))
    members: dict[str, set[tuple[str, str]]] = {"fixed": set()}
    for plan in plans:
        for planned in plan:
            for board in planned.boards:
                members.setdefault(board, set()).add((planned.fingerprint, planned.config))
    asked = (frame["role"] == "asked") & ~frame["run"].map(dict(enumerate(chose)))
    members["fixed"] |= {place for place, stands in zip(places, asked, strict=True) if stands}
    twins = dict(zip(places, frame["twin"], strict=True))
    frames = {}
    for board, standing in members.items():
        beside = {(place[0], twins.get(place)) for place in standing}
        roles = ["asked" if p in standing else "twin" if p in beside else "" for p in places]
        frames[board] = frame.assign(role=roles).loc[[role != "" for role in roles]].reset_index(drop=True)
    return frames

"""Writes the files of a report: leaderboards as text, scores as a table, figures and one page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from bench.errors import InputError
from bench.metrics import Metric, find_metric
from bench.records.results import Results
from bench.records.store import Run
from bench.report.assignments import WITHOUT_LABELS, as_csv, assignment_tables, choose_runs, within_row_limit
from bench.report.between_runs import agreements_of, disagreement_columns, stability_of
from bench.report.boards import BoardFrame, boards_of
from bench.report.build import report_of
from bench.report.document import AssignmentsNote, figures_of
from bench.report.formats.latex import render_latex
from bench.report.formats.page import render_page
from bench.report.formats.text import render_markdown
from bench.report.formats.tidy_csv import render_csv, render_findings_csv
from bench.report.sections.choices import choices_of, data_notes

#: File of the report that lists which item is in which cluster.
_ASSIGNMENTS = "assignments.csv"


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
    report = report_of(results, boards, write_assignments(results, boards[0].metric, target))
    target.write_file("report.html", render_page(report))
    for figure in figures_of(report):
        target.write_file(f"figures/{figure.name}.svg", figure.svg)
    return boards


def write_assignments(results: Results, metric: Metric, target: Run) -> AssignmentsNote:
    """Write ``assignments.csv``, the median run of each variant, where the points of a data set have names.

    Of many large runs only the best variants are in it; the note for the page says so.

    Parameters
    ----------
    results : Results
    metric : Metric
        The primary one.
    target : Run
        Where it is written; a file of an earlier report is removed where there is nothing to write.
    """
    commands = tuple(f"deepclustbench assignments {shlex.quote(str(run.folder))}" for run in results.runs)
    try:
        chosen, _ = choose_runs(results.frame, results.runs, metric)
    except InputError:  # no run gave labels, as the boards say
        chosen = []
    named = [one for one in chosen if one.items is not None]
    tables, _ = assignment_tables(within_row_limit(named))
    if not tables:
        target.remove_file(_ASSIGNMENTS)
        text = "This command writes it for the median run of each variant, or for a method and seed."
        return AssignmentsNote(text, "", commands)
    target.write_file(_ASSIGNMENTS, "".join(as_csv(table for _, table in tables)))
    which = "each variant" if len(tables) == len(named) else f"the best {len(tables)} of {len(named)} variants"
    text = (
        f"the median run of {which} by {metric.title}, on unlabelled data by {find_metric(WITHOUT_LABELS).title}. This "
        "command writes any method and seed; with --copy-to FOLDER it sorts images into a folder for each cluster."
    )
    return AssignmentsNote(text, _ASSIGNMENTS, commands)


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

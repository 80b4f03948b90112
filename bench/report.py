"""Writes what is made of results: leaderboards as text, scores as a table, figures and one page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.leaderboard.assembly import report_of
from bench.leaderboard.boards import BoardFrame, boards_of
from bench.leaderboard.content import figures_of
from bench.leaderboard.latex import render_latex
from bench.leaderboard.page import render_page
from bench.leaderboard.render import render_csv, render_markdown
from bench.results import Results, stability_of
from bench.selection import board_frames
from bench.store import Run


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
    frame = results.frame
    frame["stability"] = stability_of(results)
    boards = boards_of(_board_frames(results), results.primary_metric)
    target.write_file("leaderboard.md", render_markdown(boards))
    target.write_file("leaderboard.csv", render_csv(boards))
    target.write_file("leaderboard.tex", render_latex(boards))
    target.write_table("scores.parquet", frame.drop(columns=["run"]))
    report = report_of(results, boards)
    target.write_file("report.html", render_page(report))
    for figure in figures_of(report):
        target.write_file(f"figures/{figure.name}.svg", figure.svg)
        target.write_file(f"figures/{figure.name}.png", figure.png)
    return boards


def _board_frames(results: Results) -> dict[str, pd.DataFrame]:
    """Return the cells of each board; a run that chose nothing is on the fixed one alone."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for number, run in enumerate(results.runs):
        for name, part in board_frames(run, results.frame.loc[results.frame["run"] == number]).items():
            parts.setdefault(name, []).append(part)
    order = ["dataset", "variant", "seed"]
    return {name: pd.concat(some).sort_values(order, ignore_index=True) for name, some in parts.items()}

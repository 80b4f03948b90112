"""Writes what is made of results: leaderboards as text, scores as a table, figures and one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.leaderboard.boards import BoardFrame, boards_of
from bench.leaderboard.latex import render_latex
from bench.leaderboard.render import render_csv, render_markdown
from bench.metrics.stability import stability
from bench.results import Results
from bench.store import Run

if TYPE_CHECKING:
    import pandas as pd


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
    boards = boards_of(frame, results.primary_metric)
    target.write_file("leaderboard.md", render_markdown(boards))
    target.write_file("leaderboard.csv", render_csv(boards))
    target.write_file("leaderboard.tex", render_latex(boards))
    target.write_table("scores.parquet", frame.drop(columns=["run"]))
    return boards


def stability_of(results: Results) -> pd.Series:
    """Return for each cell how far the healthy runs of its variant agree; collapsed ones would agree perfectly."""
    frame = results.frame
    values = frame["seed"].astype(float) * float("nan")
    for _, group in frame.groupby(["dataset", "variant"]):
        healthy = group.loc[(group["status"] == "ok") & ~group["flags"].map(lambda flags: "collapsed" in flags)]
        labels = [
            results.run_of(number).outputs(key, ["labels"])["labels"]
            for number, key in zip(healthy["run"], healthy["key"], strict=True)
        ]
        values.loc[group.index] = stability(labels)
    return values

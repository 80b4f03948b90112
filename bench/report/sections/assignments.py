"""Which item is in which cluster: where that is listed, and what lists more of it."""

from __future__ import annotations

import shlex

import pandas as pd

from bench.metrics import find_metric
from bench.report.assignments import ASSIGNMENTS, WITHOUT_LABELS, runs_listed
from bench.report.board import BoardRuns
from bench.report.document import Column, Sentence, Table
from bench.report.section import Section
from bench.report.values import Code

_MORE = "for a method and seed of your choice; with --copy-to FOLDER it sorts images into one folder a cluster."


class Assignments(Section):
    """Where readers look up single items."""

    name = "assignments"
    title = "Which item is in which cluster"
    place = 120
    of = "board"
    csv = ""

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        """Return one row a folder of results: its command, and of how many variants ``assignments.csv`` lists a run."""
        if runs.frame.empty:
            return pd.DataFrame()
        results = runs.results
        listed, n_named = runs_listed(results.frame, results.runs, runs.metric)
        facts = {"n_listed": len(listed), "n_named": n_named, "metric": runs.metric.name}
        facts["unlabelled"] = bool(results.frame["unlabelled"].any())
        folders = [str(run.folder) for run in results.runs]
        commands = [f"deepclustbench assignments {shlex.quote(folder)}" for folder in folders]
        return pd.DataFrame([{"command": command} | facts for command in commands])

    def table(self, rows: pd.DataFrame) -> Table:
        commands = tuple((Code(command),) for command in rows["command"])
        return Table("Commands that list the cluster of every item", (Column("command", words=True),), commands)

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        listed, named = int(rows["n_listed"].iloc[0]), int(rows["n_named"].iloc[0])
        if not listed:
            text = f"The command below lists the cluster of every item, for the median run of each method or {_MORE}"
            return [Sentence(text)]
        which = "each method" if listed == named else f"the best {listed} of {named} methods"
        by = f"by {find_metric(rows['metric'].iloc[0]).title}"
        if rows["unlabelled"].any():
            by += f", on unlabelled data by {find_metric(WITHOUT_LABELS).title}"
        return [
            Sentence(f"{ASSIGNMENTS} lists the cluster of every item,", f"for the median run of {which} {by}."),
            Sentence(f"The command below lists them {_MORE}"),
        ]


section = Assignments()

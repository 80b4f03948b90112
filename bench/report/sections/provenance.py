"""Where every number comes from: suites, commands, data, seeds, hardware, versions."""

from __future__ import annotations

from importlib.metadata import version

import pandas as pd

from bench.metrics import METRICS_VERSION
from bench.report.board import BoardRuns
from bench.report.document import Column, Table
from bench.report.section import Section
from bench.report.values import Code, Name


class ProvenanceSection(Section):
    """Where the numbers come from."""

    name = "provenance"
    title = "Provenance"
    place = 140
    of = "board"
    csv = ""

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        results = runs.results
        rows = []
        for suite, run in zip(results.suites, results.runs, strict=True):
            description = f": {suite.description}" if suite.description else ""
            rows.append(("Suite", f"{suite.name}{description}"))
            rows += [("Command", command) for command in run.commands()]
        fingerprints = results.frame.groupby("dataset")["fingerprint"].first()
        for name, fingerprint in fingerprints.items():
            sentences = "".join(f" {sentence}" for sentence in runs.about.get(str(name), ()))
            rows.append(("Data", f"{name}, SHA-256 {fingerprint}{'.' * bool(sentences)}{sentences}"))
        seeds = sorted({seed for suite in results.suites for seed in suite.seeds})
        rows.append(("Seeds", ", ".join(map(str, seeds))))
        chosen_on = sorted({seed for suite in results.suites for seed in suite.selection_seeds or ()})
        if chosen_on:
            rows.append(("Selection seeds", ", ".join(map(str, chosen_on))))
        declared = f"{results.primary_metric}, declared in the suite; metrics version {METRICS_VERSION}"
        rows.append(("Primary metric", declared))
        rows += [("Hardware", text) for text in results.origin["hardware"]]
        rows += [("Versions", text) for text in results.origin["versions"]]
        rows += [("Commit", text) for text in results.origin["commits"]]
        rows.append(("Report written by", f"deepclustbench {version('deepclustbench')}"))
        return pd.DataFrame(rows, columns=["what", "value"])

    def table(self, rows: pd.DataFrame) -> Table:
        written = [
            (Name(row["what"]), Code(row["value"]) if row["what"] == "Command" else Name(row["value"]))
            for row in rows.to_dict("records")
        ]
        return Table("Where the numbers come from", (Column("what", True), Column("value", True)), tuple(written))


section = ProvenanceSection()

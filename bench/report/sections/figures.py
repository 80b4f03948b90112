"""The figures of findings: how well scores detect, how stable clusters are, how runs ended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.report import plots
from bench.report.document import Figure
from bench.report.plots.export import figure_name
from bench.report.runs_frame import NOT_RUN, metric_values, variants_of
from bench.report.sections.contrasts import column_of
from bench.report.sections.eligible import collapsed
from bench.report.sections.health import VERDICTS
from bench.report.sections.measured import DatasetFindings

#: More sets of outliers than this are in the table alone.
MOST_SETS = 4
_KINDS = {"five runs": "runs"}


def findings_figures(findings: DatasetFindings, looks: Mapping[str, plots.Look]) -> tuple[Figure, ...]:
    """Return the figures of one data set: those for which there is something to draw.

    Parameters
    ----------
    findings : DatasetFindings
    looks : mapping of str to Look
        Of every variant on all data sets, so that colours agree.
    """
    dataset = findings.dataset
    figures = [
        _detection(findings, findings.detection, looks, "mis-clustered points", figure_name("detection", dataset)),
        _stability(findings, looks),
        _point_agreement(findings, looks),
        None if findings.crowded else _health(findings),
    ]
    for name, rows in list(findings.outliers.groupby("outliers", sort=False))[:MOST_SETS]:
        file = figure_name("outliers", dataset, str(name))
        figures.append(_detection(findings, rows, looks, f"outliers from {name}", file))
    return tuple(figure for figure in figures if figure is not None)


def _detection(
    findings: DatasetFindings, rows: pd.DataFrame, looks: Mapping[str, plots.Look], what: str, name: str
) -> Figure | None:
    labels, runs = findings.labels, variants_of(findings.cells)
    drawn = [
        {
            "group": labels[row["variant"]],
            "label": row["title"],
            "kind": _KINDS.get(row["needs_sampling"], row["needs_sampling"]),
            "values": metric_values(runs[row["variant"]], column_of(row["score"], row["outliers"])),
        }
        for row in rows.to_dict("records")
    ]
    if not drawn:
        return None
    by_label = {labels[variant]: look for variant, look in looks.items() if variant in labels}
    title = f"Finding {what} on {findings.dataset}: AUROC of each score, every seed"
    return plots.detection_by_score(pd.DataFrame(drawn), by_label, what, name=name, title=title)


def _stability(findings: DatasetFindings, looks: Mapping[str, plots.Look]) -> Figure | None:
    used = findings.stability.loc[findings.stability["n_used"] > 0, "variant"]
    return plots.cluster_stability(
        {variant: findings.agreements[variant].jaccard for variant in used},
        looks,
        findings.labels,
        name=figure_name("clusters", findings.dataset),
        title=f"How often each cluster is found again on {findings.dataset}: Jaccard coefficient over seeds",
    )


def _point_agreement(findings: DatasetFindings, looks: Mapping[str, plots.Look]) -> Figure | None:
    used = findings.stability.loc[findings.stability["n_used"] > 0, "variant"]
    return plots.point_agreement(
        {variant: findings.agreements[variant].point_agreement for variant in used},
        looks,
        findings.labels,
        name=figure_name("points", findings.dataset),
        title=f"How many runs agree on each point of {findings.dataset}",
    )


def _health(findings: DatasetFindings) -> Figure | None:
    runs = findings.runs.loc[findings.runs["status"] != NOT_RUN]
    if not len(findings.health) or not _anything_wrong(findings.health):
        return None
    ok = (runs["status"] == "ok").to_numpy()
    verdicts = np.where(collapsed(runs), "collapsed", runs["health"].astype(object))
    drawn = pd.DataFrame(
        {
            "label": runs["variant"].map(findings.labels),
            "verdict": np.where(ok, verdicts, "failed"),
            "epoch": metric_values(runs, "health_epoch"),
        }
    )
    title = f"What became of the runs on {findings.dataset}"
    return plots.health_timeline(drawn, name=figure_name("health", findings.dataset), title=title)


def _anything_wrong(rows: pd.DataFrame) -> bool:
    """Tell whether some run is not healthy: a row of full bars says nothing that the table does not."""
    return bool(rows[[*VERDICTS[1:], "failed"]].to_numpy().any())

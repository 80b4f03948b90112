"""The figures of boards and findings, drawn from the numbers of each data set."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.canonical import canonical
from bench.metrics import Metric
from bench.report import plots
from bench.report.boards import DatasetFindings
from bench.report.document import Figure
from bench.report.plots.export import figure_name
from bench.report.plots.style import Look, look_of
from bench.report.runs_frame import (
    NOT_RUN,
    collapsed_mask,
    finished_runs,
    has_flag,
    metric_values,
    one_run_per_variant,
    runs_by_variant,
    twin_pairs,
    variant_titles,
)
from bench.report.sections.contrasts import column_of
from bench.report.sections.health import HEALTH_VERDICTS
from bench.report.tables import DatasetTables

_MOST_CURVES = 8
# Two points make no curve: a method and its twin, which differ in one parameter, are compared elsewhere.
_FEWEST_VALUES = 3
_NOT_ASKED = frozenset({"random_state"})
"""Parameters by which the seeds of one variant differ."""


def parameter_figures(
    frame: pd.DataFrame,
    params: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    looks: Mapping[str, Look],
    board: str,
) -> list[Figure]:
    """Return a curve for each parameter over which variants of one method differ in nothing else.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `bench.report.runs_frame` describes.
    params : mapping of str to mapping
        Parameters of each configuration, by its ``config``.
    metric : Metric
    looks : mapping of str to Look
    board : str
        Name of the board, which names of figures bear.

    Returns
    -------
    list of Figure
        The longest grids first, at most `_MOST_CURVES`.
    """
    firsts = one_run_per_variant(frame)
    by_method: dict[str, dict[str, Mapping[str, Any]]] = {}
    for method, variant, config in zip(firsts["method"], firsts["variant"], firsts["config"], strict=True):
        if config in params:
            by_method.setdefault(method, {})[variant] = params[config]
    lines = [line for members in by_method.values() for line in grid_lines(members)]
    longest = sorted(lines, key=lambda line: -len(line[1]))[:_MOST_CURVES]
    if not longest:
        return []
    runs = _scored(frame, metric)
    means, twins, labels = runs.groupby("variant")["score"].mean(), dict(twin_pairs(frame)[0]), variant_titles(frame)
    dataset = str(firsts["dataset"].iloc[0])
    figures = []
    for parameter, values in longest:
        first = next(iter(values))
        method = re.sub(rf" {re.escape(parameter)}=\S+", "", labels[first])
        on_line = runs.loc[runs["variant"].isin(list(values))]
        figures.append(
            plots.parameter_curve(
                on_line.assign(value=on_line["variant"].map(values).astype(np.float64)),
                parameter,
                metric,
                look_of(looks, first),
                twin={value: means[twins[v]] for v, value in values.items() if twins.get(v) in means.index},
                name=figure_name("parameter", board, dataset, parameter, first),
                title=f"{metric.title} of {method} over {parameter} on {dataset}",
            )
        )
    return [figure for figure in figures if figure is not None]


def _scored(frame: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return ``variant``, ``score`` and ``collapsed_mask`` of each finished run that has a score."""
    runs = finished_runs(frame)
    scores = metric_values(runs, metric.name)
    scored = np.isfinite(scores)
    runs = runs.loc[scored]
    columns = {"variant": runs["variant"], "score": scores[scored], "collapsed": has_flag(runs, "collapsed")}
    return pd.DataFrame({**columns, "seed": runs["seed"]})


def grid_lines(params: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """Find the variants of a method that differ in one numeric parameter alone.

    Parameters
    ----------
    params : mapping of str to mapping
        Parameters of each variant.

    Returns
    -------
    list of (str, dict of str to float)
        A parameter, and its value in each variant; at least `_FEWEST_VALUES` of them differ.
    """
    lines = []
    for parameter in dict.fromkeys(name for values in params.values() for name in values):
        if parameter in _NOT_ASKED or len({canonical({"": p.get(parameter)}) for p in params.values()}) < 2:
            continue
        groups: dict[str, dict[str, float]] = {}
        for variant, values in params.items():
            value = values.get(parameter)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                rest = canonical({k: v for k, v in values.items() if k != parameter and k not in _NOT_ASKED})
                groups.setdefault(rest, {})[variant] = float(value)
        lines += [(parameter, group) for group in groups.values() if len(set(group.values())) >= _FEWEST_VALUES]
    return lines


#: More variants than this are a cloud to the eye; grids have curves of their own.
_MOST_DRAWN = 16


def section_figures(
    tables: DatasetTables, board: str, params: Mapping[str, Mapping[str, Any]], looks: Mapping[str, Look]
) -> list[Figure | None]:
    """Return the figures of one data set: every seed's score, quality against time, and curves over grids.

    Parameters
    ----------
    tables : DatasetTables
    board : str
        Name of the board, which names of figures bear.
    params : mapping of str to mapping
        Parameters of each configuration, by its ``config``.
    looks : mapping of str to Look
        Of every variant on all data sets, so that colours agree.
    """
    metric, dataset = tables.metric, tables.dataset
    what = f"{metric.title} on {dataset}"
    one_machine = len(tables.hardware) == 1
    best = list(tables.quality["variant"][:_MOST_DRAWN])
    which = "every variant" if len(best) == len(tables.quality) else f"the best {len(best)} of {len(tables.quality)}"
    return [
        plots.score_strips(
            tables.runs.loc[tables.runs["variant"].isin(best)],
            metric,
            looks,
            name=figure_name("scores", board, dataset),
            title=f"{what}: every seed of {which}",
        ),
        # Speed on unlike machines is no speed of methods.
        plots.quality_against_time(
            tables.quality[:_MOST_DRAWN],
            metric,
            looks,
            name=figure_name("time", board, dataset),
            title=f"{what} against the time of a run, {which}",
        )
        if one_machine
        else None,
        *parameter_figures(tables.runs, params, metric, looks, board),
    ]


#: More sets of outliers than this are in the table alone.
_MOST_SETS = 4
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
    for name, rows in list(findings.outliers.groupby("outliers", sort=False))[:_MOST_SETS]:
        file = figure_name("outliers", dataset, str(name))
        figures.append(_detection(findings, rows, looks, f"outliers from {name}", file))
    return tuple(figure for figure in figures if figure is not None)


def _detection(
    findings: DatasetFindings, rows: pd.DataFrame, looks: Mapping[str, plots.Look], what: str, name: str
) -> Figure | None:
    labels, runs = findings.labels, runs_by_variant(findings.masked_runs)
    drawn = [
        {
            "group": labels[row["variant"]],
            "label": row["title"],
            "kind": _KINDS.get(row["needs_sampling"], row["needs_sampling"]),
            "values": metric_values(runs[row["variant"]], column_of(row["score"], row["outliers"])),
            "seeds": runs[row["variant"]]["seed"].tolist(),
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
    verdicts = np.where(collapsed_mask(runs), "collapsed", runs["health"].astype(object))
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
    return bool(rows[[*HEALTH_VERDICTS[1:], "failed"]].to_numpy().any())

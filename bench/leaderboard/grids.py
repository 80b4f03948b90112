"""Variants that differ in one parameter alone, and the curve of a metric over it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.cells import canonical
from bench.leaderboard import plots
from bench.leaderboard.content import Figure
from bench.leaderboard.frame import finished, has_flag, labels_of, metric_values, twin_pairs, variants_of
from bench.leaderboard.numbers import clean_name
from bench.leaderboard.plots.export import figure_name
from bench.leaderboard.plots.style import Look, look_of
from bench.metrics import Metric

MOST_CURVES = 8
# Two points make no curve: a method and its twin, which differ in one parameter, are compared elsewhere.
FEWEST_VALUES = 3
NOT_ASKED = frozenset({"random_state"})
"""Parameters by which the seeds of one variant differ."""


def parameter_figures(
    cells: pd.DataFrame,
    params: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    looks: Mapping[str, Look],
    board: str,
) -> list[Figure]:
    """Return a curve for each parameter over which variants of one method differ in nothing else.

    Parameters
    ----------
    cells : DataFrame
        The cells of one data set, as `bench.leaderboard.frame` describes.
    params : mapping of str to mapping
        Parameters of each configuration, by its ``config``.
    metric : Metric
    looks : mapping of str to Look
    board : str
        Name of the board, which names of figures bear.

    Returns
    -------
    list of Figure
        The longest grids first, at most `MOST_CURVES`.
    """
    variants = variants_of(cells)
    by_method: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, rows in variants.items():
        first = rows.iloc[0]
        if first["config"] in params:
            by_method.setdefault(str(first["method"]), {})[name] = params[first["config"]]
    lines = [line for members in by_method.values() for line in grid_lines(members)]
    lines.sort(key=lambda line: -len(line[1]))
    figures = [_curve(cells, parameter, values, metric, looks, board) for parameter, values in lines[:MOST_CURVES]]
    return [figure for figure in figures if figure is not None]


def grid_lines(params: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """Find the variants of a method that differ in one numeric parameter alone.

    Parameters
    ----------
    params : mapping of str to mapping
        Parameters of each variant.

    Returns
    -------
    list of (str, dict of str to float)
        A parameter, and its value in each variant; at least `FEWEST_VALUES` of them differ.
    """
    lines = []
    for parameter in dict.fromkeys(name for values in params.values() for name in values):
        if parameter in NOT_ASKED or len({canonical({"": p.get(parameter)}) for p in params.values()}) < 2:
            continue
        groups: dict[str, dict[str, float]] = {}
        for variant, values in params.items():
            value = values.get(parameter)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                rest = canonical({k: v for k, v in values.items() if k != parameter and k not in NOT_ASKED})
                groups.setdefault(rest, {})[variant] = float(value)
        lines += [(parameter, group) for group in groups.values() if len(set(group.values())) >= FEWEST_VALUES]
    return lines


def _curve(
    cells: pd.DataFrame,
    parameter: str,
    values: Mapping[str, float],
    metric: Metric,
    looks: Mapping[str, Look],
    board: str,
) -> Figure | None:
    variants = variants_of(cells)
    twins = dict(twin_pairs(cells)[0])
    points = []
    for variant, value in values.items():
        runs = finished(variants[variant])
        scores, collapsed = metric_values(runs, metric.name), has_flag(runs, "collapsed")
        points += [{"value": value, "score": s, "collapsed": c} for s, c in zip(scores, collapsed, strict=True)]
    twin_means = {
        value: _mean(metric_values(finished(variants[twins[variant]]), metric.name))
        for variant, value in values.items()
        if variant in twins
    }
    first = next(iter(values))
    dataset = str(cells["dataset"].iloc[0])
    method = re.sub(rf" {re.escape(parameter)}=\S+", "", labels_of(cells)[first])
    return plots.parameter_curve(
        pd.DataFrame(points, columns=["value", "score", "collapsed"]),
        parameter,
        metric,
        look_of(looks, first),
        twin={value: mean for value, mean in twin_means.items() if math.isfinite(mean)},
        name=figure_name("parameter", board, dataset, parameter, first),
        title=f"{metric.title} of {clean_name(method)} over {clean_name(parameter)} on {clean_name(dataset)}",
    )


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan

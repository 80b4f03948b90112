"""Variants that differ in one parameter alone, and the curve of a metric over it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.canonical import canonical
from bench.leaderboard import plots
from bench.leaderboard.content import Figure
from bench.leaderboard.frame import finished, first_cells, has_flag, labels_of, metric_values, twin_pairs
from bench.leaderboard.plots.export import figure_name
from bench.leaderboard.plots.style import Look, look_of
from bench.metrics import Metric
from bench.text import clean_name

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
    firsts = first_cells(cells)
    by_method: dict[str, dict[str, Mapping[str, Any]]] = {}
    for method, variant, config in zip(firsts["method"], firsts["variant"], firsts["config"], strict=True):
        if config in params:
            by_method.setdefault(method, {})[variant] = params[config]
    lines = [line for members in by_method.values() for line in grid_lines(members)]
    longest = sorted(lines, key=lambda line: -len(line[1]))[:MOST_CURVES]
    if not longest:
        return []
    runs = _scored(cells, metric)
    means, twins, labels = runs.groupby("variant")["score"].mean(), dict(twin_pairs(cells)[0]), labels_of(cells)
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
                title=f"{metric.title} of {clean_name(method)} over {clean_name(parameter)} on {clean_name(dataset)}",
            )
        )
    return [figure for figure in figures if figure is not None]


def _scored(cells: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return ``variant``, ``score`` and ``collapsed`` of each finished run that has a score."""
    runs = finished(cells)
    scores = metric_values(runs, metric.name)
    scored = np.isfinite(scores)
    runs = runs.loc[scored]
    return pd.DataFrame({"variant": runs["variant"], "score": scores[scored], "collapsed": has_flag(runs, "collapsed")})


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

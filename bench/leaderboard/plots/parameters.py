"""Figure of what a parameter does to a score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.leaderboard.content import Figure
from bench.leaderboard.numbers import format_mean
from bench.leaderboard.plots.export import export
from bench.leaderboard.plots.style import (
    INK,
    MANY,
    NARROW,
    Look,
    in_style,
    label,
    new_drawing,
    note,
    plain_log_axis,
    score_axis,
    spans_decades,
)
from bench.metrics import Metric


@in_style
def parameter_curve(
    points: pd.DataFrame,
    parameter: str,
    metric: Metric,
    look: Look,
    *,
    twin: Mapping[float, float] | None = None,
    name: str,
    title: str,
) -> Figure | None:
    """Draw a metric against a parameter: mean ± sd, every seed a faint dot, the twin's mean dashed.

    Parameters
    ----------
    points : DataFrame
        One row a run: ``value`` of the parameter, ``score`` and ``collapsed`` (bool).
    parameter : str
    metric : Metric
    look : Look
    twin : mapping of float to float, optional
        Mean of the twin by value of the parameter.
    name, title : str
        As in `bench.leaderboard.content.Figure`.

    Returns
    -------
    Figure or None
        None with fewer than two values that have a score.
    """
    known = points.loc[np.isfinite(points["value"]) & np.isfinite(points["score"])]
    stats = known.groupby("value").agg(
        mean=("score", "mean"), sd=("score", "std"), n=("score", "size"), collapsed=("collapsed", "sum")
    )
    if len(stats) < 2:
        return None
    values = stats.index.to_numpy(np.float64)
    drawing = new_drawing(NARROW * 1.25, 2.7)
    axes = drawing.add_subplot()
    axes.grid(axis="y")
    if spans_decades(values, 10):
        plain_log_axis(axes, "x", values)
    many = len(known) > MANY
    x, y = known["value"].to_numpy(), known["score"].to_numpy()
    axes.plot(x, y, ".", ms=4, mew=0, alpha=0.4, color=look.color, rasterized=many)
    sd = stats["sd"].fillna(0)
    axes.errorbar(values, stats["mean"], sd, color=look.color, lw=1.2, elinewidth=0.8, rasterized=many)
    axes.plot(values, stats["mean"], **look.line(), zorder=3, rasterized=many)
    words = [
        f"{value:g}: {format_mean(row['mean'], row['sd'], metric)}"
        + (f", {row['collapsed']:.0f} of {row['n']:.0f} collapsed" if row["collapsed"] else "")
        for value, row in stats.iterrows()
    ]
    axes.margins(0.1, 0.12)
    for value, row in stats.loc[stats["collapsed"] > 0].iterrows():
        text = f"{row['collapsed']:.0f}/{row['n']:.0f} ×"
        note(axes, text, (value, row["mean"] + np.nan_to_num(row["sd"])), (5, 8))
    if twin:
        ends = sorted(twin)
        axes.plot(ends, [twin[value] for value in ends], color=INK, ls=(0, (4, 3)), lw=0.9, alpha=0.8, zorder=2)
        note(axes, "twin", (ends[0], twin[ends[0]]), (0, 6))
        words += [f"twin {', '.join(dict.fromkeys(format_mean(twin[value], np.nan, metric) for value in ends))}"]
    axes.set_xticks(values) if len(values) <= 6 else None
    score_axis(axes, metric, "y")
    axes.set_xlabel(label(parameter, 50, 1) + ("; ×: runs collapsed" if stats["collapsed"].any() else ""))
    axes.set_ylabel(f"{metric.title}, mean ± sd")
    return export(drawing, name=name, title=title, alt=f"{metric.title} by {parameter}: {'; '.join(words)}.")

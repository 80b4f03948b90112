"""Figures of scores: every seed of every variant, and a score over a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from bench.metrics import Metric
from bench.report.document import Figure
from bench.report.numbers import format_mean
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    MANY,
    NARROW,
    WIDE,
    Look,
    in_style,
    label,
    look_of,
    new_drawing,
    note,
    plain_log_axis,
    score_axis,
    spans_decades,
)
from bench.report.runs_frame import finished, has_flag, labels_of, metric_values, twin_pairs, variants_of

MOST_VARIANTS = 40
ROW = 0.33  # inches
# Pairs of twins are far apart where there are many rows, and lines across all of them would hide the seeds.
MOST_CONNECTED = 10


@in_style
def scores_by_seed(
    cells: pd.DataFrame, metric: Metric, looks: Mapping[str, Look], *, name: str, title: str
) -> Figure | None:
    """Draw the score of every seed of every variant, the best mean on top, with mean ± sd.

    Parameters
    ----------
    cells : DataFrame
        The cells of one data set, as `bench.report.runs_frame` describes.
    metric : Metric
    looks : mapping of str to Look
        By variant.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no run has a score. Beyond `MOST_VARIANTS` variants only the best are drawn, and the title says so.
    """
    ok = finished(cells)
    ok = ok.loc[np.isfinite(metric_values(ok, metric.name))]
    if ok.empty:
        return None
    sign = -1 if metric.greater_is_better else 1
    rows = sorted(variants_of(ok).items(), key=lambda item: sign * metric_values(item[1], metric.name).mean())
    if len(rows) > MOST_VARIANTS:
        title = f"{title} (the best {MOST_VARIANTS} of {len(rows)} variants)"
        rows = rows[:MOST_VARIANTS]
    labels = labels_of(cells)
    offsets = _offsets(sorted(set(ok["seed"])))
    drawing = new_drawing(WIDE, 0.5 + ROW * (len(rows) + 0.4))
    axes = drawing.add_subplot()
    axes.grid(axis="x")
    places: dict[str, dict[int, tuple[float, float]]] = {}
    said = []
    for y, (variant, runs) in enumerate(rows):
        values = metric_values(runs, metric.name)
        at = y + np.array([offsets[seed] for seed in runs["seed"]])
        places[variant] = {seed: (x, h) for seed, x, h in zip(runs["seed"], values, at, strict=True)}
        collapsed = has_flag(runs, "collapsed")
        text = _strip(axes, y, values, at, collapsed, look_of(looks, variant), metric)
        said.append(f"{labels[variant]} {text}")
    if len(rows) <= MOST_CONNECTED:
        _connect(axes, places, twin_pairs(cells)[0], looks)
    axes.set_yticks(range(len(rows)), [label(labels[variant]) for variant, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    score_axis(axes, metric)
    crosses = "; × collapsed" if has_flag(ok, "collapsed").any() else ""
    axes.set_xlabel(f"{metric.title} of each seed; bar: mean ± sd{crosses}")
    return export(drawing, name=name, title=title, alt=f"{metric.title}, mean ± sd over seeds: {'; '.join(said)}.")


def _offsets(seeds: Sequence[int]) -> dict[int, float]:
    """Give each seed its own height within a row, the same in all rows."""
    heights = np.linspace(-0.26, 0.26, len(seeds)) if len(seeds) > 1 else [0.0]
    return dict(zip(seeds, map(float, heights), strict=True))


def _strip(
    axes: Axes, y: int, values: np.ndarray, at: np.ndarray, collapsed: np.ndarray, look: Look, metric: Metric
) -> str:
    """Draw one variant's seeds and return its numbers as text."""
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else np.nan
    if len(values) > 1:
        axes.plot([mean - sd, mean + sd], [y, y], color=look.color, lw=7, alpha=0.25, solid_capstyle="butt", zorder=1)
    axes.plot([mean, mean], [y - 0.34, y + 0.34], color=INK, lw=1.4, zorder=2, solid_capstyle="butt")
    axes.plot(values[~collapsed], at[~collapsed], **look.line(), ms=3.4, mew=0.8, zorder=3)
    axes.plot(values[collapsed], at[collapsed], ls="none", marker="x", color=look.color, ms=4.5, mew=1.2, zorder=3)
    text = format_mean(mean, sd, metric)
    if collapsed.any():
        text += f", {int(collapsed.sum())} of {len(values)} collapsed"
    note(axes, text.replace(", ", "\n"), (1, y), (8, 0), axes.get_yaxis_transform())
    return text


def _connect(
    axes: Axes,
    places: Mapping[str, Mapping[int, tuple[float, float]]],
    pairs: Sequence[tuple[str, str]],
    looks: Mapping[str, Look],
) -> None:
    """Join the seeds of twins, so that one sees whether the noise moves all of them one way."""
    for variant, twin in pairs:
        ours, theirs = places.get(variant, {}), places.get(twin, {})
        lines = [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
        color = look_of(looks, variant).color
        axes.add_collection(LineCollection(lines, colors=color, linewidths=0.5, alpha=0.45, zorder=1.5))


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
        As in `bench.report.document.Figure`.

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

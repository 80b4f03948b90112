"""Figure of the score of every seed of every variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from bench.leaderboard.content import Figure
from bench.leaderboard.frame import finished, has_flag, labels_of, metric_values, twin_pairs, variants_of
from bench.leaderboard.numbers import format_mean
from bench.leaderboard.plots.export import export
from bench.leaderboard.plots.style import (
    INK,
    WIDE,
    Look,
    in_style,
    label,
    look_of,
    new_drawing,
    note,
    score_axis,
)
from bench.metrics import Metric

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
        The cells of one data set, as `bench.leaderboard.frame` describes.
    metric : Metric
    looks : mapping of str to Look
        By variant.
    name, title : str
        As in `bench.leaderboard.content.Figure`.

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

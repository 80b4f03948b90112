"""Figures of scores: every seed of every variant, and quality against time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from bench.leaderboard.content import Figure
from bench.leaderboard.frame import finished, has_flag, labels_of, metric_values, twin_pairs, variants_of
from bench.leaderboard.numbers import format_mean, format_seconds
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
    plain_log_axis,
    score_axis,
)
from bench.metrics import Metric

MOST_VARIANTS = 40
ROW = 0.33  # inches
# Pairs of twins are far apart where there are many rows, and lines across all of them would hide the seeds.
MOST_CONNECTED = 10
# Where a label may stand beside its point, in points, the best places first.
_OFFSETS = (
    (7, 0),
    (-7, 0),
    (5, 6),
    (5, -6),
    (-5, 6),
    (-5, -6),
    (0, 9),
    (0, -9),
    (8, 15),
    (8, -15),
    (-8, 15),
    (-8, -15),
)
_SIDES = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


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
        for seed in ours.keys() & theirs.keys():
            (x0, y0), (x1, y1) = ours[seed], theirs[seed]
            axes.plot([x0, x1], [y0, y1], color=look_of(looks, variant).color, lw=0.5, alpha=0.45, zorder=1.5)


@in_style
def quality_against_time(
    board: pd.DataFrame, metric: Metric, looks: Mapping[str, Look], *, name: str, title: str
) -> Figure | None:
    """Draw the mean score of each variant against its mean wall time, and the front that none beats in both.

    Parameters
    ----------
    board : DataFrame
        One row a variant with columns ``variant``, ``title``, ``mean``, ``sd`` and ``wall_time_mean`` (seconds), as
        `bench.leaderboard.tables.quality_table` returns it.
    metric, looks, name, title
        As in `scores_by_seed`.

    Returns
    -------
    Figure or None
        None with fewer than two variants that have both.
    """
    both = board.loc[np.isfinite(board["mean"]) & (board["wall_time_mean"] > 0)]
    if len(both) < 2:
        return None
    times, means = both["wall_time_mean"].to_numpy(np.float64), both["mean"].to_numpy(np.float64)
    sds = np.nan_to_num(both["sd"].to_numpy(np.float64))
    front = _front(times, means if metric.greater_is_better else -means)
    drawing = new_drawing(WIDE, 3.6)
    axes = drawing.add_subplot()
    axes.grid(axis="y")
    plain_log_axis(axes, "x", times)
    axes.step(times[front], means[front], where="post", color=INK, lw=0.7, alpha=0.4, zorder=1)
    for variant, time, mean, sd in zip(both["variant"], times, means, sds, strict=True):
        look = look_of(looks, variant)
        axes.plot([time, time], [mean - sd, mean + sd], color=look.color, lw=0.8, zorder=2)
        axes.plot([time], [mean], **look.line(), zorder=3)
    axes.margins(0.08)
    score_axis(axes, metric, "y")
    axes.set_xlabel("mean wall time of a run in seconds; line: nothing is both faster and better")
    axes.set_ylabel(f"{metric.title}, mean ± sd")
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    order = [*front, *sorted(set(range(len(both))) - set(front), key=lambda i: -abs(means[i]))]
    names = [label(text, 30) for text in both["title"]]
    points = np.column_stack([times, means])[order]
    bars = [_box(axes, t, t, m - s, m + s) for t, m, s in zip(times, means, sds, strict=True)]
    bars += [_box(axes, times[i], times[j], means[i], means[i]) for i, j in itertools.pairwise(front)]
    _place_labels(axes, points, [names[i] for i in order], bars)
    said = "; ".join(
        f"{row['title']} {format_mean(row['mean'], row['sd'], metric)} in {format_seconds(row['wall_time_mean'])}"
        for row in both.to_dict("records")
    )
    best = ", ".join(both["title"].iloc[front])
    words = f"Mean {metric.title} and wall time: {said}. No variant is both faster and better than: {best}."
    return export(drawing, name=name, title=title, alt=words)


def _front(times: np.ndarray, goods: np.ndarray) -> list[int]:
    """Return the points that no other is both faster and better than, fastest first."""
    front: list[int] = []
    for i in np.lexsort((-goods, times)):
        if not front or goods[i] > goods[front[-1]]:
            front.append(int(i))
    return front


def _box(axes: Axes, x0: float, x1: float, y0: float, y1: float) -> Bbox:
    """Return what a line covers, in pixels, with a little air."""
    return Bbox(axes.transData.transform([(x0, y0), (x1, y1)])).padded(1.5)


def _place_labels(axes: Axes, points: np.ndarray, texts: Sequence[str], bars: Sequence[Bbox]) -> None:
    """Write each text beside its point (n, 2), off the bars where possible; one without room is left out."""
    pixels = axes.transData.transform(points)
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in pixels]
    for point, text in zip(points, texts, strict=True):
        for obstacles, (dx, dy) in itertools.product((bars, ()), _OFFSETS):
            ha, va = _SIDES[np.sign(dx)][0], _SIDES[np.sign(dy)][1]
            written = note(axes, text, (point[0], point[1]), (dx, dy), ha=ha, va=va)
            box = written.get_window_extent()
            inside = axes.bbox.containsx(box.x0) and axes.bbox.containsx(box.x1) and axes.bbox.containsy(box.y0)
            if inside and not any(box.overlaps(other) for other in (*taken, *obstacles)):
                taken.append(box)
                break
            written.remove()

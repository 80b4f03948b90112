"""Figures of scores: every seed of every variant, over a parameter, and against time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.transforms import Bbox

from bench.metrics import Metric
from bench.report.numbers import format_mean, format_score, format_seconds
from bench.report.plots.axes import Words, drawing_of, fit, new_axes, new_drawing, widest
from bench.report.plots.figure import Figure
from bench.report.plots.rows import MOST_ROWS, RowChart, first_rows
from bench.report.plots.style import (
    INK,
    MANY,
    NARROW,
    SMALL,
    WIDE,
    Look,
    dots,
    hover,
    in_style,
    label,
    look_of,
    note,
    plain_log_axis,
    score_axis,
    spans_decades,
)
from bench.report.runs_frame import finished_runs, has_flag, metric_values, runs_by_variant, twin_pairs, variant_titles
from bench.text import clean_name

# Counterparts are far apart among many rows, and lines across all of them would hide the seeds.
_MOST_CONNECTED = 10


@in_style
def score_strips(
    frame: pd.DataFrame, metric: Metric, looks: Mapping[str, Look], *, name: str, title: str
) -> Figure | None:
    """Draw the score of every seed of every variant, the best mean on top, with mean ± sd.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `bench.report.runs_frame` describes.
    metric : Metric
    looks : mapping of str to Look
        By variant.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no run has a score. Beyond `MOST_ROWS` variants only the best are drawn, and the title says so.
    """
    ok = finished_runs(frame)
    ok = ok.loc[np.isfinite(metric_values(ok, metric.name))]
    if ok.empty:
        return None
    sign = -1 if metric.greater_is_better else 1
    rows = sorted(runs_by_variant(ok).items(), key=lambda item: sign * metric_values(item[1], metric.name).mean())
    title, rows = first_rows(title, len(rows), "best"), rows[:MOST_ROWS]
    labels = variant_titles(frame)
    offsets = _offsets(sorted(set(ok["seed"])))
    chart = RowChart()
    axes = chart.axes
    axes.grid(axis="x")
    places: dict[str, dict[int, tuple[float, float]]] = {}
    descriptions = []
    for y, (variant, runs) in enumerate(rows):
        values, seeds = metric_values(runs, metric.name), runs["seed"].tolist()
        at = y + np.array([offsets[seed] for seed in seeds])
        places[variant] = dict(zip(seeds, zip(values.tolist(), at.tolist(), strict=True), strict=True))
        collapsed = has_flag(runs, "collapsed")
        text = _numbers(values, collapsed, metric)
        marks = _seed_texts(labels[variant], seeds, values, metric)
        _strip(axes, y, values, at, collapsed, look_of(looks, variant), marks)
        chart.row(y, label(labels[variant]), text.replace(", ", "\n"))
        descriptions.append(f"{labels[variant]} {text}")
    if len(rows) <= _MOST_CONNECTED:
        _connect(axes, places, twin_pairs(frame)[0], looks)
    score_axis(axes, metric)
    crosses = "; × collapsed" if has_flag(ok, "collapsed").any() else ""
    axes.set_xlabel(f"{metric.title} of each seed; bar: mean ± sd{crosses}")
    chart.finish(-0.6, len(rows) - 0.4)
    words = f"{metric.title}, mean ± sd over seeds: {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), chart.drawing)


def _seed_texts(name: str, seeds: Sequence[int], values: np.ndarray, metric: Metric) -> np.ndarray:
    pairs = zip(seeds, values, strict=True)
    texts = [f"{name}, seed {seed}: {metric.title} {format_score(value, metric)}" for seed, value in pairs]
    return np.array(texts, dtype=object)


def _numbers(values: np.ndarray, collapsed: np.ndarray, metric: Metric) -> str:
    sd = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    lost = f", {int(collapsed.sum())} of {len(values)} collapsed" if collapsed.any() else ""
    return format_mean(float(values.mean()), sd, metric) + lost


def _offsets(seeds: Sequence[int]) -> dict[int, float]:
    """Give each seed its own height within a row, the same in all rows."""
    heights = np.linspace(-0.26, 0.26, len(seeds)) if len(seeds) > 1 else [0.0]
    return dict(zip(seeds, map(float, heights), strict=True))


def _strip(
    axes: Axes, y: int, values: np.ndarray, at: np.ndarray, collapsed: np.ndarray, look: Look, texts: np.ndarray
) -> None:
    """Draw one variant's seeds, their mean and their standard deviation."""
    mean = float(values.mean())
    if len(values) > 1:
        sd = float(values.std(ddof=1))
        axes.plot([mean - sd, mean + sd], [y, y], color=look.color, lw=7, alpha=0.25, solid_capstyle="butt", zorder=1)
    axes.plot([mean, mean], [y - 0.34, y + 0.34], color=INK, lw=1.4, zorder=2, solid_capstyle="butt")
    mark = {**look.line(), "ms": 3.4, "mew": 0.8}
    cross = {"ls": "none", "marker": "x", "color": look.color, "ms": 4.5, "mew": 1.2}
    for which, style in ((~collapsed, mark), (collapsed, cross)):
        if which.any():
            (marks,) = axes.plot(values[which], at[which], **style, zorder=3)
            hover(marks, list(texts[which]))


def _connect(
    axes: Axes,
    places: Mapping[str, Mapping[int, tuple[float, float]]],
    pairs: Sequence[tuple[str, str]],
    looks: Mapping[str, Look],
) -> None:
    """Join the seeds of counterparts, so that one sees whether the noise moves all of them one way."""
    for variant, twin in pairs:
        ours, theirs = places.get(variant, {}), places.get(twin, {})
        lines = [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
        color = look_of(looks, variant).color
        axes.add_collection(LineCollection(lines, colors=color, linewidths=0.5, alpha=0.6, zorder=1.5))


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
    """Draw a metric against a parameter: mean ± sd, every seed a faint dot, the counterpart's mean dashed.

    Parameters
    ----------
    points : DataFrame
        One row a run: ``value`` of the parameter, ``score``, ``collapsed`` (bool) and, where it is
        known, ``seed``.
    parameter : str
    metric : Metric
    look : Look
    twin : mapping of float to float, optional
        Mean of the counterpart by value of the parameter.
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
    axes = new_axes(drawing)
    axes.grid(axis="y")
    if spans_decades(values, 10):
        plain_log_axis(axes, "x", values)
    places: np.ndarray = known[["value", "score"]].to_numpy(dtype=np.float64)
    if len(places) > MANY:
        dots(axes, places, look.color, size=2.0, alpha=0.4)
    else:
        (marks,) = axes.plot(*places.T, ".", ms=4, mew=0, alpha=0.4, color=look.color)
        hover(marks, _run_texts(known, parameter, metric))
    means, sd = stats["mean"].to_numpy(), stats["sd"].fillna(0).to_numpy()
    ends = np.stack([np.column_stack([values, means + sign * sd]) for sign in (-1, 1)], axis=1)
    axes.add_collection(LineCollection(list(ends), colors=look.color, linewidths=0.8))
    axes.plot(values, means, color=look.color, lw=1.2)
    axes.plot(values, means, **look.line(), zorder=3)
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
        at = sorted(twin)
        axes.plot(at, [twin[value] for value in at], color=INK, ls=(0, (4, 3)), lw=0.9, alpha=0.8, zorder=2)
        note(axes, "counterpart", (at[0], twin[at[0]]), (0, 6))
        words += [f"counterpart {', '.join(dict.fromkeys(format_mean(twin[value], np.nan, metric) for value in at))}"]
    axes.set_xticks(values) if len(values) <= 6 else None
    score_axis(axes, metric, "y")
    axes.set_xlabel(label(parameter, 50, 1) + ("; ×: runs collapsed" if stats["collapsed"].any() else ""))
    axes.set_ylabel(f"{metric.title}, mean ± sd")
    fit(axes, right=0.3 if stats["collapsed"].any() else 0.0)
    alt = f"{metric.title} by {parameter}: {'; '.join(words)}."
    return Figure(name, clean_name(title), clean_name(alt), drawing)


def _run_texts(runs: pd.DataFrame, parameter: str, metric: Metric) -> list[str]:
    texts = []
    for row in runs.to_dict("records"):
        run = f", seed {row['seed']}" if "seed" in row else ""
        texts.append(f"{parameter} {row['value']:g}{run}: {metric.title} {format_score(row['score'], metric)}")
    return texts


_MOST_LABELS = 40
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
_FAR = tuple((x, y) for distance in (26, 40, 56) for x in (0, -20, 20, -40, 40) for y in (-distance, distance))
_SIDES = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


@in_style
def quality_against_time(
    leaderboard: pd.DataFrame, metric: Metric, looks: Mapping[str, Look], *, name: str, title: str
) -> Figure | None:
    """Draw the mean score of each variant against its mean wall time, and the front that none beats in both.

    Parameters
    ----------
    leaderboard : DataFrame
        One row a variant with columns ``variant``, ``title``, ``mean``, ``sd`` and ``wall_time_mean`` (seconds), as
        `bench.report.tables.DatasetTables.quality` has it; one without a mean or a time is not drawn.
    metric : Metric
    looks : mapping of str to Look
        By variant.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None with fewer than two variants that have both. Of more than `_MOST_LABELS` variants only the
        front is named.
    """
    both = leaderboard.loc[
        np.isfinite(leaderboard["mean"]) & leaderboard["wall_time_mean"].between(0, np.inf, inclusive="neither")
    ]
    if len(both) < 2:
        return None
    times, means = both["wall_time_mean"].to_numpy(np.float64), both["mean"].to_numpy(np.float64)
    sds = np.nan_to_num(both["sd"].to_numpy(np.float64))
    goods = means if metric.greater_is_better else -means
    front = _front(times, goods)
    drawing = new_drawing(WIDE, 3.6)
    axes = new_axes(drawing)
    axes.grid(axis="y")
    plain_log_axis(axes, "x", times)
    axes.step(times[front], means[front], where="post", color=INK, lw=0.7, alpha=0.4, zorder=1)
    many = len(both) > MANY
    by_look: dict[Look, list[int]] = {}
    for i, variant in enumerate(both["variant"]):
        by_look.setdefault(look_of(looks, variant), []).append(i)
    texts = [_quality_text(row, metric) for row in both.to_dict("records")]
    for look, of_look in by_look.items():
        if not many:
            spread = [[(times[i], means[i] - sds[i]), (times[i], means[i] + sds[i])] for i in of_look]
            axes.add_collection(LineCollection(spread, colors=look.color, linewidths=0.8, zorder=2))
        (marks,) = axes.plot(times[of_look], means[of_look], **look.line(), ms=2.5 if many else 5, zorder=3)
        if not many:
            hover(marks, [texts[i] for i in of_look])
    axes.margins(0.1)
    score_axis(axes, metric, "y")
    axes.set_xlabel("mean wall time of a run in seconds; line: nothing is both faster and better")
    axes.set_ylabel(f"{metric.title}, mean ± sd")
    fit(axes)
    named = front[:_MOST_LABELS]
    if len(both) <= _MOST_LABELS:
        named = [*front, *sorted(set(range(len(both))) - set(front), key=lambda i: -goods[i])]
    names = [label(text, 30) for text in both["title"]]
    points = np.column_stack([times, means])[named]
    bars = [_box(axes, t, t, m - s, m + s) for t, m, s in zip(times, means, sds, strict=True)]
    bars += [_box(axes, times[i], times[j], means[i], means[i]) for i, j in itertools.pairwise(front)]
    _place_labels(axes, points, [names[i] for i in named], bars)
    descriptions = "; ".join(texts[i] for i in np.sort(named))
    best = ", ".join(both["title"].iloc[front])
    words = f"Mean {metric.title} and wall time, {len(named)} of {len(both)} variants: {descriptions}. "
    words += f"No variant is both faster and better than: {best}."
    return Figure(name, clean_name(title), clean_name(words), drawing)


def _quality_text(row: Mapping[str, Any], metric: Metric) -> str:
    return f"{row['title']} {format_mean(row['mean'], row['sd'], metric)} in {format_seconds(row['wall_time_mean'])}"


def _front(times: np.ndarray, goods: np.ndarray) -> list[int]:
    """Return the points that no other is both faster and better than, fastest first."""
    front: list[int] = []
    for i in np.lexsort((-goods, times)):
        if not front or goods[i] > goods[front[-1]]:
            front.append(int(i))
    return front


def _box(axes: Axes, x0: float, x1: float, y0: float, y1: float) -> Bbox:
    """Return what a line covers, in points, with a little air."""
    return Bbox(_points(axes, np.array([(x0, y0), (x1, y1)]))).padded(1.5)


def _points(axes: Axes, places: np.ndarray) -> np.ndarray:
    """Return places (n, 2) in points of the drawing."""
    drawing = drawing_of(axes)
    return axes.transData.transform(places) * 72 / drawing.dpi


def _place_labels(axes: Axes, points: np.ndarray, texts: Sequence[str], bars: Sequence[Bbox]) -> None:
    """Write each text beside its point (n, 2), off the bars where possible; one without room is left out."""
    drawing = drawing_of(axes)
    at = _points(axes, points)
    x0, y0, x1, y1 = (np.reshape(axes.get_position().extents, (2, 2)) * drawing.get_size_inches() * 72).ravel()
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in at]
    tries = [*itertools.product((bars, ()), _OFFSETS), *itertools.product((bars, ()), _FAR)]
    written: dict[tuple[str, str], list[int]] = {}
    chosen: dict[int, tuple[float, float]] = {}
    leaders = []
    for i, ((x, y), text) in enumerate(zip(at, texts, strict=True)):
        width, height = 72 * widest([text], SMALL), 1.2 * SMALL * (text.count("\n") + 1)
        for obstacles, (dx, dy) in tries:
            ha, va = _SIDES[np.sign(dx)][0], _SIDES[np.sign(dy)][1]
            left = x + dx - {"left": 0, "center": width / 2, "right": width}[ha]
            low = y + dy - {"bottom": 0, "center": height / 2, "top": height}[va]
            box = Bbox.from_bounds(left, low, width, height)
            inside = x0 <= box.x0 and box.x1 <= x1 and y0 <= box.y0 and box.y1 <= y1
            if inside and not any(box.overlaps(other) for other in (*taken, *obstacles)):
                taken.append(box)
                written.setdefault((ha, va), []).append(i)
                chosen[i] = (dx, dy)
                if abs(dy) > 20:
                    leaders.append([(x / 72, y / 72), ((x + dx) / 72, (y + dy) / 72)])
                break
    for (ha, va), which in written.items():
        offsets = [chosen[i] for i in which]
        lines = [texts[i] for i in which]
        axes.add_artist(
            Words(points[which], lines, axes.transData, size=SMALL, color=INK, ha=ha, va=va, offset=offsets)
        )
    lines_at = drawing.dpi_scale_trans
    axes.add_artist(LineCollection(leaders, colors=INK, linewidths=0.5, alpha=0.5, transform=lines_at))

"""Figures of scores: every seed of every variant, over a parameter, and against time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.transforms import Bbox

from bench.metrics import Metric
from bench.report.plots.figure import Figure
from bench.report.numbers import format_mean, format_seconds
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    MANY,
    MOST_VARIANTS,
    NARROW,
    ROW_HEIGHT,
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
from bench.report.runs_frame import finished_runs, has_flag, metric_values, runs_by_variant, twin_pairs, variant_titles

# Pairs of twins are far apart where there are many rows, and lines across all of them would hide the seeds.
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
        None if no run has a score. Beyond `MOST_VARIANTS` variants only the best are drawn, and the title says so.
    """
    ok = finished_runs(frame)
    ok = ok.loc[np.isfinite(metric_values(ok, metric.name))]
    if ok.empty:
        return None
    sign = -1 if metric.greater_is_better else 1
    rows = sorted(runs_by_variant(ok).items(), key=lambda item: sign * metric_values(item[1], metric.name).mean())
    if len(rows) > MOST_VARIANTS:
        title = f"{title} (the best {MOST_VARIANTS} of {len(rows)} variants)"
        rows = rows[:MOST_VARIANTS]
    labels = variant_titles(frame)
    offsets = _offsets(sorted(set(ok["seed"])))
    drawing = new_drawing(WIDE, 0.5 + ROW_HEIGHT * (len(rows) + 0.4))
    axes = drawing.add_subplot()
    axes.grid(axis="x")
    places: dict[str, dict[int, tuple[float, float]]] = {}
    descriptions = []
    for y, (variant, runs) in enumerate(rows):
        values = metric_values(runs, metric.name)
        at = y + np.array([offsets[seed] for seed in runs["seed"]])
        places[variant] = {seed: (x, h) for seed, x, h in zip(runs["seed"], values, at, strict=True)}
        collapsed = has_flag(runs, "collapsed")
        text = _strip(axes, y, values, at, collapsed, look_of(looks, variant), metric)
        descriptions.append(f"{labels[variant]} {text}")
    if len(rows) <= _MOST_CONNECTED:
        _connect(axes, places, twin_pairs(frame)[0], looks)
    axes.set_yticks(range(len(rows)), [label(labels[variant]) for variant, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    score_axis(axes, metric)
    crosses = "; × collapsed" if has_flag(ok, "collapsed").any() else ""
    axes.set_xlabel(f"{metric.title} of each seed; bar: mean ± sd{crosses}")
    return export(
        drawing, name=name, title=title, alt=f"{metric.title}, mean ± sd over seeds: {'; '.join(descriptions)}."
    )


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
        One row a run: ``value`` of the parameter, ``score`` and ``collapsed_mask`` (bool).
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
    board: pd.DataFrame, metric: Metric, looks: Mapping[str, Look], *, name: str, title: str
) -> Figure | None:
    """Draw the mean score of each variant against its mean wall time, and the front that none beats in both.

    Parameters
    ----------
    board : DataFrame
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
    both = board.loc[np.isfinite(board["mean"]) & board["wall_time_mean"].between(0, np.inf, inclusive="neither")]
    if len(both) < 2:
        return None
    times, means = both["wall_time_mean"].to_numpy(np.float64), both["mean"].to_numpy(np.float64)
    sds = np.nan_to_num(both["sd"].to_numpy(np.float64))
    goods = means if metric.greater_is_better else -means
    front = _front(times, goods)
    drawing = new_drawing(WIDE, 3.6)
    axes = drawing.add_subplot()
    axes.grid(axis="y")
    plain_log_axis(axes, "x", times)
    axes.step(times[front], means[front], where="post", color=INK, lw=0.7, alpha=0.4, zorder=1)
    many = len(both) > MANY
    for variant, time, mean, sd in zip(both["variant"], times, means, sds, strict=True):
        look = look_of(looks, variant)
        if not many:
            axes.plot([time, time], [mean - sd, mean + sd], color=look.color, lw=0.8, zorder=2)
        axes.plot([time], [mean], **look.line(), ms=2.5 if many else 5, zorder=3, rasterized=many)
    axes.margins(0.1)
    score_axis(axes, metric, "y")
    axes.set_xlabel("mean wall time of a run in seconds; line: nothing is both faster and better")
    axes.set_ylabel(f"{metric.title}, mean ± sd")
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    named = front[:_MOST_LABELS]
    if len(both) <= _MOST_LABELS:
        named = [*front, *sorted(set(range(len(both))) - set(front), key=lambda i: -goods[i])]
    names = [label(text, 30) for text in both["title"]]
    points = np.column_stack([times, means])[named]
    bars = [_box(axes, t, t, m - s, m + s) for t, m, s in zip(times, means, sds, strict=True)]
    bars += [_box(axes, times[i], times[j], means[i], means[i]) for i, j in itertools.pairwise(front)]
    _place_labels(axes, points, [names[i] for i in named], bars)
    descriptions = "; ".join(
        f"{row['title']} {format_mean(row['mean'], row['sd'], metric)} in {format_seconds(row['wall_time_mean'])}"
        for row in both.iloc[np.sort(named)].to_dict("records")
    )
    best = ", ".join(both["title"].iloc[front])
    words = f"Mean {metric.title} and wall time, {len(named)} of {len(both)} variants: {descriptions}. "
    words += f"No variant is both faster and better than: {best}."
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
    places = [*itertools.product((bars, ()), _OFFSETS), *itertools.product((bars, ()), _FAR)]
    for (x, y), text in zip(points, texts, strict=True):
        for obstacles, (dx, dy) in places:
            ha, va = _SIDES[np.sign(dx)][0], _SIDES[np.sign(dy)][1]
            written = note(axes, text, (x, y), (dx, dy), ha=ha, va=va)
            box = written.get_window_extent()
            inside = axes.bbox.fully_containsx(box.x0) and axes.bbox.fully_containsx(box.x1)
            inside &= axes.bbox.fully_containsy(box.y0) and axes.bbox.fully_containsy(box.y1)
            if inside and not any(box.overlaps(other) for other in (*taken, *obstacles)):
                taken.append(box)
                if abs(dy) > 20:
                    leader = {"arrowstyle": "-", "lw": 0.5, "alpha": 0.5, "color": INK}
                    note(axes, "", (x, y), (dx, dy), arrowprops=leader)
                break
            written.remove()

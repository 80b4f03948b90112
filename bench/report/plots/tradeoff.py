"""Figure of quality against time, its points labelled where there is room."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from bench.metrics import Metric
from bench.report.document import Figure
from bench.report.numbers import format_mean, format_seconds
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    MANY,
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

MOST_LABELS = 40
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
        None with fewer than two variants that have both. Of more than `MOST_LABELS` variants only the
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
    named = front[:MOST_LABELS]
    if len(both) <= MOST_LABELS:
        named = [*front, *sorted(set(range(len(both))) - set(front), key=lambda i: -goods[i])]
    names = [label(text, 30) for text in both["title"]]
    points = np.column_stack([times, means])[named]
    bars = [_box(axes, t, t, m - s, m + s) for t, m, s in zip(times, means, sds, strict=True)]
    bars += [_box(axes, times[i], times[j], means[i], means[i]) for i, j in itertools.pairwise(front)]
    _place_labels(axes, points, [names[i] for i in named], bars)
    said = "; ".join(
        f"{row['title']} {format_mean(row['mean'], row['sd'], metric)} in {format_seconds(row['wall_time_mean'])}"
        for row in both.iloc[np.sort(named)].to_dict("records")
    )
    best = ", ".join(both["title"].iloc[front])
    words = f"Mean {metric.title} and wall time, {len(named)} of {len(both)} variants: {said}. "
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

"""Figures of tests: a forest of contrasts, and a diagram of mean ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.metrics import Metric
from bench.report.numbers import format_interval, format_score
from bench.report.plots.axes import STEPS, fit, new_axes, new_drawing, widest
from bench.report.plots.figure import Figure
from bench.report.plots.rows import RowChart
from bench.report.plots.style import (
    BETTER,
    INK,
    NEUTRAL,
    SMALL,
    WIDE,
    WORSE,
    Look,
    hover,
    in_style,
    label,
    look_of,
    score_axis,
)
from bench.text import clean_name

_ROW = 0.24  # inches


@in_style
def forest(contrasts: pd.DataFrame, metric: Metric, *, rope: float | None, name: str, title: str) -> Figure | None:
    """Draw contrasts as a forest plot, grouped, with the region of practical equivalence and their numbers.

    Parameters
    ----------
    contrasts : DataFrame
        One row a contrast, in the order drawn: ``group`` (its heading), ``label``, ``difference`` (Hodges-Lehmann),
        ``ci_low`` and ``ci_high`` (NaN for no interval), ``text`` (adjusted p and n), ``outcome`` (as
        `bench.statistics.correction.Outcome`).
    metric : Metric
        What the differences are of.
    rope : float or None
        Half the width of the region of practical equivalence; None for no region.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no contrast has a difference.
    """
    if not np.isfinite(contrasts["difference"].to_numpy(dtype=np.float64)).any():
        return None
    chart = RowChart()
    axes = chart.axes
    descriptions: list[str] = []
    y = 0.0
    for group, rows in contrasts.groupby("group", sort=False):
        chart.heading(y, str(group))
        for row in rows.to_dict("records"):
            text, remark = label(row["label"]), label(row["text"], 26)
            y += 1 + 0.35 * max(text.count("\n"), remark.count("\n"))
            numbers = _numbers(row["difference"], row["ci_low"], row["ci_high"], metric)
            chart.row(y, text, numbers, remark)
            mark = f"{row['label']}: Δ{metric.title} {numbers}, {row['text']}"
            _contrast(axes, y, row["difference"], row["ci_low"], row["ci_high"], row["outcome"], mark)
            descriptions.append(f"{row['label']} on {group}: {numbers}, {row['text']}, {row['outcome']}")
        y += 1.3
    axes.axvline(0, color=INK, lw=0.8, zorder=1)
    region = ""
    if rope is not None:
        axes.axvspan(-rope, rope, color=NEUTRAL, alpha=0.22, lw=0, zorder=0)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -1.2 * rope), max(high, 1.2 * rope))
        region = f"; shaded: practically equivalent, ±{format_score(rope, metric)}"
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    score_axis(axes, metric)
    better = "better →" if metric.greater_is_better else "← better"
    axes.set_xlabel(f"difference in {metric.title}, {better}{region}")
    chart.finish(-0.7, y - 0.5, row_height=_ROW)
    words = f"{metric.title} differences. {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), chart.drawing)


def _contrast(axes: Axes, y: float, difference: float, low: float, high: float, outcome: str, text: str) -> None:
    color = {"better": BETTER, "worse": WORSE}.get(outcome, NEUTRAL)
    if not math.isfinite(difference):
        return
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [y, y], color=color, lw=1.4, solid_capstyle="butt")
    face = color if color != NEUTRAL else "none"
    marker = {"better": ">", "worse": "<"}.get(outcome, "o")
    (mark,) = axes.plot([difference], [y], marker, color=color, mfc=face, ms=6)
    hover(mark, [text])


def _numbers(value: float, low: float, high: float, metric: Metric) -> str:
    if not math.isfinite(value):
        return "not compared"
    return f"{format_score(value, metric)} {format_interval(low, high, metric)}".rstrip().replace("-", "−")


@in_style
def critical_difference(
    ranks: Mapping[str, float],
    cliques: Sequence[Sequence[str]],
    labels: Mapping[str, str],
    looks: Mapping[str, Look],
    *,
    name: str,
    title: str,
) -> Figure | None:
    """Draw mean ranks, and for each clique a bar with a dot on each of its members.

    The tests of two variants do not depend on those between them, so a bar may pass over one that differs from its
    ends: only a dot makes a member. Where mean ranks coincide dots do, and the words say whose they are.

    Parameters
    ----------
    ranks : mapping of str to float
        Mean rank of each variant, 1 the best.
    cliques : sequence of sequences of str
        All maximal sets of those variants of which no two differ significantly, as
        `bench.statistics.order.cliques` finds them. A variant in none differs from all others.
    labels : mapping of str to str
        What each variant is called; two may be called the same.
    looks : mapping of str to Look
        By variant.
    name, title : str
        As in `bench.report.document.Figure`. Where no two differ significantly, the title is to say so.

    Returns
    -------
    Figure or None
        None with fewer than two variants.
    """
    if len(ranks) < 2:
        return None
    from scikit_posthocs import critical_difference_diagram  # slow to import

    names = list(ranks)
    # The library formats and looks up by the names it is given, and ours may hold anything.
    keys = [str(i) for i in range(len(names))]
    drawing = new_drawing(WIDE, 1)
    axes = new_axes(drawing)
    drawn = critical_difference_diagram(
        dict(zip(keys, ranks.values(), strict=True)),
        pd.DataFrame(_together(names, cliques), index=keys, columns=keys),  # for p-values: 0 differs, 1 does not
        ax=axes,
        label_fmt_left="{label}",
        label_fmt_right="{label}",
        label_props={"size": SMALL},
        elbow_props={"lw": 0.7, "clip_on": False},
        crossbar_props={"color": INK, "linewidth": 1.4, "marker": "o", "ms": 4.5, "mew": 0, "clip_on": False},
        color_palette={key: look_of(looks, names[int(key)]).color for key in keys},
        text_h_margin=0.03 * (len(names) - 1),
    )
    for (bar,) in drawn["crossbars"]:
        bar.set_xdata(sorted(bar.get_xdata()))  # the library draws in the order of a set, another in each process
    sides = {"left": 0.05, "right": 0.05}
    rank_width = (WIDE - 1) / (len(names) - 1)  # inches, about
    for artist, marker in zip(drawn["labels"], drawn["markers"], strict=True):
        variant = names[int(artist.get_text())]
        rank, text = f"{ranks[variant]:.2f}", label(labels[variant], 40, 1)
        end = artist.get_ha()  # at which the text ends: a name on the left ends on the right
        artist.set(color=INK, text=f"{text}  {rank} " if end == "right" else f" {rank}  {text}")
        side = "left" if end == "right" else "right"
        x = artist.get_position()[0]
        free = rank_width * (x - 1 if side == "left" else len(names) - x)  # what the axis itself offers
        sides[side] = max(sides[side], widest([artist.get_text()], SMALL) - free)
        marker.remove()
        (mark,) = axes.plot([ranks[variant]], [0], **look_of(looks, variant).line(), clip_on=False, zorder=4)
        hover(mark, [f"{labels[variant]}: mean rank {rank}"])
    axes.spines["top"].set_visible(True)
    axes.set_xlim(1, len(names))
    axes.set_xlabel("mean rank (1 is best)")
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(1, len(names) + 1, max(1, len(names) // 12)))
    depth = 0.6 - min(artist.get_position()[1] for artist in drawn["labels"])
    axes.set_ylim(-depth, 0)
    drawing.set_size_inches(WIDE, 0.5 + _ROW * depth)
    fit(axes, left=sides["left"], right=sides["right"])
    words = _rank_words(ranks, cliques, labels)
    return Figure(name, clean_name(title), clean_name(words), drawing)


def _together(names: Sequence[str], cliques: Sequence[Sequence[str]]) -> np.ndarray:
    """Return which two share a clique: (n_names, n_names), 1 where they do, 0 elsewhere."""
    member = np.array([[name in clique for clique in cliques] for name in names], dtype=np.int64)
    together = np.minimum(member @ member.T, 1)
    np.fill_diagonal(together, 1)
    return together


def _rank_words(ranks: Mapping[str, float], cliques: Sequence[Sequence[str]], labels: Mapping[str, str]) -> str:
    order = sorted(ranks, key=ranks.__getitem__)
    groups = "; ".join(", ".join(labels[name] for name in order if name in clique) for clique in cliques)
    apart = f"Not significantly different: {groups}" if cliques else "Every two differ significantly"
    return f"Mean ranks: {', '.join(f'{labels[name]} {ranks[name]:.2f}' for name in order)}. {apart}."

"""Figure of how well scores find what they should: mis-clustered points, or outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.stats import t as student

from bench.metrics import find_metric
from bench.report.document import Figure
from bench.report.numbers import format_interval, format_score
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    SMALL,
    STEPS,
    WIDE,
    Look,
    dots,
    in_style,
    label,
    look_of,
    new_drawing,
    note,
    score_axis,
)

ROW = 0.2  # inches
MOST_ROWS = 72

KINDS: dict[str, tuple[str, bool, str]] = {
    "no": ("s", False, "free"),
    "if stochastic": ("o", False, "takes noise where there is any"),
    "yes": ("o", True, "takes sampling"),
    "runs": ("D", True, "takes several runs"),
}
"""Marker, whether it is filled, and the words for it, by what a score takes."""

_AUROC = find_metric("auroc_confidence")


@in_style
def detection_by_score(
    rows: pd.DataFrame, looks: Mapping[str, Look], what: str, *, name: str, title: str
) -> Figure | None:
    """Draw the AUROC of every seed, by score and group, with the mean and its 95 % interval.

    Parameters
    ----------
    rows : DataFrame
        One row a score of a group, in the order drawn: ``group`` (a variant, or a set of outliers), ``label``
        (of the score), ``kind`` (one of `KINDS`), ``values`` (sequence of float, one a seed, NaN where it has none).
    looks : mapping of str to Look
        By group; its colour is used.
    what : str
        What is found, as in "mis-clustered points"; the words say it, the title should.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if there is no finite value. Rows without one are left out. Beyond `MOST_ROWS` rows the first
        groups are drawn, and the title says so.

    Notes
    -----
    The interval is Student's over seeds, so there is none for a single seed.
    """
    rows = rows.assign(values=rows["values"].map(_finite))
    rows = rows.loc[rows["values"].map(len) > 0]
    if rows.empty:
        return None
    groups = [(str(group), part) for group, part in rows.groupby("group", sort=False)]
    fits = np.cumsum([len(part) + 1 for _, part in groups]) <= MOST_ROWS
    n_drawn = max(1, int(fits.sum()))
    if n_drawn < len(groups):
        title = f"{title} (the first {n_drawn} of {len(groups)})"
    drawing = new_drawing(WIDE, 1)
    axes = drawing.add_subplot()
    axes.grid(axis="x")
    axes.axvline(0.5, color=INK, lw=0.8, zorder=1)
    side = axes.get_yaxis_transform()
    ticks: list[tuple[float, str]] = []
    said: list[str] = []
    y = 0.0
    for group, part in groups[:n_drawn]:
        axes.text(0, y, label(group, 44, 1) + "  ", transform=side, ha="right", va="center", weight="bold")
        for row in part.to_dict("records"):
            y += 1
            ticks.append((y, label(row["label"], 30, 1)))
            text = _score(axes, y, row["values"], row["kind"], look_of(looks, group).color)
            note(axes, text, (1, y), (8, 0), side)
            said.append(f"{group}, {row['label']} ({KINDS[row['kind']][2]}): {text}")
        y += 1.4
    axes.set_ylim(y - 0.7, -0.7)
    axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.autoscale_view(scaley=False)
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, -0.02), min(high, 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    score_axis(axes, _AUROC)
    axes.set_xlabel("AUROC, better →; line: chance; dots: seeds; bar: 95 % interval of the mean")
    used = [kind for kind in KINDS if any((part["kind"] == kind).any() for _, part in groups[:n_drawn])]
    drawing.set_size_inches(WIDE, 0.85 + ROW * (y + 0.4))
    drawing.legend([_symbol(kind) for kind in used], [KINDS[kind][2] for kind in used], loc="outside upper center",
                   ncols=len(used), columnspacing=1.5)  # fmt: skip
    words = f"AUROC of {what}, mean and 95 % interval over seeds. {'; '.join(said)}."
    return export(drawing, name=name, title=title, alt=words)


def _finite(values: Sequence[float]) -> np.ndarray:
    scores = np.asarray(values, dtype=np.float64)
    return scores[np.isfinite(scores)]


def _score(axes: Axes, y: float, values: np.ndarray, kind: str, color: str) -> str:
    """Draw one score's seeds and mean, and return its numbers as text."""
    mean = float(values.mean())
    dots(axes, np.column_stack([values, np.full(len(values), y)]), color, size=2.6, alpha=0.5)
    low = high = np.nan
    if len(values) > 1:
        half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
        low, high = max(0.0, mean - half), min(1.0, mean + half)
        axes.plot([low, high], [y, y], color=color, lw=1.3, solid_capstyle="butt", zorder=2)
    marker, filled, _ = KINDS[kind]
    axes.plot([mean], [y], marker, color=color, mfc=color if filled else "none", ms=5.5, mew=1.1, zorder=3)
    return f"{format_score(mean, _AUROC)} {format_interval(low, high, _AUROC)}".rstrip()


def _symbol(kind: str) -> Line2D:
    marker, filled, _ = KINDS[kind]
    return Line2D([], [], color=INK, marker=marker, mfc=INK if filled else "none", ls="none", ms=SMALL * 0.65)

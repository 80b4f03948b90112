"""Figures of uncertainty: reliability of confidence, risk against coverage, and error detection by score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.stats import t as student

from bench.metrics import find_metric
from bench.metrics.calibration import Reliability
from bench.metrics.registry import SCORES
from bench.report.plots.figure import Figure
from bench.report.numbers import format_interval, format_score
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    NARROW,
    NEUTRAL,
    OKABE_ITO,
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

_FEW = 0.01
"""Share of the points below which the mark of a bin is small: its accuracy is that of a handful."""

_MOST_STEPS = 60
"""Steps of a risk-coverage curve that are drawn."""

_COLORS = (*OKABE_ITO, NEUTRAL, "#999933", "#AA4466")
_UNIT = find_metric("acc")  # for how numbers between 0 and 1 are written


@dataclass(frozen=True)
class ReliabilityCurve:
    """How often one soft assignment is right, by how sure it is.

    Attributes
    ----------
    label : str
        Whose, and how it was taken.
    look : Look
    drawn : bool
        Averaged over latent draws (filled, solid), not taken at the mean of the code (open, dashed).
    bins : bench.metrics.calibration.Reliability
    """

    label: str
    look: Look
    drawn: bool
    bins: Reliability


@dataclass(frozen=True)
class RiskCurve:
    """How much error is left when the points with the highest scores are set aside.

    Attributes
    ----------
    label : str
        What the score is called.
    sampled : bool
        Whether it takes latent draws or the noise they are drawn with.
    coverage, risk : ndarray of shape (n_steps,)
        Share of the points kept, ascending, and the error among them.
    """

    label: str
    sampled: bool
    coverage: np.ndarray
    risk: np.ndarray


@in_style
def reliability_diagram(curves: Sequence[ReliabilityCurve], *, name: str, title: str) -> Figure | None:
    """Draw accuracy against confidence by bin, and below it which share of the points is in each bin.

    Parameters
    ----------
    curves : sequence of ReliabilityCurve
        On the diagonal confidence is deserved; above it, it is too low.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no curve has a bin with points.
    """
    curves = [curve for curve in curves if curve.bins.count.any()]
    if not curves:
        return None
    drawing = new_drawing(NARROW, 3.75 + 0.18 * len(curves))
    axes, below = drawing.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=INK, lw=0.7, alpha=0.5, zorder=1)
    descriptions = []
    for curve in curves:
        filled = curve.bins.count > 0
        confidence, accuracy = curve.bins.confidence[filled], curve.bins.accuracy[filled]
        share = curve.bins.count[filled] / curve.bins.count.sum()
        color, marker = curve.look.color, curve.look.marker
        style: dict[str, Any] = {"color": color, "lw": 1.0, "zorder": 3}
        style |= {"mfc": color, "ls": "-"} if curve.drawn else {"mfc": "none", "ls": (0, (3, 2))}
        if marker == "s":
            style["ls"] = (0, (1, 1.5))
        gap, above = format_score(curve.bins.error, _UNIT), float(share @ (accuracy - confidence))
        text = f"{label(curve.label, 34, 1)}: mean gap {gap}"
        axes.plot(confidence, accuracy, **style, marker=marker, ms=4.5, label=text, markevery=list(share >= _FEW))
        axes.plot(confidence[share < _FEW], accuracy[share < _FEW], **{**style, "ls": ""}, marker=marker, ms=2)
        below.plot(confidence, share, **style, marker=marker if len(share) == 1 else "", ms=3)
        side = "above" if above > 0 else "below"
        descriptions.append(
            f"{curve.label}: mean gap {gap} over {len(share)} bins, accuracy on average "
            f"{format_score(abs(above), _UNIT)} {side} confidence"
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="accuracy")
    below.set(xlabel=f"confidence; small marks: under {_FEW:.0%} of the points", ylabel="share", ylim=(0, None))
    below.yaxis.set_major_locator(MaxNLocator(2, steps=STEPS))
    for part in (axes, below):
        part.grid()
        for axis in (part.xaxis, part.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("0.", ".")))
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1)
    words = f"Accuracy against confidence by bin. {'; '.join(descriptions)}."
    return export(drawing, name=name, title=title, alt=words)


@in_style
def risk_coverage_curves(curves: Sequence[RiskCurve], *, name: str, title: str) -> Figure | None:
    """Draw the error among the points kept against the share kept, for several scores of one run.

    Parameters
    ----------
    curves : sequence of RiskCurve
        Of the same labels and points, so that all end in one error where everything is kept. Two references are
        drawn: a score that knows the wrong points (lower), and one that knows nothing (upper). The axis fits what is
        beyond the first twentieth, in which an error of few points may be anything.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no curve has a finite risk.
    """
    curves = [curve for curve in curves if len(curve.risk) and np.isfinite(curve.risk).all()]
    if not curves:
        return None
    areas = [_area(curve) for curve in curves]
    error = float(curves[0].risk[-1])
    columns = 2 if len(curves) > 4 else 1
    drawing = new_drawing(NARROW, 3.2 + 0.18 * math.ceil(len(curves) / columns))
    axes = drawing.add_subplot()
    axes.grid(axis="y")
    kept = np.linspace(0, 1, _MOST_STEPS + 1)[1:]
    thin: dict[str, Any] = {"color": INK, "lw": 0.7, "alpha": 0.6, "zorder": 1}
    axes.plot([0, 1], [error, error], **thin)
    axes.plot(kept, np.maximum(0, kept - (1 - error)) / kept, **thin)
    lines: list[Line2D] = []
    for i in np.argsort(areas, kind="stable"):
        curve = curves[i]
        color = _color(curve.label)
        steps = np.unique(np.linspace(0, len(curve.risk) - 1, _MOST_STEPS).round().astype(np.int64))
        kind: dict[str, Any] = {"ls": "--", "marker": "s", "mfc": "none"}
        if curve.sampled:
            kind = {"ls": "-", "marker": "o", "mfc": color}
        place = curve.coverage[steps], curve.risk[steps]
        (line,) = axes.plot(*place, color=color, lw=1.1, ms=4, **kind, zorder=2 + curve.sampled)
        line.set_markevery((0.06 + 0.04 * int(i) / len(curves), 0.24))
        line.set_label(f"{label(curve.label, 20 if columns > 1 else 36, 1)} {format_score(areas[i], _UNIT)}")
        lines.append(line)
    axes.set(xlim=(0, 1.01), xlabel="share of the points kept, the most certain first", ylabel="error among them")
    axes.set_ylim(0, max(0.05, 1.1 * max(float(curve.risk[curve.coverage >= 0.05].max()) for curve in curves)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=STEPS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("0.", ".")))
    heading = "with the mean error (AURC); filled: takes sampling"
    names = [str(line.get_label()) for line in lines]
    drawing.legend(lines, names, loc="outside lower left", title=heading, alignment="left", ncols=columns,
                   columnspacing=0.8, handlelength=1.6, handletextpad=0.5)  # fmt: skip
    descriptions = "; ".join(
        f"{curves[i].label}{' (sampling)' if curves[i].sampled else ''} {format_score(areas[i], _UNIT)}"
        for i in np.argsort(areas, kind="stable")
    )
    words = f"Error {format_score(error, _UNIT)} where all points are kept. "
    words += f"Mean error over all shares kept: {descriptions}."
    return export(drawing, name=name, title=title, alt=words)


def _color(text: str) -> str:
    """Return one colour for a score in every figure, whichever others there are."""
    titles = [score.title for score in SCORES]
    return _COLORS[titles.index(text) % len(_COLORS)] if text in titles else NEUTRAL


def _area(curve: RiskCurve) -> float:
    return float(np.mean(curve.risk))


_ROW = 0.2  # inches
_MOST_ROWS = 72

_KINDS: dict[str, tuple[str, bool, str]] = {
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
        (of the score), ``kind`` (one of `_KINDS`), ``values`` (sequence of float, one a seed, NaN where it has none).
    looks : mapping of str to Look
        By group; its colour is used.
    what : str
        What is found, as in "mis-clustered points"; the words say it, the title should.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if there is no finite value. Rows without one are left out. Beyond `_MOST_ROWS` rows the first
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
    fits = np.cumsum([len(part) + 1 for _, part in groups]) <= _MOST_ROWS
    n_drawn = max(1, int(fits.sum()))
    if n_drawn < len(groups):
        title = f"{title} (the first {n_drawn} of {len(groups)})"
    drawing = new_drawing(WIDE, 1)
    axes = drawing.add_subplot()
    axes.grid(axis="x")
    axes.axvline(0.5, color=INK, lw=0.8, zorder=1)
    side = axes.get_yaxis_transform()
    ticks: list[tuple[float, str]] = []
    descriptions: list[str] = []
    y = 0.0
    for group, part in groups[:n_drawn]:
        axes.text(0, y, label(group, 44, 1) + "  ", transform=side, ha="right", va="center", weight="bold")
        for row in part.to_dict("records"):
            y += 1
            ticks.append((y, label(row["label"], 30, 1)))
            text = _score(axes, y, row["values"], row["kind"], look_of(looks, group).color)
            note(axes, text, (1, y), (8, 0), side)
            descriptions.append(f"{group}, {row['label']} ({_KINDS[row['kind']][2]}): {text}")
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
    used = [kind for kind in _KINDS if any((part["kind"] == kind).any() for _, part in groups[:n_drawn])]
    drawing.set_size_inches(WIDE, 0.85 + _ROW * (y + 0.4))
    drawing.legend([_symbol(kind) for kind in used], [_KINDS[kind][2] for kind in used], loc="outside upper center",
                   ncols=len(used), columnspacing=1.5)  # fmt: skip
    words = f"AUROC of {what}, mean and 95 % interval over seeds. {'; '.join(descriptions)}."
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
    marker, filled, _ = _KINDS[kind]
    axes.plot([mean], [y], marker, color=color, mfc=color if filled else "none", ms=5.5, mew=1.1, zorder=3)
    return f"{format_score(mean, _AUROC)} {format_interval(low, high, _AUROC)}".rstrip()


def _symbol(kind: str) -> Line2D:
    marker, filled, _ = _KINDS[kind]
    return Line2D([], [], color=INK, marker=marker, mfc=INK if filled else "none", ls="none", ms=SMALL * 0.65)

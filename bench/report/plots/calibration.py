"""Figures of confidence: whether it is deserved, and what is gained by setting the least certain points aside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.metrics import find_metric
from bench.metrics.calibration import Reliability
from bench.metrics.registry import SCORES
from bench.report.document import Figure
from bench.report.numbers import format_score
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    NARROW,
    NEUTRAL,
    OKABE_ITO,
    STEPS,
    Look,
    in_style,
    label,
    new_drawing,
)

FEW = 0.01
"""Share of the points below which the mark of a bin is small: its accuracy is that of a handful."""

MOST_STEPS = 60
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
def reliability(curves: Sequence[ReliabilityCurve], *, name: str, title: str) -> Figure | None:
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
    said = []
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
        axes.plot(confidence, accuracy, **style, marker=marker, ms=4.5, label=text, markevery=list(share >= FEW))
        axes.plot(confidence[share < FEW], accuracy[share < FEW], **{**style, "ls": ""}, marker=marker, ms=2)
        below.plot(confidence, share, **style, marker=marker if len(share) == 1 else "", ms=3)
        side = "above" if above > 0 else "below"
        said.append(
            f"{curve.label}: mean gap {gap} over {len(share)} bins, accuracy on average "
            f"{format_score(abs(above), _UNIT)} {side} confidence"
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="accuracy")
    below.set(xlabel=f"confidence; small marks: under {FEW:.0%} of the points", ylabel="share", ylim=(0, None))
    below.yaxis.set_major_locator(MaxNLocator(2, steps=STEPS))
    for part in (axes, below):
        part.grid()
        for axis in (part.xaxis, part.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("0.", ".")))
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1)
    words = f"Accuracy against confidence by bin. {'; '.join(said)}."
    return export(drawing, name=name, title=title, alt=words)


@in_style
def risk_coverage(curves: Sequence[RiskCurve], *, name: str, title: str) -> Figure | None:
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
    kept = np.linspace(0, 1, MOST_STEPS + 1)[1:]
    thin: dict[str, Any] = {"color": INK, "lw": 0.7, "alpha": 0.6, "zorder": 1}
    axes.plot([0, 1], [error, error], **thin)
    axes.plot(kept, np.maximum(0, kept - (1 - error)) / kept, **thin)
    lines: list[Line2D] = []
    for i in np.argsort(areas, kind="stable"):
        curve = curves[i]
        color = _color(curve.label)
        steps = np.unique(np.linspace(0, len(curve.risk) - 1, MOST_STEPS).round().astype(np.int64))
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
    said = "; ".join(
        f"{curves[i].label}{' (sampling)' if curves[i].sampled else ''} {format_score(areas[i], _UNIT)}"
        for i in np.argsort(areas, kind="stable")
    )
    words = f"Error {format_score(error, _UNIT)} where all points are kept. Mean error over all shares kept: {said}."
    return export(drawing, name=name, title=title, alt=words)


def _color(text: str) -> str:
    """Return one colour for a score in every figure, whichever others there are."""
    titles = [score.title for score in SCORES]
    return _COLORS[titles.index(text) % len(_COLORS)] if text in titles else NEUTRAL


def _area(curve: RiskCurve) -> float:
    return float(np.mean(curve.risk))

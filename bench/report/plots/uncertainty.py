"""Figures of uncertainty: reliability of confidence, risk against coverage, and error detection by score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator
from scipy.stats import t as student

from bench.metrics import find_metric
from bench.metrics.calibration import Reliability
from bench.metrics.registry import SCORES
from bench.report.numbers import format_interval, format_score
from bench.report.plots.axes import STEPS, fit, new_axes, new_drawing, widest
from bench.report.plots.figure import Figure
from bench.report.plots.rows import UNIT, RowChart
from bench.report.plots.style import (
    INK,
    KEY_ROW,
    NARROW,
    NEUTRAL,
    OKABE_ITO,
    SMALL,
    Look,
    hover,
    in_style,
    key,
    label,
    look_of,
    note,
    score_axis,
)
from bench.text import clean_name

_FEW = 0.01
"""Share of the points below which the mark of a bin is small: its accuracy is that of a handful."""

_MOST_STEPS = 60
"""Steps of a risk-coverage curve that are drawn."""

_COLORS = (*OKABE_ITO, NEUTRAL, "#999933", "#AA4466", "#4B2E83", "#7A5C3E")


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
    keyed = KEY_ROW * len(curves) + 0.05
    height = 3.75 + keyed
    drawing = new_drawing(NARROW, height)
    axes, below = new_axes(drawing), new_axes(drawing)
    entries: list[tuple[dict[str, Any], str]] = []
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
        gap, above = format_score(curve.bins.error, UNIT), float(share @ (accuracy - confidence))
        text = f"{label(curve.label, 34, 1)}: mean gap {gap}"
        entries.append(({**style, "marker": marker, "ms": 4.5}, text))
        bins = [
            f"{curve.label}: confidence {format_score(c, UNIT)}, accuracy {format_score(a, UNIT)}, {s:.1%} of points"
            for c, a, s in zip(confidence, accuracy, share, strict=True)
        ]
        axes.plot(confidence, accuracy, **style)
        for which, size in ((share >= _FEW, 4.5), (share < _FEW, 2.0)):
            if which.any():
                (marks,) = axes.plot(confidence[which], accuracy[which], **{**style, "ls": ""}, marker=marker, ms=size)
                hover(marks, [text for text, drawn in zip(bins, which, strict=True) if drawn])
        below.plot(confidence, share, **style, marker=marker if len(share) == 1 else "", ms=3)
        side = "above" if above > 0 else "below"
        descriptions.append(
            f"{curve.label}: mean gap {gap} over {len(share)} bins, accuracy on average "
            f"{format_score(abs(above), UNIT)} {side} confidence"
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="accuracy")
    below.set(xlabel=f"confidence; small marks: under {_FEW:.0%} of the points", ylabel="share", ylim=(0, None))
    below.yaxis.set_major_locator(MaxNLocator(2, steps=STEPS))
    below.set_xlim(-0.02, 1.02)
    axes.tick_params(labelbottom=False)
    for part in (axes, below):
        part.grid()
        for which in ("x", "y"):
            score_axis(part, UNIT, which)
    left = max(axes.yaxis.room()["left"], below.yaxis.room()["left"])
    split = keyed + 1.05
    for part, (low, high) in ((axes, (split, height)), (below, (keyed, split))):
        fit(part, left=left - part.yaxis.room()["left"], within=(0, low, NARROW, high))
    key(drawing, entries, 0.05, keyed, (NARROW,))
    words = f"Accuracy against confidence by bin. {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), drawing)


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
    keyed = KEY_ROW * (math.ceil(len(curves) / columns) + 1) + 0.05
    drawing = new_drawing(NARROW, 3.2 + keyed)
    axes = new_axes(drawing)
    axes.grid(axis="y")
    kept = np.linspace(0, 1, _MOST_STEPS + 1)[1:]
    thin: dict[str, Any] = {"color": INK, "lw": 0.7, "alpha": 0.6, "zorder": 1}
    axes.plot([0, 1], [error, error], **thin)
    axes.plot(kept, np.maximum(0, kept - (1 - error)) / kept, **thin)
    entries: list[tuple[dict[str, Any], str]] = []
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
        name_of = f"{label(curve.label, 20 if columns > 1 else 36, 1)} {format_score(areas[i], UNIT)}"
        entries.append(({"color": color, "lw": 1.1, "ms": 4, **kind}, name_of))
    axes.set(xlim=(0, 1.01), xlabel="share of the points kept, the most certain first", ylabel="error among them")
    axes.set_ylim(0, max(0.05, 1.1 * max(float(curve.risk[curve.coverage >= 0.05].max()) for curve in curves)))
    for which in ("x", "y"):
        getattr(axes, f"{which}axis").set_major_locator(MaxNLocator(5, steps=STEPS))
        score_axis(axes, UNIT, which)
    fit(axes, bottom=keyed)
    heading = "with the mean error (AURC); filled: uses sampling"
    note(axes, heading, (0.05, keyed - KEY_ROW / 2), (0, 0), drawing.dpi_scale_trans)
    first = entries[: math.ceil(len(entries) / columns)]
    widths = (0.4 + widest([text for _, text in first], SMALL), NARROW)[:columns]
    key(drawing, entries, 0.05, keyed - KEY_ROW, widths)
    descriptions = "; ".join(
        f"{curves[i].label}{' (sampling)' if curves[i].sampled else ''} {format_score(areas[i], UNIT)}"
        for i in np.argsort(areas, kind="stable")
    )
    words = f"Error {format_score(error, UNIT)} where all points are kept. "
    words += f"Mean error over all shares kept: {descriptions}."
    return Figure(name, clean_name(title), clean_name(words), drawing)


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
    "one number": ("^", False, "takes one number of the noise"),
    "if stochastic": ("o", False, "uses noise if the method has any"),
    "yes": ("o", True, "uses sampling"),
    "runs": ("D", True, "uses several runs"),
}
"""Marker, whether it is filled, and the words for it, by what a score uses."""

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
        (of the score), ``kind`` (one of `_KINDS`), ``values`` (sequence of float, one a seed, NaN where it has none)
        and, where they are known, ``seeds``, in their order.
    looks : mapping of str to Look
        By group; its colour is used.
    what : str
        What is detected, as in "mis-clustered points"; the alt text names it, the title should.
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
    rows = rows.loc[[bool(np.isfinite(np.asarray(values, dtype=np.float64)).any()) for values in rows["values"]]]
    if rows.empty:
        return None
    groups = [(str(group), part) for group, part in rows.groupby("group", sort=False)]
    fits = np.cumsum([len(part) + 1 for _, part in groups]) <= _MOST_ROWS
    n_drawn = max(1, int(fits.sum()))
    if n_drawn < len(groups):
        title = f"{title} (the first {n_drawn} of {len(groups)})"
    chart = RowChart()
    axes = chart.axes
    axes.grid(axis="x")
    axes.axvline(0.5, color=INK, lw=0.8, zorder=1)
    descriptions: list[str] = []
    y = 0.0
    for group, part in groups[:n_drawn]:
        chart.heading(y, group)
        drawn = [_Score.of(group, y + 1 + i, row) for i, row in enumerate(part.to_dict("records"))]
        _draw_scores(axes, drawn, look_of(looks, group).color)
        for score in drawn:
            chart.row(score.y, label(score.label, 30, 1), score.text)
            descriptions.append(f"{group}, {score.label} ({_KINDS[score.kind][2]}): {score.text}")
        y += len(drawn) + 1.4
    axes.autoscale_view(scaley=False)
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, -0.02), min(high, 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    score_axis(axes, _AUROC)
    axes.set_xlabel("AUROC, better →; line: chance; dots: seeds; bar: 95 % interval of the mean")
    used = [kind for kind in _KINDS if any((part["kind"] == kind).any() for _, part in groups[:n_drawn])]
    entries = [(_symbol(kind), _KINDS[kind][2]) for kind in used]
    chart.finish(-0.7, y - 0.7, row_height=_ROW, top=KEY_ROW + 0.1)
    widths = [0.55 + widest([text], SMALL) for _, text in entries]
    width, height = chart.drawing.get_size_inches()
    key(chart.drawing, entries, (width - sum(widths)) / 2, height - 0.04, widths)
    words = f"AUROC of {what}, mean and 95 % interval over seeds. {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), chart.drawing)


@dataclass(frozen=True)
class _Score:
    """One row: its mean and interval, and each seed's value with its text."""

    y: float
    label: str
    kind: str
    by_seed: np.ndarray
    texts: list[str]
    low: float
    high: float

    @classmethod
    def of(cls, group: str, y: float, row: Mapping[Any, Any]) -> _Score:
        values = np.asarray(row["values"], dtype=np.float64)
        seeds = row.get("seeds", range(len(values)))
        known = np.isfinite(values)
        texts = [
            f"{group}, seed {seed}: AUROC of {row['label']} {format_score(value, _AUROC)}"
            for seed, value in zip(seeds, values, strict=True)
            if np.isfinite(value)
        ]
        values = values[known]
        low = high = np.nan
        if len(values) > 1:
            half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
            low, high = max(0.0, values.mean() - half), min(1.0, values.mean() + half)
        return cls(y, row["label"], row["kind"], values, texts, low, high)

    @property
    def text(self) -> str:
        """Mean and interval."""
        mean = float(self.by_seed.mean())
        return f"{format_score(mean, _AUROC)} {format_interval(self.low, self.high, _AUROC)}".rstrip()


def _draw_scores(axes: Axes, scores: Sequence[_Score], color: str) -> None:
    """Draw the seeds, intervals and means of one group, all of one kind at once."""
    x, y = (
        np.concatenate([s.by_seed for s in scores]),
        np.repeat([s.y for s in scores], [len(s.by_seed) for s in scores]),
    )
    (seeds,) = axes.plot(x, y, ".", color=color, ms=5.2, mew=0, alpha=0.6)
    hover(seeds, [text for score in scores for text in score.texts])
    intervals = [[(s.low, s.y), (s.high, s.y)] for s in scores if np.isfinite(s.low)]
    axes.add_collection(LineCollection(intervals, colors=color, linewidths=1.3, zorder=2))
    for kind in dict.fromkeys(score.kind for score in scores):
        of_kind = [score for score in scores if score.kind == kind]
        marker, filled, _ = _KINDS[kind]
        style: dict[str, Any] = {"color": color, "mfc": color if filled else "none", "ms": 5.5, "mew": 1.1, "zorder": 3}
        (means,) = axes.plot([s.by_seed.mean() for s in of_kind], [s.y for s in of_kind], marker, ls="none", **style)
        hover(means, [f"{score.label}: mean {score.text}" for score in of_kind])


def _symbol(kind: str) -> dict[str, Any]:
    marker, filled, _ = _KINDS[kind]
    return {"color": INK, "marker": marker, "mfc": INK if filled else "none", "ls": "none", "ms": SMALL * 0.65}

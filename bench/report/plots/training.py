"""Figures of training: learning curves, and the health of runs."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from bench.report.plots.axes import STEPS, fit, new_axes, new_drawing, widest
from bench.report.plots.figure import Figure
from bench.report.plots.rows import MOST_ROWS, RowChart, first_rows
from bench.report.plots.style import (
    INK,
    KEY_ROW,
    NEUTRAL,
    SMALL,
    WIDE,
    Look,
    hover,
    in_style,
    key,
    label,
    note,
    plain_log_axis,
    spans_decades,
)
from bench.text import clean_name

_MOST_PANELS = 6
_COLUMNS = 3
_MOST_EPOCHS = 32

RunHistory = Mapping[str, np.ndarray]
"""One run: name of a quantity to its values by epoch (n_epochs,), NaN where it has none; ``phase`` holds names."""


@in_style
def learning_curves(
    runs: Sequence[RunHistory],
    variant: str,
    look: Look,
    *,
    twin_runs: Sequence[RunHistory] = (),
    twin: str = "",
    name: str,
    title: str,
) -> Figure | None:
    """Draw each quantity of the histories by epoch: mean over the runs, with the range from least to largest.

    A run that has stopped keeps its last value to the end of the phase: else the last epochs would show the few runs
    that train longest.

    Parameters
    ----------
    runs, twin_runs : sequence of mapping of str to ndarray
        The history of each seed of a variant, and of its counterpart, which is dashed.
    variant, twin : str
        Names of the variant and its counterpart.
    look : Look
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no run has a quantity. Of more than `_MOST_PANELS` the first are drawn, and the title says so.
    """
    known = _quantities(runs)
    quantities = known[:_MOST_PANELS]
    if not quantities:
        return None
    if len(known) > _MOST_PANELS:
        title = f"{title} (the first {_MOST_PANELS} of {len(known)} quantities)"
    lengths = _lengths([*runs, *twin_runs])
    n_rows = math.ceil(len(quantities) / _COLUMNS)
    keyed = KEY_ROW + 0.05 if twin_runs else 0.0
    cell = WIDE / _COLUMNS, 1.3
    height = keyed + 0.2 + cell[1] * n_rows
    drawing = new_drawing(WIDE, height)
    descriptions: list[str] = []
    styles: dict[str, dict[str, Any]] = {}
    for i, quantity in enumerate(quantities):
        axes = new_axes(drawing)
        axes.set_title(label(quantity.replace("_", " "), 30, 1), loc="left")
        ours = _matrices(runs, quantity, lengths)
        theirs = _matrices(twin_runs, quantity, lengths)
        _value_axis(axes, np.concatenate([v[np.isfinite(v)] for v in (*ours.values(), *theirs.values())]))
        for which, values, dashes in ((twin, theirs, (3, 2)), (variant, ours, None)):
            means = _bands(axes, values, look.color, dashes)
            if means:
                styles[which] = {"color": look.color, "ls": (0, dashes) if dashes else "-"}
        for end in list(accumulate(lengths.values()))[:-1]:
            axes.axvline(end + 0.5, color=INK, lw=0.6, alpha=0.5, ls=":")
        axes.set_xlim(_first(ours, theirs), None)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=STEPS, integer=True))
        descriptions.append(f"{quantity.replace('_', ' ')} {means[0]:.3g} to {means[-1]:.3g}")
        if i == 0 and len(lengths) > 1:
            _name_phases(axes, lengths)
        below = i >= len(quantities) - _COLUMNS
        if below:
            axes.set_xlabel("epoch")
        row, column = divmod(i, _COLUMNS)
        top = height - row * cell[1]
        floor = top - cell[1] - (0.2 if below and row == n_rows - 1 else 0)
        fit(axes, within=(column * cell[0], floor, (column + 1) * cell[0], top))
    if twin in styles:
        entries = [(styles[which], label(which, 50, 1)) for which in (variant, twin)]
        widths = [0.55 + widest([text], SMALL) for _, text in entries]
        key(drawing, entries, (WIDE - sum(widths)) / 2, keyed, widths)
    words = f"Means over {len(runs)} runs of {variant}, from first to last epoch: {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), drawing)


def _quantities(runs: Sequence[RunHistory]) -> list[str]:
    """Return the names with a finite number in some run, without bookkeeping."""
    names = dict.fromkeys(name for run in runs for name in run if name != "epoch" and not name.startswith("_"))
    arrays = {name: [run[name] for run in runs if name in run] for name in names}
    return [n for n, a in arrays.items() if all(v.dtype.kind in "fiub" for v in a) and any(map(_any_finite, a))]


def _any_finite(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).any())


def _phases(run: RunHistory) -> np.ndarray:
    """Return the phase of each epoch, one nameless phase where the history has none."""
    return run["phase"] if "phase" in run else np.full(len(next(iter(run.values()), ())), "")


def _lengths(runs: Sequence[RunHistory]) -> dict[str, int]:
    """Return the epochs of each phase in the run where it is longest, so that all runs enter a phase together."""
    lengths: dict[str, int] = {}
    for run in runs:
        for phase, n in Counter(map(str, _phases(run))).items():
            lengths[phase] = max(lengths.get(phase, 0), n)
    return lengths


def _matrices(runs: Sequence[RunHistory], quantity: str, lengths: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return a quantity as one array (n_runs, length) a phase; NaN where a run has no value."""
    matrices = {phase: np.full((len(runs), length), np.nan) for phase, length in lengths.items()}
    for i, run in enumerate(runs):
        for phase, rows in matrices.items():
            part = run[quantity][_phases(run) == phase] if quantity in run else np.empty(0)
            rows[i, : len(part)] = part
            rows[i, len(part) :] = part[-1] if len(part) else np.nan
    return matrices


def _bands(axes: Axes, matrices: Mapping[str, np.ndarray], color: str, dashes: tuple[int, int] | None) -> list[float]:
    """Draw mean and range by phase, at most `_MOST_EPOCHS` steps each, and return the first and last mean of each."""
    means: list[float] = []
    start = 0
    for values in matrices.values():
        values = np.where(np.isfinite(values), values, np.nan)
        known = np.flatnonzero(~np.isnan(values).all(axis=0)) if len(values) else np.empty(0, int)
        if len(known):
            steps = np.array_split(known, min(len(known), _MOST_EPOCHS))
            x = [start + 1 + float(step.mean()) for step in steps]
            mean = [float(np.nanmean(values[:, step])) for step in steps]
            if len(values) > 1:
                low = [float(np.nanmin(values[:, step])) for step in steps]
                high = [float(np.nanmax(values[:, step])) for step in steps]
                if low != high:
                    axes.fill_between(x, low, high, color=color, alpha=0.1 if dashes else 0.2, lw=0)
            style = (0, dashes) if dashes else "-"
            axes.plot(x, mean, color=color, ls=style, marker="." if len(steps) == 1 else "")
            means += [float(np.nanmean(values[:, epoch])) for epoch in known[[0, -1]]]
        start += values.shape[1]
    return means


def _first(*several: Mapping[str, np.ndarray]) -> int:
    """Return the epochs before the first phase in which there is something to see."""
    start = 0
    for values in zip(*(matrices.values() for matrices in several), strict=True):
        if any(map(_any_finite, values)):
            break
        start += values[0].shape[1]
    return start


def _value_axis(axes: Axes, values: np.ndarray) -> None:
    """Choose the scale: from zero for counts, logarithmic for what spans decades."""
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=STEPS))
    if (values == np.round(values)).all() and values.min() >= 0:
        axes.set_ylim(0, max(1.0, 1.1 * values.max()))
    elif spans_decades(values, 50):
        plain_log_axis(axes, "y", values)


def _name_phases(axes: Axes, lengths: Mapping[str, int]) -> None:
    for (phase, length), end in zip(lengths.items(), accumulate(lengths.values()), strict=True):
        at = (end - length + 0.5, 1)
        note(axes, label(phase, 12, 1), at, (3, -1), axes.get_xaxis_transform(), va="top", alpha=0.7)


_LINE = 0.45  # of a row, one line of text

_VERDICT_STYLES: dict[str, tuple[str, str]] = {
    "healthy": ("#009E73", ""),
    "degenerate variance": ("#56B4E9", "|||"),
    "vague assignments": ("#CC79A7", "..."),
    "partly collapsed": ("#E69F00", "///"),
    "collapsed": ("#D55E00", "xxx"),
    "failed": (NEUTRAL, "----"),
}
"""Colour and hatch of each verdict, in the order drawn: hatches differ where colours do not."""


@in_style
def health_timeline(runs: pd.DataFrame, *, name: str, title: str) -> Figure | None:
    """Draw how many runs of each variant have each verdict, with the median epoch of those that went wrong.

    Parameters
    ----------
    runs : DataFrame
        One row a run: ``label`` (of its variant; drawn in order of appearance), ``verdict`` (one of `_VERDICT_STYLES`),
        ``epoch`` (at which it went wrong; NaN where there is none).
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no run has one of the verdicts. Beyond `MOST_ROWS` variants the first are drawn, and the title says
        so.
    """
    runs = runs.loc[runs["verdict"].isin(list(_VERDICT_STYLES))]
    if runs.empty:
        return None
    variants = [(str(variant), part) for variant, part in runs.groupby("label", sort=False)]
    title, variants = first_rows(title, len(variants)), variants[:MOST_ROWS]
    chart = RowChart()
    axes = chart.axes
    descriptions: list[str] = []
    end = 0.0
    for variant, part in variants:
        counts = {verdict: part.loc[part["verdict"] == verdict, "epoch"] for verdict in _VERDICT_STYLES}
        counts = {verdict: epochs for verdict, epochs in counts.items() if len(epochs)}
        words = [f"{len(epochs)} {verdict}{_when(epochs)}" for verdict, epochs in counts.items()]
        lines = textwrap.wrap("; ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in words), 40)
        y = end + max(1.0, _LINE * len(lines)) / 2
        end = 2 * y - end
        start = 0
        for verdict, epochs in counts.items():
            color, hatch = _VERDICT_STYLES[verdict]
            (bar,) = axes.barh(y, len(epochs), left=start, height=0.62, fc=color, ec=INK, hatch=hatch, lw=0.6)
            hover(bar, [f"{variant}: {len(epochs)} {verdict}{_when(epochs)}"])
            start += len(epochs)
        chart.row(y, label(variant, 28), "\n".join(lines))
        descriptions.append(f"{variant}: {', '.join(words)}")
    axes.set_xlim(0, max(len(part) for _, part in variants))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS, integer=True))
    axes.set_xlabel("runs; beside: the median epoch at which it happened")
    chart.finish(0, end, top=0.3)
    used = [verdict for verdict in _VERDICT_STYLES if any((part["verdict"] == verdict).any() for _, part in variants)]
    _verdict_key(chart.drawing, used)
    alt = f"Runs by verdict. {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(alt), chart.drawing)


def _verdict_key(drawing: Drawing, used: Sequence[str]) -> None:
    """Explain colours and hatches above the bars."""
    widths = [0.55 + widest([verdict], SMALL) for verdict in used]
    width, height = drawing.get_size_inches()
    x = (width - sum(widths)) / 2
    for verdict, step in zip(used, widths, strict=True):
        color, hatch = _VERDICT_STYLES[verdict]
        box = Rectangle((x, height - 0.2), 0.25, 0.12, transform=drawing.dpi_scale_trans)
        box.set(fc=color, ec=INK, hatch=hatch, lw=0.6)
        drawing.add_artist(box)
        x += step
    key(drawing, [({"ls": "none"}, verdict) for verdict in used], (width - sum(widths)) / 2, height - 0.055, widths)


def _when(epochs: pd.Series) -> str:
    known = epochs.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    return f" (epoch {np.median(known):.0f})" if len(known) else ""

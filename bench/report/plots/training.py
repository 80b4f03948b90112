"""Figures of training: learning curves, and the health of runs."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bench.report.plots.figure import Figure
from bench.report.plots.export import export
from bench.report.plots.style import (
    INK,
    MOST_VARIANTS,
    NEUTRAL,
    ROW_HEIGHT,
    STEPS,
    WIDE,
    Look,
    in_style,
    label,
    new_drawing,
    note,
    plain_log_axis,
    spans_decades,
)

_MOST_PANELS = 12
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
        The history of each seed of a variant, and of its twin, which is dashed.
    variant, twin : str
        What to call them.
    look : Look
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no run has a quantity. Of more than `_MOST_PANELS` quantities the first are drawn.
    """
    quantities = _quantities(runs)[:_MOST_PANELS]
    if not quantities:
        return None
    lengths = _lengths([*runs, *twin_runs])
    n_rows = math.ceil(len(quantities) / _COLUMNS)
    drawing = new_drawing(WIDE, 0.45 + 1.25 * n_rows)
    descriptions: list[str] = []
    lines: dict[str, Line2D] = {}
    for i, quantity in enumerate(quantities):
        axes = drawing.add_subplot(n_rows, _COLUMNS, i + 1)
        axes.set_title(label(quantity.replace("_", " "), 30, 1), loc="left")
        ours = _matrices(runs, quantity, lengths)
        theirs = _matrices(twin_runs, quantity, lengths)
        _value_axis(axes, np.concatenate([v[np.isfinite(v)] for v in (*ours.values(), *theirs.values())]))
        for which, values, dashes in ((twin, theirs, (3, 2)), (variant, ours, None)):
            means = _bands(axes, values, look.color, dashes)
            if means:
                lines[which] = axes.lines[-1]
        for end in list(accumulate(lengths.values()))[:-1]:
            axes.axvline(end + 0.5, color=INK, lw=0.6, alpha=0.5, ls=":")
        axes.set_xlim(_first(ours, theirs), None)
        descriptions.append(f"{quantity.replace('_', ' ')} {means[0]:.3g} to {means[-1]:.3g}")
        if i == 0 and len(lengths) > 1:
            _name_phases(axes, lengths)
        if i >= len(quantities) - _COLUMNS:
            axes.set_xlabel("epoch")
    if twin in lines:
        both = [lines[variant], lines[twin]]
        drawing.legend(both, [label(t, 50, 1) for t in (variant, twin)], loc="outside lower center", ncols=2)
    words = f"Means over {len(runs)} runs of {variant}, from first to last epoch: {'; '.join(descriptions)}."
    return export(drawing, name=name, title=title, alt=words)


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
    "partly collapsed": ("#E69F00", "///"),
    "collapsed": ("#D55E00", "xxx"),
    "failed": (NEUTRAL, "----"),
}
"""Colour and hatch of each verdict, in the order drawn: the hatch tells them apart where colours do not."""


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
        None if no run has one of the verdicts. Beyond `MOST_VARIANTS` variants the first are drawn, and the title says
        so.
    """
    runs = runs.loc[runs["verdict"].isin(list(_VERDICT_STYLES))]
    if runs.empty:
        return None
    variants = [(str(variant), part) for variant, part in runs.groupby("label", sort=False)]
    if len(variants) > MOST_VARIANTS:
        title = f"{title} (the first {MOST_VARIANTS} of {len(variants)} variants)"
        variants = variants[:MOST_VARIANTS]
    drawing = new_drawing(WIDE, 1)
    axes = drawing.add_subplot()
    descriptions: list[str] = []
    places: list[float] = []
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
            axes.barh(y, len(epochs), left=start, height=0.62, fc=color, ec=INK, hatch=hatch, lw=0.6)
            start += len(epochs)
        note(axes, "\n".join(lines), (1, y), (8, 0), axes.get_yaxis_transform())
        places.append(y)
        descriptions.append(f"{variant}: {', '.join(words)}")
    axes.set_yticks(places, [label(variant, 28) for variant, _ in variants])
    axes.set_ylim(end, 0)
    axes.set_xlim(0, max(len(part) for _, part in variants))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS, integer=True))
    axes.set_xlabel("runs; beside: the median epoch at which it happened")
    used = [verdict for verdict in _VERDICT_STYLES if any((part["verdict"] == verdict).any() for _, part in variants)]
    bars = [
        Patch(fc=_VERDICT_STYLES[verdict][0], ec=INK, hatch=_VERDICT_STYLES[verdict][1], lw=0.6) for verdict in used
    ]
    drawing.set_size_inches(WIDE, 0.9 + ROW_HEIGHT * end)
    drawing.legend(bars, used, loc="outside upper center", ncols=len(used), columnspacing=1.2, handlelength=1.6)
    return export(drawing, name=name, title=title, alt=f"Runs by verdict. {'; '.join(descriptions)}.")


def _when(epochs: pd.Series) -> str:
    known = epochs.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    return f" (epoch {np.median(known):.0f})" if len(known) else ""

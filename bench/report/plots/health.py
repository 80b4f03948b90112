"""Figure of what became of the runs of each variant, and when."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bench.report.document import Figure
from bench.report.plots.export import export
from bench.report.plots.style import INK, NEUTRAL, STEPS, WIDE, in_style, label, new_drawing, note

ROW = 0.33  # inches
LINE = 0.45  # of a row, one line of text
MOST_VARIANTS = 40

VERDICTS: dict[str, tuple[str, str]] = {
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
        One row a run: ``label`` (of its variant; drawn in order of appearance), ``verdict`` (one of `VERDICTS`),
        ``epoch`` (at which it went wrong; NaN where there is none).
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no run has one of the verdicts. Beyond `MOST_VARIANTS` variants the first are drawn, and the title says
        so.
    """
    runs = runs.loc[runs["verdict"].isin(list(VERDICTS))]
    if runs.empty:
        return None
    variants = [(str(variant), part) for variant, part in runs.groupby("label", sort=False)]
    if len(variants) > MOST_VARIANTS:
        title = f"{title} (the first {MOST_VARIANTS} of {len(variants)} variants)"
        variants = variants[:MOST_VARIANTS]
    drawing = new_drawing(WIDE, 1)
    axes = drawing.add_subplot()
    said: list[str] = []
    places: list[float] = []
    end = 0.0
    for variant, part in variants:
        counts = {verdict: part.loc[part["verdict"] == verdict, "epoch"] for verdict in VERDICTS}
        counts = {verdict: epochs for verdict, epochs in counts.items() if len(epochs)}
        words = [f"{len(epochs)} {verdict}{_when(epochs)}" for verdict, epochs in counts.items()]
        lines = textwrap.wrap("; ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in words), 40)
        y = end + max(1.0, LINE * len(lines)) / 2
        end = 2 * y - end
        start = 0
        for verdict, epochs in counts.items():
            color, hatch = VERDICTS[verdict]
            axes.barh(y, len(epochs), left=start, height=0.62, fc=color, ec=INK, hatch=hatch, lw=0.6)
            start += len(epochs)
        note(axes, "\n".join(lines), (1, y), (8, 0), axes.get_yaxis_transform())
        places.append(y)
        said.append(f"{variant}: {', '.join(words)}")
    axes.set_yticks(places, [label(variant, 28) for variant, _ in variants])
    axes.set_ylim(end, 0)
    axes.set_xlim(0, max(len(part) for _, part in variants))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS, integer=True))
    axes.set_xlabel("runs; beside: the median epoch at which it happened")
    used = [verdict for verdict in VERDICTS if any((part["verdict"] == verdict).any() for _, part in variants)]
    bars = [Patch(fc=VERDICTS[verdict][0], ec=INK, hatch=VERDICTS[verdict][1], lw=0.6) for verdict in used]
    drawing.set_size_inches(WIDE, 0.9 + ROW * end)
    drawing.legend(bars, used, loc="outside upper center", ncols=len(used), columnspacing=1.2, handlelength=1.6)
    return export(drawing, name=name, title=title, alt=f"Runs by verdict. {'; '.join(said)}.")


def _when(epochs: pd.Series) -> str:
    known = epochs.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    return f" (epoch {np.median(known):.0f})" if len(known) else ""

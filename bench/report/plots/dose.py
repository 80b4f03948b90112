"""The effect of noise against its dose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection

from bench.metrics import Metric
from bench.report.numbers import format_difference, format_interval, format_share
from bench.report.plots.axes import fit, new_axes, new_drawing
from bench.report.plots.figure import Figure
from bench.report.plots.style import (
    INK,
    KEY_ROW,
    NARROW,
    Look,
    hover,
    in_style,
    key,
    label,
    look_of,
    plain_log_axis,
    score_axis,
    spans_decades,
)
from bench.text import clean_name

#: Below this share doses are drawn at it: on the logarithmic axis they would be far from all others.
_LEAST = 1e-4


@in_style
def dose_response(
    rows: pd.DataFrame, metric: Metric, looks: Mapping[str, Look], *, name: str, title: str
) -> Figure | None:
    """Draw the difference that noise makes against its share of the variance of the codes, a line a method.

    Parameters
    ----------
    rows : DataFrame
        One row a configuration: ``line`` (which it is of), ``variant``, ``title``, ``latent_noise`` (a share),
        ``difference``, ``ci_low``, ``ci_high`` and ``outcome``, as the section `dose` has them.
    metric : Metric
    looks : mapping of str to Look
        By variant.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None with fewer than two doses that have a difference.
    """
    known = rows.loc[np.isfinite(rows["difference"].to_numpy(dtype=np.float64))]
    if len(known) < 2:
        return None
    keyed = KEY_ROW * known["line"].nunique() + 0.05
    drawing = new_drawing(NARROW * 1.25, 2.7 + keyed)
    axes = new_axes(drawing)
    axes.grid(axis="y")
    axes.axhline(0, color=INK, lw=0.8, zorder=1)
    words: list[str] = []
    entries: list[tuple[dict[str, Any], str]] = []
    for line, own in known.groupby("line", sort=False):
        look = look_of(looks, str(own["variant"].iloc[0]))
        x = _percent(own)
        y, low, high = (own[column].to_numpy(np.float64) for column in ("difference", "ci_low", "ci_high"))
        bounded = np.isfinite(low) & np.isfinite(high)
        ends = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)[bounded]
        axes.add_collection(LineCollection(list(ends), colors=look.color, linewidths=0.8))
        axes.plot(x, y, color=look.color, lw=1.0, zorder=2)
        (marks,) = axes.plot(x, y, **look.line(), zorder=3)
        texts = [
            f"{row['title']}: latent noise {format_share(row['latent_noise'])}, Δ{metric.title} "
            f"{format_difference(row['difference'], metric)} "
            f"{format_interval(row['ci_low'], row['ci_high'], metric)}".rstrip()
            + f", {row['outcome']}"
            for row in own.to_dict("records")
        ]
        hover(marks, texts)
        words += texts
        entries.append(({**look.line(), "color": look.color, "lw": 1.0}, label(str(line), 40, 1)))
    axes.margins(0.08, 0.12)
    if spans_decades(_percent(known), 10):
        plain_log_axis(axes, "x", _percent(known))
    score_axis(axes, metric, "y")
    axes.set_xlabel("noise, % of the variance of the codes")
    axes.set_ylabel(f"effect of noise on {metric.title}")
    fit(axes, bottom=keyed)
    key(drawing, entries, 0.3, keyed, (NARROW,))
    alt = f"Effect of noise on {metric.title} by its dose. {'; '.join(words)}."
    return Figure(name, clean_name(title), clean_name(alt), drawing)


def _percent(rows: pd.DataFrame) -> np.ndarray:
    return 100 * np.maximum(rows["latent_noise"].to_numpy(np.float64), _LEAST)

"""The one visual language of all figures: sizes, colours, markers, and how names and numbers are written on them."""

from __future__ import annotations

import functools
import math
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.metrics import Metric
from bench.metrics.registry import NOISE
from bench.report.numbers import format_score
from bench.report.plots.axes import STEPS, Words, drawing_of, plain_number
from bench.report.runs_frame import OF_PRIOR, contrast_pairs, one_run_per_variant, twin_pairs
from bench.text import clean_name

WIDE, NARROW = 7.0, 3.4
"""Widths in inches: a page, and a column of two."""

INK = "#0a0b0c"
"""Colour of text and axes: near black in print; the export turns exactly this into ``currentColor``."""

NEUTRAL = "#8a8a8a"
"""Grey that stands out on white and on black alike."""

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C48700", "#2F9BD8")
"""Colours that differ for all kinds of colour vision, less black and yellow: each is lost on one of the two pages.

Orange and sky blue are darker than Okabe and Ito have them, so that all have a contrast of 3 with both pages.
"""

BETTER, WORSE = "#0072B2", "#D55E00"
FONT, SMALL = 8.5, 8.0

MANY = 300
"""Points beyond which they are drawn as pixels inside the SVG, that it may stay small."""


_CHANGES: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "axes.titlesize": FONT,
    "axes.labelsize": FONT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # so that nothing looks for a better place
    "axes.titlepad": 3.0,
    "axes.labelpad": 3.0,
    "lines.linewidth": 1.2,
    "lines.markersize": 5.0,
    "path.simplify": False,
    "text.parse_math": False,  # names hold what they hold: "$x$" is no formula
    "svg.fonttype": "none",
    "svg.hashsalt": "deepclustbench",
}
# From matplotlib's own defaults, so that a user's matplotlibrc does not reach a report.
_STYLE: dict[Any, Any] = {key: value for key, value in mpl.rcParamsDefault.items() if "backend" not in key} | _CHANGES

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_style(plot: Callable[_P, _R]) -> Callable[_P, _R]:
    """Draw and export within the style, and leave matplotlib's settings as they were."""

    @functools.wraps(plot)
    def styled(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with mpl.rc_context(_STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # names may hold letters that no font here has
            return plot(*args, **kwargs)

    return styled


@dataclass(frozen=True)
class Look:
    """How a variant is drawn, the same in every figure.

    Attributes
    ----------
    color, marker : str
        A circle is stochastic, a square deterministic.
    filled : bool
        False for a counterpart, which has the colour of its stochastic variant.
    """

    color: str = NEUTRAL
    marker: str = "s"
    filled: bool = True

    @property
    def face(self) -> str:
        """Fill of the marker."""
        return self.color if self.filled else "none"

    def line(self) -> dict[str, Any]:
        """Return what ``Axes.plot`` needs to draw unconnected markers."""
        return {"color": self.color, "marker": self.marker, "mfc": self.face, "mec": self.color, "ls": "none"}


def looks_of(frame: pd.DataFrame) -> dict[str, Look]:
    """Return the look of every variant.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, as `bench.report.runs_frame` describes; of all data sets, so that a colour means one thing.
    """
    pairs, _ = twin_pairs(frame)
    group = {twin: twin for _, twin in pairs} | dict(pairs)  # variants that share a twin share a colour
    group |= {pair.a: group[pair.b] for pair in contrast_pairs(frame) if pair.question == OF_PRIOR}
    looks: dict[str, Look] = {}
    colors: dict[str, str] = {}
    firsts = one_run_per_variant(frame)
    for name, kind in zip(firsts["variant"], firsts["kind"], strict=True):
        stochastic = kind == "stochastic"
        if stochastic or name in group:
            color = colors.setdefault(group.get(name, name), OKABE_ITO[len(colors) % len(OKABE_ITO)])
            looks[name] = Look(color, "o", True) if stochastic else Look(color, "s", False)
        else:
            looks[name] = Look()
    return looks


def look_of(looks: Mapping[str, Look], variant: str) -> Look:
    """Return the look of a variant, a neutral one where it has none."""
    return looks.get(variant, Look())


def label(name: str, width: int = 34, lines: int = 2) -> str:
    """Write a name on at most ``lines`` lines, its middle left out where that does not suffice."""
    text = clean_name(name) or "(no name)"
    most = width * lines
    if len(text) > most:
        text = f"{text[: most // 2 - 2]} … {text[-(most // 2 - 2) :]}"
    return "\n".join(textwrap.wrap(text, width)[: lines + 1])


def cluster_names(labels: np.ndarray) -> list[str]:
    """Return what the groups that occur in labels (n_samples,) are called, in their ascending order."""
    return ["noise" if cluster == NOISE else str(cluster) for cluster in np.unique(labels)]


def note(
    axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], coords: Any = None, **style: Any
) -> None:
    """Write a text at a place of the axes, moved by an offset in points."""
    coords = axes.transData if coords is None else coords
    axes.add_artist(Words([at], [text], coords, **{"size": SMALL, "color": INK, "offset": offset, **style}))


MOST_HOVERED = 500
"""Points of a figure that have a text of their own; with more nobody finds one, and they would be most of a page."""

_HOVER: WeakKeyDictionary[Drawing, dict[str, tuple[str, ...]]] = WeakKeyDictionary()


def hover(artist: Artist, texts: Sequence[str]) -> None:
    """Show a text for each marker of a line, or for a patch, where the pointer rests on it.

    Parameters
    ----------
    artist : Artist
        In a drawing.
    texts : sequence of str
        In the order of the points. With more than `MOST_HOVERED` in one drawing none is shown.
    """
    drawing = drawing_of(artist)
    known = _HOVER.setdefault(drawing, {})
    if len(texts):
        artist.set_gid(f"points-{len(known)}")
        known[f"points-{len(known)}"] = tuple(map(clean_name, texts))


def hover_texts(drawing: Drawing) -> Mapping[str, Sequence[str]]:
    """Return what `hover` was given, by the ``gid`` of the artist."""
    texts = _HOVER.get(drawing, {})
    return texts if sum(map(len, texts.values())) <= MOST_HOVERED else {}


def key(
    drawing: Drawing, entries: Sequence[tuple[dict[str, Any], str]], left: float, top: float, widths: Sequence[float]
) -> None:
    """Explain lines and markers, in inches of the drawing.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
    entries : sequence of (dict, str)
        The style of a line, as ``Line2D`` takes it, and its name. They fill one column after the other.
    left, top : float
        Corner of the first.
    widths : sequence of float
        Of the columns.
    """
    rows = math.ceil(len(entries) / len(widths))
    places = []
    for i, (style, _) in enumerate(entries):
        x, y = left + sum(widths[: i // rows]), top - KEY_ROW * (i % rows + 0.5)
        places.append((x + 0.34, y))
        line = Line2D([x + 0.02, x + 0.15, x + 0.28], [y] * 3, transform=drawing.dpi_scale_trans, markevery=[1])
        line.set(**style)
        drawing.add_artist(line)
    texts = [text for _, text in entries]
    drawing.add_artist(Words(places, texts, drawing.dpi_scale_trans, size=SMALL, color=INK))


KEY_ROW = 0.17
"""Height of an entry of a key, in inches."""


def dots(axes: Axes, points: np.ndarray, color: str, size: float = 2.6, alpha: float = 0.6) -> None:
    """Draw points (n, 2) as one path of lines too short to see, with round ends: a tenth of the bytes of markers."""
    vertices = np.repeat(points, 2, axis=0)
    vertices[1::2, 0] += 1e-4 * np.ptp(points[:, 0]) + 1e-9
    codes = np.tile([Path.MOVETO, Path.LINETO], len(points))
    style = {"capstyle": "round", "lw": size, "alpha": alpha, "edgecolor": color, "facecolor": "none"}
    # Snapped to pixels they would have no length, and vanish.
    axes.add_artist(PathPatch(Path(vertices, codes), snap=False, **style))
    axes.update_datalim(points)  # as add_patch does, which looks at every line for a curve


def score_axis(axes: Axes, metric: Metric, which: str = "x") -> None:
    """Write a metric's ticks as the tables write its scores, with as many digits as the ticks need."""
    axis = axes.xaxis if which == "x" else axes.yaxis

    def write(value: float, _: int | None = None) -> str:
        if not metric.unit_scale:
            return format_score(value, metric)
        text = format_score(value, metric)
        return text.rstrip("0").rstrip(".").replace("-", "−") or "0"

    axis.set_major_formatter(FuncFormatter(write))


def plain_log_axis(axes: Axes, which: str, values: np.ndarray) -> None:
    """Make an axis logarithmic, its ticks plain numbers, as many as the values to be shown span."""
    getattr(axes, f"set_{which}scale")("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    positive = values[np.isfinite(values) & (values > 0)]
    decades = math.log10(positive.max() / positive.min()) if len(positive) else 1.0
    few = LogLocator(subs=(1, 2, 5) if decades < 1.2 else (1, 3) if decades < 2 else (1,))
    axis.set_major_locator(MaxNLocator(4, steps=STEPS) if decades < 0.8 else few)
    axis.set_major_formatter(FuncFormatter(plain_number))
    axis.set_minor_locator(NullLocator())


def spans_decades(values: Any, factor: float) -> bool:
    """Return whether positive values differ by more than a factor, so that a log axis shows them best."""
    return len(values) > 0 and min(values) > 0 and max(values) > factor * min(values)

"""Axes that are quick to make and to draw: ticks are texts and lines, not objects, and margins are worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist, allow_rasterization
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure as Drawing
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator
from matplotlib.transforms import IdentityTransform, Transform

from bench.report.plots.svg import SvgRenderer, text_extent

STEPS = (1, 2, 5, 10)
"""Between ticks, in any power of ten."""

_FAMILY = "DejaVu Sans"
_LINE = 1.2
"""Height of a line of text, of its size."""
_PAD = 3.0
"""Between ticks, their labels and the label of the axis, in points."""
_EDGE = 3.0
"""Between what is drawn and the edge of the drawing, in points."""


def widest(texts: Iterable[str], size: float, weight: str = "normal") -> float:
    """Return the width of the widest line of some texts, in inches."""
    font = FontProperties(family=_FAMILY, size=size, weight=weight)
    return max((text_extent(line, font)[0] for text in texts for line in text.splitlines() if line), default=0.0) / 72


def plain_number(value: float, _: int | None = None) -> str:
    """Write a tick: no offset, no power of ten beside the axis."""
    return f"{value:.6g}".replace("e+0", "e").replace("e-0", "e−").replace("-", "−")


class Words(Artist):
    """Many texts of one style.

    Parameters
    ----------
    places : array-like of shape (n, 2)
        In the coordinates of ``transform``, x and y.
    texts : sequence of str
        One or several lines each.
    transform : matplotlib.transforms.Transform
    ha : {"left", "center", "right"}
    va : {"center", "top", "bottom"}
    offset : tuple of float, or array-like of shape (n, 2)
        In points.
    size : float
        In points.
    color : str or sequence of str
    weight : str
    """

    def __init__(
        self,
        places: Any,
        texts: Sequence[str],
        transform: Transform,
        *,
        size: float,
        color: Any,
        ha: str = "left",
        va: str = "center",
        offset: Any = (0.0, 0.0),
        weight: str = "normal",
        alpha: float = 1.0,
    ) -> None:
        super().__init__()
        self._places, self.texts = np.asarray(places, dtype=np.float64).reshape(-1, 2), list(texts)
        self.set_transform(transform)
        self._font = FontProperties(family=_FAMILY, size=size, weight=weight)
        self._colors = [color] * len(self.texts) if isinstance(color, str) else list(color)
        self._ha, self._va, self._ink_alpha = ha, va, alpha
        self._offsets = np.broadcast_to(np.asarray(offset, dtype=np.float64), self._places.shape)
        self.set_zorder(3)

    @allow_rasterization
    def draw(self, renderer: RendererBase) -> None:
        """Write every text."""
        if not self.get_visible():
            return
        gc = renderer.new_gc()
        gc.set_alpha(self._ink_alpha)
        pixels = self.get_transform().transform(self._places) + _pixels(renderer, 1.0) * self._offsets
        for (x, y), text, color in zip(pixels.tolist(), self.texts, self._colors, strict=True):
            gc.set_foreground(color)
            _write(renderer, gc, x, y, text, self._font, self._ha, self._va)
        gc.restore()


def _pixels(renderer: RendererBase, points: float) -> float:
    return float(renderer.points_to_pixels(points))  # type: ignore[arg-type]


def _write(
    renderer: RendererBase, gc: Any, x: float, y: float, text: str, font: FontProperties, ha: str, va: str
) -> None:
    """Write lines of text; y grows upwards, as in the coordinates of figures."""
    height = renderer.get_canvas_width_height()[1]
    size = _pixels(renderer, font.get_size_in_points())
    lines = text.split("\n")
    more = (len(lines) - 1) * _LINE * size
    base = y + {"center": more / 2 - 0.36 * size, "top": -0.8 * size, "bottom": more + 0.2 * size}[va]
    for i, line in enumerate(lines):
        at = height - (base - i * _LINE * size)
        if isinstance(renderer, SvgRenderer):
            renderer.write(gc, x, at, line, font, 0, ha)
        else:
            width = renderer.get_text_width_height_descent(line, font, False)[0]
            renderer.draw_text(gc, x - {"left": 0, "center": width / 2, "right": width}[ha], at, line, font, 0)


class _Ruler(Axis):
    """An axis without tick objects: where its locator and formatter put ticks, lines and texts are drawn."""

    axis_name: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._marks: dict[str, Any] = {"length": 2.5, "labels": True, "far": False, "grid": False, "size": 8.0}
        super().__init__(*args, **kwargs)

    def clear(self) -> None:
        """Forget everything that was set."""
        super().clear()
        # Ticks that do not depend on the size of the axes: margins are known before it is.
        self.set_major_locator(MaxNLocator(6, steps=STEPS))
        self.set_major_formatter(FuncFormatter(plain_number))

    def set_tick_params(self, which: str = "major", reset: bool = False, **kwargs: Any) -> None:  # noqa: ARG002
        """Set length, labelsize, and on which side ticks and their labels are."""
        near, far = ("bottom", "top") if self.axis_name == "x" else ("left", "right")
        marks = self._marks
        marks["length"] = kwargs.get("length", marks["length"])
        marks["size"] = kwargs.get("labelsize", marks["size"])
        if kwargs.get(f"label{far}") or kwargs.get(far):
            marks["far"] = True
        elif kwargs.get(f"label{near}") or kwargs.get(near):
            marks["far"] = False
        if f"label{near}" in kwargs or f"label{far}" in kwargs:
            marks["labels"] = bool(kwargs.get(f"label{near}") or kwargs.get(f"label{far}"))

    def get_ticks_position(self) -> str:
        """Return the side on which the ticks are."""
        sides = ("bottom", "top") if self.axis_name == "x" else ("left", "right")
        return sides[self._marks["far"]]

    def grid(self, visible: bool | None = None, which: str = "major", **kwargs: Any) -> None:  # noqa: ARG002
        """Show the lines of the grid, or hide them."""
        self._marks["grid"] = not self._marks["grid"] if visible is None and not kwargs else visible is not False

    def set_clip_path(self, path: Any, transform: Transform | None = None) -> None:
        """Clip the axis as a whole: it has no ticks to pass it on to."""
        Artist.set_clip_path(self, path, transform)

    def set_ticks(self, ticks: Any, labels: Any = None, *, minor: bool = False, **kwargs: Any) -> list[Any]:  # noqa: ARG002
        """Set the places of ticks and what is written there; the limits stay as they are."""
        if minor:
            return []
        self.set_major_locator(FixedLocator(np.asarray(ticks, dtype=np.float64).tolist()))
        if labels is not None:
            self.set_major_formatter(FixedFormatter(list(labels)))
        self.stale = True
        return []

    def shown_ticks(self) -> tuple[np.ndarray, list[str]]:
        """Return the places of the ticks within the limits, and what is written there."""
        places = np.asarray(self.get_majorticklocs(), dtype=np.float64)
        texts = list(self.get_major_formatter().format_ticks(places.tolist()))
        low, high = sorted(self.get_view_interval())
        slack = 1e-9 * (high - low)
        inside = (places >= low - slack) & (places <= high + slack)
        return places[inside], [text for text, within in zip(texts, inside, strict=True) if within]

    def room(self) -> dict[str, float]:
        """Return what ticks, their labels and the label of the axis take beside the axes, in inches by side."""
        if not self.get_visible():
            return {}
        room = {self.get_ticks_position(): (self._marks["length"] + self._depth(self.shown_ticks()[1])) / 72}
        if text := self.label.get_text():
            side = self.get_label_position()
            lines = _PAD + _LINE * float(self.label.get_fontsize()) * (text.count("\n") + 1)
            room[side] = room.get(side, 0.0) + lines / 72
        return room

    def _depth(self, texts: Sequence[str]) -> float:
        """Return what the labels of the ticks take, in points."""
        size = self._marks["size"]
        if not (self._marks["labels"] and any(texts)):
            return 0.0
        if self.axis_name == "y":
            return _PAD + widest(texts, size) * 72
        return _PAD + _LINE * size * (max(text.count("\n") for text in texts) + 1)

    def get_tightbbox(self, renderer: Any = None, *, for_layout_only: bool = False) -> None:  # noqa: ARG002
        """Return nothing: margins are worked out by `fit`."""
        return

    @allow_rasterization
    def draw(self, renderer: RendererBase) -> None:
        """Draw grid, ticks, their labels, and the label of the axis."""
        if not self.get_visible():
            return
        along_x, marks, box = self.axis_name == "x", self._marks, self.axes.bbox
        places, texts = self.shown_ticks()
        ends = np.tile(self.axes.transData.inverted().transform((box.x0, box.y0)), (len(places), 1))
        ends[:, 0 if along_x else 1] = places
        at = self.axes.transData.transform(ends)[:, 0 if along_x else 1] if len(places) else np.empty(0)
        near, beyond = (box.y0, box.y1) if along_x else (box.x0, box.x1)
        start, out = (beyond, 1) if marks["far"] else (near, -1)
        length, pad = _pixels(renderer, marks["length"]), _pixels(renderer, _PAD)
        gc = renderer.new_gc()
        ink = self.label.get_color()
        gc.set_foreground(ink)
        if marks["grid"] and len(at):
            gc.set_linewidth(0.5)
            gc.set_alpha(0.12)
            renderer.draw_path(gc, _lines(at, near, beyond, along_x), IdentityTransform())
            gc.set_alpha(1)
        if length and len(at):
            gc.set_linewidth(0.6)
            renderer.draw_path(gc, _lines(at, start, start + out * length, along_x), IdentityTransform())
        edge = start + out * length
        if marks["labels"]:
            font = FontProperties(family=_FAMILY, size=marks["size"])
            for place, text in zip(at.tolist(), texts, strict=True):
                if text and along_x:
                    _write(renderer, gc, place, edge + out * pad, text, font, "center", "bottom" if out > 0 else "top")
                elif text:
                    _write(renderer, gc, edge + out * pad, place, text, font, "left" if out > 0 else "right", "center")
            edge += out * _pixels(renderer, self._depth(texts))
        gc.restore()
        if self.label.get_text():
            far = self.get_label_position() in ("top", "right")
            if far != marks["far"]:
                edge, out = (beyond, 1) if far else (near, -1)
            edge += out * pad
            self.label.set_position((0.5, edge) if along_x else (edge, 0.5))
            self.label.draw(renderer)
        self.stale = False


def _lines(at: np.ndarray, start: float, end: float, along_x: bool) -> Path:
    """Return a line across the axis at each place, as one path."""
    vertices = np.empty((2 * len(at), 2))
    vertices[:, 0 if along_x else 1] = np.repeat(at, 2)
    vertices[:, 1 if along_x else 0] = np.tile([start, end], len(at))
    return Path(vertices, np.tile([Path.MOVETO, Path.LINETO], len(at)))


class _XRuler(_Ruler, XAxis):  # type: ignore[misc]  # matplotlib has no type for one method
    pass


class _YRuler(_Ruler, YAxis):  # type: ignore[misc]
    pass


class PlainAxes(Axes):
    """Axes of a report: those of matplotlib with quicker ticks."""

    name = "plain"
    xaxis: _XRuler
    yaxis: _YRuler

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _XRuler(self, clear=False), _YRuler(self, clear=False)
        self.spines.bottom.register_axis(self.xaxis)
        self.spines.top.register_axis(self.xaxis)
        self.spines.left.register_axis(self.yaxis)
        self.spines.right.register_axis(self.yaxis)


def new_drawing(width: float, height: float) -> Drawing:
    """Return an empty drawing, in inches."""
    return Drawing(figsize=(width, height))


def drawing_of(artist: Artist) -> Drawing:
    """Return the drawing that an artist is in.

    Raises
    ------
    ValueError
        If it is in none.
    """
    drawing = artist.get_figure(root=True)
    if drawing is None:
        raise ValueError(f"{artist} is in no drawing")
    return drawing


def new_axes(drawing: Drawing, *, hidden: str = "") -> PlainAxes:
    """Return axes that fill a drawing until `fit` gives them their place; those ("x", "y") named are not drawn."""
    axes = PlainAxes(drawing, (0.0, 0.0, 1.0, 1.0))
    drawing.add_axes(axes)
    for spine in axes.spines.values():
        spine.get_spine_transform()  # which puts it at its edge; matplotlib's ticks would do so
    for which in hidden:
        getattr(axes, f"{which}axis").set_visible(False)
    return axes


def fit(
    axes: PlainAxes,
    *,
    left: float = 0.0,
    right: float = 0.0,
    bottom: float = 0.0,
    top: float = 0.0,
    within: tuple[float, float, float, float] | None = None,
) -> None:
    """Give axes the whole drawing, less what their ticks and labels take.

    Parameters
    ----------
    axes : PlainAxes
    left, right, bottom, top : float
        What else is to stand beside them, in inches.
    within : tuple of float, optional
        Left, bottom, right and top of the part of the drawing that is theirs, in inches.
    """
    width, height = drawing_of(axes).get_size_inches()
    x0, y0, x1, y1 = within or (0.0, 0.0, float(width), float(height))
    edge = _EDGE / 72
    room = dict.fromkeys(("left", "right", "bottom", "top"), edge)
    for axis in (axes.xaxis, axes.yaxis):
        for side, more in axis.room().items():
            room[side] += more
    if axes.get_title(loc="left"):
        room["top"] += (_LINE * float(axes.title.get_fontsize()) + _PAD) / 72
    x0, x1 = x0 + room["left"] + left, x1 - room["right"] - right
    y0, y1 = y0 + room["bottom"] + bottom, y1 - room["top"] - top
    axes.set_position((x0 / width, y0 / height, max(x1 - x0, 0.2) / width, max(y1 - y0, 0.1) / height))

"""A drawing written down as SVG: each command of matplotlib becomes one element, and nothing is drawn twice."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties, findfont, get_font, weight_dict
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

_LONG = 60
"""Points of a path from which a tenth of a point is fine enough: less than the width of any line."""

_DOT = 0.06
"""Length of a line alone, in points, below which it is a dot if its ends are round."""

_MOST_MARKERS = 300
"""Of one line, without texts of their own; more are one path of dots."""

_LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
_ANCHORS = {"left": "", "center": "; text-anchor: middle", "right": "; text-anchor: end"}
_HATCH = 72  # points: the side of the tile that matplotlib's hatches are made for


@functools.lru_cache(maxsize=8192)
def _measure(text: str, file: str, size: float) -> tuple[float, float, float]:
    font = get_font(file)
    font.set_size(size, 72)
    font.set_text(text, 0)
    width, height = font.get_width_height()
    return width / 64, height / 64, font.get_descent() / 64


def text_extent(text: str, font: FontProperties) -> tuple[float, float, float]:
    """Return width, height and descent of one line of text, in points."""
    return _measure(text, findfont(font), font.get_size_in_points())


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:g}"


class SvgRenderer(RendererBase):
    """Write what matplotlib draws as SVG, at 72 dots an inch.

    Parameters
    ----------
    width, height : float
        In points.
    name : str
        Every id begins with it.
    ink : str
        The colour, as ``#rrggbb``, that is written as ``currentColor``.
    hover_texts : mapping of str to sequence of str
        By the ``gid`` of an artist, the text of each of its markers, or of its one patch.
    """

    def __init__(
        self, width: float, height: float, name: str, ink: str, hover_texts: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__()
        self._width, self._height, self._name, self._ink = width, height, name, ink
        self._flip = Affine2D().scale(1, -1).translate(0, height)
        self._hover_texts = hover_texts
        self._groups: list[Sequence[str]] = []
        self._ids: dict[Any, str] = {}
        self._elements: list[str] = []

    def svg(self, alt: str) -> str:
        """Return what was drawn as one element, described by a text."""
        width, height = _number(self._width), _number(self._height)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
                f'viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(alt)} '
                "font-family=\"'DejaVu Sans', Verdana, sans-serif\" "
                'style="stroke-linejoin: round; stroke-linecap: butt">',
                *self._elements,
                "</svg>",
            ]
        )

    def get_canvas_width_height(self) -> tuple[float, float]:  # noqa: D102 - as in the base class
        return self._width, self._height

    def get_text_width_height_descent(  # noqa: D102
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        if ismath:
            return super().get_text_width_height_descent(s, prop, ismath)
        return text_extent(s, prop)

    def option_scale_image(self) -> bool:  # noqa: D102
        return True

    def option_image_nocomposite(self) -> bool:  # noqa: D102
        return True

    def open_group(self, s: str, gid: str | None = None) -> None:  # noqa: D102, ARG002
        self._groups.append(self._hover_texts.get(gid, ()) if gid else ())

    def close_group(self, s: str) -> None:  # noqa: D102, ARG002
        self._groups.pop()

    def draw_path(  # noqa: D102
        self, gc: GraphicsContextBase, path: Path, transform: Transform, rgbFace: Any = None
    ) -> None:
        style = self._style(gc, rgbFace)
        # What is filled is not cut at the edge of the drawing: its outline would run along the edge.
        inside = (0, 0, self._width, self._height) if "fill: none" in style else None
        shape = self._shape(path, transform + self._flip, inside)
        if shape and style != "fill: none":
            texts = self._groups[-1] if self._groups else ()
            ending = f"><title>{escape(texts[0])}</title></path>" if len(texts) == 1 else "/>"
            self._elements.append(f'<path d="{shape}"{self._clip(gc)} style="{style}"{ending}')

    def draw_markers(  # noqa: D102
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,
    ) -> None:
        places = (trans + self._flip).transform(path.vertices)
        if not len(places):
            return
        texts = self._groups[-1] if self._groups else ()
        if not texts and len(places) > _MOST_MARKERS:
            self._draw_dots(gc, marker_trans.transform_path(marker_path).get_extents().width, places, rgbFace)
            return
        shape = self._shape(marker_path, marker_trans + Affine2D().scale(1, -1), None)
        marker = self._id("m", shape, f'<path id="{{}}" d="{shape}"/>')
        self._elements.append(f'<g{self._clip(gc)} style="{self._style(gc, rgbFace)}">')
        for i, (x, y) in enumerate(places.tolist()):
            if -9 < x < self._width + 9 and -9 < y < self._height + 9:  # False for what is not finite
                use = f'<use href="#{marker}" x="{_number(x)}" y="{_number(y)}"'
                self._elements.append(f"{use}><title>{escape(texts[i])}</title></use>" if texts else f"{use}/>")
        self._elements.append("</g>")

    def _draw_dots(self, gc: GraphicsContextBase, size: float, places: np.ndarray, face: Any) -> None:
        """Write many markers as one path of dots: an element for each would be most of the page."""
        inside = (places > -9).all(axis=1) & (places < (self._width + 9, self._height + 9)).all(axis=1)
        dots = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in places[inside].tolist())
        filled = face is not None and (len(face) < 4 or face[3] > 0)
        color = face if filled else gc.get_rgb()
        alpha = gc.get_alpha() if gc.get_forced_alpha() else color[3] if len(color) > 3 else 1
        style = f"fill: none; stroke: {self._color(color)}; stroke-width: {_number(size)}; stroke-linecap: round"
        style += f"; opacity: {_number(alpha)}" if alpha != 1 else ""
        self._elements.append(f'<path d="{dots}"{self._clip(gc)} style="{style}"/>')

    def draw_text(  # noqa: D102
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        if ismath:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # as a path
        else:
            anchor = mtext.get_horizontalalignment() if mtext else "left"
            along = {"left": 0.0, "center": 0.5, "right": 1.0}[anchor] * text_extent(s, prop)[0]
            x, y = x + along * np.cos(np.radians(angle)), y - along * np.sin(np.radians(angle))
            self.write(gc, x, y, s, prop, angle, anchor)

    def write(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: FontProperties, angle: float, anchor: str
    ) -> None:
        """Write a line of text whose left or right end or centre, its anchor, is at a place, whatever the font."""
        color = gc.get_rgb()
        style = f"font-size: {_number(prop.get_size_in_points())}px"
        weight = prop.get_weight()
        weight = weight_dict.get(weight, weight) if isinstance(weight, str) else weight
        style += f"; font-weight: {weight}" if weight != 400 else ""
        style += f"; font-style: {prop.get_style()}" if prop.get_style() != "normal" else ""
        style += f"; fill: {self._color(color)}{_ANCHORS[anchor]}"
        alpha = gc.get_alpha() if gc.get_forced_alpha() else color[3] if len(color) > 3 else 1
        style += f"; opacity: {_number(alpha)}" if alpha != 1 else ""
        at = f'x="{_number(x)}" y="{_number(y)}"'
        turned = f' transform="rotate({_number(-angle)} {_number(x)} {_number(y)})"' if angle else ""
        self._elements.append(f'<text {at}{turned} style="{style}">{escape(s)}</text>')

    def draw_image(  # noqa: D102
        self, gc: GraphicsContextBase, x: float, y: float, im: Any, transform: Any = None
    ) -> None:
        height, width = im.shape[:2]
        if not width or not height:
            return
        file = io.BytesIO()
        Image.fromarray(im).save(file, format="png")
        place: Any = Affine2D() if transform is None else Affine2D().scale(1 / width, 1 / height) + transform
        matrix = (place + Affine2D().translate(x, y) + self._flip).get_matrix()[:2].T.ravel()
        numbers = " ".join(f"{round(float(value), 4) + 0.0:g}" for value in matrix)
        opacity = f'opacity="{_number(gc.get_alpha())}" ' if gc.get_alpha() not in (None, 1) else ""
        image = (
            f'<image width="{width}" height="{height}" transform="matrix({numbers})" {opacity}'
            'style="image-rendering: crisp-edges; image-rendering: pixelated" '
            f'href="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"/>'
        )
        clip = self._clip(gc)
        # On the image itself the region would be moved with it.
        self._elements.append(f"<g{clip}>{image}</g>" if clip else image)

    def _id(self, kind: str, key: Any, element: str) -> str:
        """Return the id of an element to be referred to, written where it is first needed."""
        if (kind, key) not in self._ids:
            self._ids[kind, key] = f"{self._name}-{kind}{len(self._ids)}"
            self._elements.append(f"<defs>{element.format(self._ids[kind, key])}</defs>")
        return self._ids[kind, key]

    def _color(self, rgb: Any) -> str:
        color = to_hex(rgb)
        return "currentColor" if color == self._ink else color

    def _style(self, gc: GraphicsContextBase, face: Any) -> str:
        alpha = gc.get_alpha() if gc.get_forced_alpha() else None
        if gc.get_hatch() is not None:
            style = [f"fill: url(#{self._hatch(gc, face)})"]
        elif face is None or (len(face) > 3 and face[3] == 0):
            style = ["fill: none"]
        else:
            style = [f"fill: {self._color(face)}"]
            if len(face) > 3 and face[3] != 1 and alpha is None:
                style += [f"fill-opacity: {_number(face[3])}"]
        width, line = gc.get_linewidth(), gc.get_rgb()
        if width and line[3]:
            offset, dashes = gc.get_dashes()
            if dashes is not None:
                style += [f"stroke-dasharray: {','.join(map(_number, np.asarray(dashes, dtype=np.float64).tolist()))}"]
                style += [f"stroke-dashoffset: {_number(offset)}"] if offset else []
            style += [f"stroke: {self._color(line)}"]
            if line[3] != 1 and alpha is None:
                style += [f"stroke-opacity: {_number(line[3])}"]
            style += [f"stroke-width: {_number(width)}"] if width != 1 else []
            join, cap = gc.get_joinstyle(), gc.get_capstyle()
            style += [f"stroke-linejoin: {join}"] if join != "round" else []
            style += [f"stroke-linecap: {'square' if cap == 'projecting' else cap}"] if cap != "butt" else []
        if alpha is not None and alpha != 1 and style != ["fill: none"]:
            style += [f"opacity: {_number(alpha)}"]
        return "; ".join(style)

    def _hatch(self, gc: GraphicsContextBase, face: Any) -> str:
        shape = self._shape(gc.get_hatch_path(), Affine2D().scale(_HATCH, -_HATCH).translate(0, _HATCH), None)
        color, fill = self._color(gc.get_hatch_color()), "none" if face is None else self._color(face)
        return self._id(
            "h",
            (shape, color, None if face is None else tuple(face)),
            f'<pattern id="{{}}" patternUnits="userSpaceOnUse" width="{_HATCH}" height="{_HATCH}">'
            f'<rect width="{_HATCH + 1}" height="{_HATCH + 1}" fill="{fill}"/>'
            f'<path d="{shape}" style="fill: {color}; stroke: {color}; '
            f'stroke-width: {_number(gc.get_hatch_linewidth())}; stroke-linejoin: miter"/></pattern>',
        )

    def _clip(self, gc: GraphicsContextBase) -> str:
        """Return the attribute that cuts an element off at the edge of its axes."""
        path, transform = gc.get_clip_path()
        rectangle = gc.get_clip_rectangle()
        if isinstance(path, Path) and transform is not None:
            region = f'<path d="{self._shape(path, transform + self._flip, None)}"/>'
        elif rectangle is not None:
            x, y, width, height = map(float, rectangle.bounds)
            corner = f'x="{_number(x)}" y="{_number(self._height - y - height)}"'
            region = f'<rect {corner} width="{_number(width)}" height="{_number(height)}"/>'
        else:
            return ""
        identity = self._id("c", region, f'<clipPath id="{{}}">{region}</clipPath>')
        return f' clip-path="url(#{identity})"'

    @staticmethod
    def _shape(path: Path, transform: Transform, inside: tuple[float, float, float, float] | None) -> str:
        """Return a path's data in few bytes; a line that goes nowhere, a dot if its ends are round, is ``h0``."""
        clean = path.cleaned(transform=transform, remove_nans=True, clip=inside, curves=True)
        codes, vertices = np.asarray(clean.codes).tolist(), np.asarray(clean.vertices)
        plain = len(codes) > _LONG and not {Path.CURVE3, Path.CURVE4} & set(codes)
        parts: list[str] = []
        last = None
        short = np.abs(np.diff(vertices, axis=0)).max(axis=1, initial=0) < _DOT
        rounded = (np.round(vertices, 1 if plain else 2) + 0.0).tolist()
        for i, (code, (x, y)) in enumerate(zip(codes, rounded, strict=True)):
            if code == Path.STOP:
                break
            if code == Path.CLOSEPOLY:
                parts.append("Z")
                last = None
                continue
            place = f"{x:g} {y:g}"
            if code == Path.LINETO and last == Path.MOVETO and codes[i + 1] != Path.LINETO and short[i - 1]:
                parts.append("h0")
                last = None
            elif code == last and code != Path.MOVETO and (plain or code != Path.LINETO):
                parts.append(place)
            elif code == Path.LINETO and last == Path.MOVETO and plain:
                parts.append(place)
                last = code
            else:
                parts.append(f"{_LETTERS[code]} {place}")
                last = code
        return " ".join(parts).replace(" h0", "h0")

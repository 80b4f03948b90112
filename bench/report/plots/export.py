"""A drawing as SVG for pages in light and dark, and as PNG for print."""

from __future__ import annotations

import hashlib
import io
import re

from matplotlib.artist import Artist
from matplotlib.figure import Figure as Drawing

from bench.report.plots.style import INK, hover_texts, in_style
from bench.report.plots.svg import SvgRenderer

_PNG_DPI = 200


def figure_name(*parts: str) -> str:
    """Return a file name for parts that may hold anything; different parts get different names."""
    joined = "-".join(parts)
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", joined).strip("-.")[:80]
    # Lower case names of their own, since some file systems hold "A" and "a" for one.
    if plain == joined and joined == joined.lower() and not any("-" in part for part in parts):
        return plain
    return f"{plain}-{hashlib.sha256(repr(parts).encode(errors='replace')).hexdigest()[:6]}".strip("-")


@in_style
def as_svg(drawing: Drawing, name: str, alt: str) -> str:
    """Return a drawing as an element that HTML can hold beside others, and a file of its own.

    It is drawn once. Every id begins with ``name``; `INK` is ``currentColor``, and the background is the page's; no
    style sheet is in it, which would reach the page.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
    name, alt : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    str
        The same for the same drawing.
    """
    width, height = drawing.get_size_inches() * 72
    renderer = SvgRenderer(width, height, name, INK, hover_texts(drawing))
    background: list[Artist] = [drawing.patch]
    background += [axes.patch for axes in drawing.axes]
    shown = [patch for patch in background if patch.get_visible()]
    dpi = drawing.dpi
    try:
        drawing.dpi = 72
        for patch in shown:
            patch.set_visible(False)
        drawing.draw(renderer)
    finally:
        drawing.dpi = dpi
        for patch in shown:
            patch.set_visible(True)
    return renderer.svg(alt)


@in_style
def as_png(drawing: Drawing) -> bytes:
    """Return a drawing for print, on white; the bytes are the same for the same drawing."""
    png = io.BytesIO()
    drawing.savefig(png, format="png", dpi=_PNG_DPI, facecolor="white", metadata={"Software": None})
    return png.getvalue()

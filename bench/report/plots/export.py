"""A drawing as SVG for pages in light and dark, and as PNG for print."""

from __future__ import annotations

import hashlib
import io
import re
from xml.etree import ElementTree

from matplotlib.figure import Figure as Drawing

from bench.report.plots.figure import Figure
from bench.report.plots.style import INK
from bench.text import clean_name

_PNG_DPI = 200
_RASTER_DPI = 150  # of pixels inside an SVG
_LONG_PATH = 400  # characters
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SVG = "http://www.w3.org/2000/svg"
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
# A line that goes nowhere, with round ends, is a dot; this is the shortest way to write it.
_DOT = re.compile(r"(M \S+ \S+)\s+L \S+ \S+\s*(?=M|$)")


def figure_name(*parts: str) -> str:
    """Return a file name for parts that may hold anything; different parts get different names."""
    joined = "-".join(parts)
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", joined).strip("-.")[:80]
    # Lower case names of their own, since some file systems do not tell "A" from "a".
    if plain == joined and joined == joined.lower() and not any("-" in part for part in parts):
        return plain
    return f"{plain}-{hashlib.sha256(repr(parts).encode(errors='replace')).hexdigest()[:6]}".strip("-")


def export(drawing: Drawing, *, name: str, title: str, alt: str) -> Figure:
    """Return a drawing as a figure of a report; the bytes are the same for the same drawing.

    Parameters
    ----------
    drawing : matplotlib.figure.Figure
        Drawn in the style of the report.
    name, title, alt : str
        As in `bench.report.document.Figure`.
    """
    alt = clean_name(alt)
    svg, png = io.BytesIO(), io.BytesIO()
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")  # laid out once, for both
    drawing.savefig(svg, format="svg", dpi=_RASTER_DPI, transparent=True, metadata=_NO_METADATA)
    drawing.savefig(png, format="png", dpi=_PNG_DPI, facecolor="white", metadata={"Software": None})
    return Figure(name, clean_name(title), alt, page_svg(svg.getvalue(), name, alt), png.getvalue())


def page_svg(svg: bytes, name: str, alt: str) -> str:
    """Return matplotlib's SVG as an element that HTML can hold beside others, and a file of its own.

    Every id begins with ``name``; `INK` is ``currentColor``; there is no style sheet, which would reach the page.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - matplotlib wrote it, names in it escaped
    used = set(re.findall(rb'(?:url\(|href=")#([^)"]+)', svg))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}style":
                parent.remove(child)
        _rewrite(parent, name, used)
    root.attrib.update({"role": "img", "aria-label": alt, "font-family": "'DejaVu Sans', Verdana, sans-serif"})
    root.attrib["style"] = "stroke-linejoin: round; stroke-linecap: butt"
    ElementTree.indent(root, "")
    text = ElementTree.tostring(root, encoding="unicode")
    return text.replace("<svg ", f'<svg xmlns="{_SVG}" ', 1)


def _rewrite(element: ElementTree.Element, name: str, used: set[bytes]) -> None:
    """Shorten one element's attributes, colour them, and give its ids and references the figure's name."""
    element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    attributes = element.attrib
    identity = attributes.pop("id", None)
    if identity is not None and identity.encode() in used:
        attributes["id"] = f"{name}-{identity}"
    if _XLINK in attributes:
        target = attributes.pop(_XLINK)
        attributes["href"] = f"#{name}-{target[1:]}" if target.startswith("#") else re.sub(r"\s", "", target)
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    for key in ("d", "x", "y", "width", "height", "style", "clip-path"):
        if key in attributes and not (element.tag == "image" and key in ("width", "height")):
            value = _LONG_NUMBER.sub(_rounded, attributes[key])
            value = re.sub(r"font-family: [^;]*(; |$)", "", value).replace(INK, "currentColor")
            attributes[key] = value.replace("url(#", f"url(#{name}-")
    if "d" in attributes:
        attributes["d"] = _shape(attributes["d"], dots="stroke-linecap: round" in attributes.get("style", ""))


def _shape(path: str, dots: bool) -> str:
    """Write a path in few bytes; a tenth of a point is finer than any line, so it will do for long ones."""
    path = " ".join(path.split())
    if dots:
        return _DOT.sub(r"\1h0", path)
    if len(path) > _LONG_PATH and "C" not in path and "Q" not in path:
        path = re.sub(r"(\.\d)\d", r"\1", path).replace(".0 ", " ")
        path = path.replace(" L ", " ")  # after M, points are joined by lines anyway
    return path


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")

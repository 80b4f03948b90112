"""Figures made fit to stand inside a page: checked, and rid of all that would reach beyond themselves."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from markupsafe import Markup

from bench.report.document import Figure

SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
# What draws. Not here: what runs (script), what holds HTML (foreignObject), what rewrites others (animate, set).
_ELEMENTS = {
    *("svg", "g", "defs", "symbol", "use", "title", "desc", "image", "text", "tspan", "textPath"),
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
    *("clipPath", "mask", "pattern", "marker", "linearGradient", "radialGradient", "stop"),
}
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_COLUMN = 480  # CSS pixels of a column of two


@dataclass(frozen=True)
class Drawing:
    """A figure ready for the page.

    Attributes
    ----------
    svg : Markup
        Its ids start with ``figure-NAME:``, so that no two figures share one.
    width : float
        Natural width in CSS pixels.
    wide : bool
        Wider than a column of two: it gets a row to itself.
    """

    svg: Markup
    width: float
    wide: bool


def draw(figure: Figure) -> Drawing:
    """Check a figure's SVG and make it part of a page.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    Drawing

    Raises
    ------
    ValueError
        If the name is not a plain one, or the SVG is not XML, has no size, or holds anything that could run,
        load or restyle: a script, an event handler, foreign content, a link out, a style sheet.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", figure.name):
        raise ValueError(f'figure {figure.name!r}: a name has letters, digits, "-", "_" and "." alone')
    try:
        root = _parse(figure.svg)
        for element in root.iter():
            _check_and_rename(element, f"figure-{figure.name}:")
        width = _fit(root)
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f"figure {figure.name!r}: {error}") from error
    root.attrib |= {
        "role": "img",
        "aria-labelledby": f"title-{figure.name}",
        "aria-describedby": f"alt-{figure.name}",
        "focusable": "false",
    }
    root.tail = None
    svg = Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - every element and attribute was checked
    return Drawing(svg, width, wide=width > _COLUMN)


def _parse(text: str) -> ET.Element:
    """Read the XML, without what is no drawing: metadata, which holds dates, and matplotlib's style sheet."""
    if "<!ENTITY" in text:
        raise ValueError("it declares entities")
    root = ET.fromstring(text)  # noqa: S314 - no entities, and comments and instructions are dropped
    if root.tag != f"{{{SVG}}}svg":
        raise ValueError(f"its root is {root.tag!r}, not an svg of {SVG}")
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}metadata":
                parent.remove(child)
            elif child.tag == f"{{{SVG}}}style":
                # A style sheet inside a page rules the whole page; for one rule about everything, the root inherits.
                rule = re.fullmatch(r"\s*\*\s*\{([^{}<>@]*)\}\s*", child.text or "")
                if rule is None:
                    raise ValueError("it has a style sheet; write style attributes instead")
                root.set("style", "; ".join(filter(None, (rule[1].strip(" ;\n"), root.get("style")))))
                parent.remove(child)
    return root


def _check_and_rename(element: ET.Element, prefix: str) -> None:
    namespace, _, name = element.tag.rpartition("}")
    if namespace != "{" + SVG or name not in _ELEMENTS:
        raise ValueError(f"<{name}> has no place in a figure")
    element.tag = name
    attributes = dict(element.attrib)
    element.attrib.clear()
    for key, value in attributes.items():
        plain = {_LINK: "href", _SPACE: "xml:space"}.get(key, key)
        # Classes and roles are the page's own; what other namespaces say, no browser hears.
        if plain.startswith(("{", "aria-")) or plain in {"class", "role", "tabindex"}:
            continue
        _refuse_what_runs(name, plain, value)
        if plain == "id":
            value = prefix + value
        elif plain == "href" and value.startswith("#"):
            value = f"#{prefix}{value[1:]}"
        else:
            value = re.sub(r"""url\(\s*["']?#([^)"']+?)["']?\s*\)""", rf"url(#{prefix}\1)", value)
        element.set(plain, value)


def _refuse_what_runs(element: str, key: str, value: str) -> None:
    squeezed = re.sub(r"\s|[\x00-\x1f]", "", value).lower()
    if key.lower().startswith("on"):
        raise ValueError(f"<{element}> has an event handler, {key}")
    if "javascript:" in squeezed:
        raise ValueError(f"<{element}> has a script in {key}")
    if key == "href" and not (value.startswith("#") or re.match(r"data:image/(png|jpeg);base64,", value)):
        raise ValueError(f"<{element}> links out of the figure: {value[:60]!r}")
    if re.search(r"url\((?![\"']?#)", squeezed) or (key == "style" and re.search(r"\\|@|image-set", value)):
        raise ValueError(f"<{element}> loads from outside the figure in {key}")
    if key == "style" and "position" in squeezed:
        raise ValueError(f"<{element}> leaves its place in the page")


def _fit(root: ET.Element) -> float:
    """Write the size in CSS pixels, with a viewBox to scale it by, and return the width."""
    lengths = [re.fullmatch(r"([\d.]+)(px|pt|pc|in|cm|mm)?", root.get(side, "")) for side in ("width", "height")]
    box = [float(number) for number in re.split(r"[\s,]+", root.get("viewBox", "").strip()) if number]
    if all(lengths):
        width, height = (float(length[1]) * _PIXELS[length[2] or ""] for length in lengths if length)
    elif len(box) == 4:
        width, height = box[2:]
    else:
        raise ValueError("it has no size: give width and height, or a viewBox")
    if not (width > 0 and height > 0):
        raise ValueError("its size is zero")
    if len(box) != 4:
        root.set("viewBox", f"0 0 {width:g} {height:g}")
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    return width

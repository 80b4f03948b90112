"""One HTML page out of a report."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bench.report.citation import bibtex
from bench.report.document import Content, Report, Sentence, Table, figures_of
from bench.report.formats.csv_files import table_csv
from bench.report.formats.latex import caption_of, latex_table
from bench.report.formats.markdown import markdown_table
from bench.report.plots.figure import Figure
from bench.report.values import Code, Value

_FILTER_ABOVE = 12
#: With more sentences in the answer, the first ones stay: the three contrasts over all data sets.
_MOST_ANSWERS, _ANSWERS = 12, 3
#: Sections that come after every leaderboard.
_LAST = ("reading", "provenance")

_SVG = "http://www.w3.org/2000/svg"
# What draws. Not here: what runs (script), what holds HTML (foreignObject), what rewrites others (animate, set), and
# style sheets, which would rule the whole page.
_ELEMENTS = {
    *("svg", "g", "defs", "symbol", "use", "title", "desc", "image", "text", "tspan", "textPath"),
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
    *("clipPath", "mask", "pattern", "marker", "linearGradient", "radialGradient", "stop"),
}
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3}
#: Digits of a hash as letters, since an id begins with one.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
#: Points of a figure whose texts are listed below it on a phone.
_MOST_LISTED = 12
#: Lines of text closer than this are of one row of a chart, in the units of figures.
_ROW = 11.0

# Characters that turn the text after them around, so that a name could rewrite the numbers beside it; and controls.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def render_page(report: Report, digest: str = "") -> str:
    """Write a report as one HTML file that loads nothing and needs no server.

    The answer comes first; then every section, folded to its first sentence unless it is news. Everything is escaped
    but the figures, which are checked. A content-security policy lets the page's own style and script run, by their
    hashes, and nothing else.

    Parameters
    ----------
    report : Report
    digest : str
        Of what the report is made of, for `digest_in`.

    Returns
    -------
    str
        The page; the same report gives the same text. Write it as UTF-8.

    Raises
    ------
    ValueError
        If two figures share a name, or if a figure holds what has no place in a page (see `embed_svg`).
    """
    _check_names(report)
    script, styles, copies = _asset("page.js"), _Styles(), _Copies()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_clean, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "draw": lambda figure: styles.share(embed_svg(figure)),
        "sort_key": _sort_key,
        "source": _source,
        "lead": _lead,
        "by_group": _by_group,
        "copies": copies.add,
        "breakable": _breakable,
    }
    environment.tests |= _TESTS
    page = environment.from_string(_asset("page.html.jinja")).render(
        report=report,
        anchor=_Anchors({"top", "results", "files", "cite"}),
        last=_LAST,
        bibtex=bibtex(),
        digest=digest,
        filter_above=_FILTER_ABOVE,
        most_answers=_MOST_ANSWERS,
        answers=_ANSWERS,
        style=_STYLE,
        script=script,
        policy=_POLICY,
        copies=copies,
    )
    style = _asset("page.css") + styles.rules()  # known when every figure is drawn
    return page.replace(_STYLE, style, 1).replace(_POLICY, _policy(style, script), 1)


_STYLE, _POLICY = "/* style of this page */", "policy of this page"


class _Styles:
    """Styles that figures share, as rules of the page: written out at each element they are a seventh of a page."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def share(self, figure: EmbeddedFigure) -> EmbeddedFigure:
        """Return a figure with classes instead of styles, but for those that refer to its own elements."""
        return replace(figure, svg=Markup(_ELEMENT.sub(self._shared, figure.svg)))  # noqa: S704 - it was checked

    def _shared(self, found: re.Match[str]) -> str:
        name = self._names.setdefault(found["style"], f"s{len(self._names)}")
        return f' class="{found["class"]} {name}"' if found["class"] else f' class="{name}"'

    def rules(self) -> str:
        """Return the rules, in the order of first use."""
        return "".join(f".{name} {{ {style} }}\n" for style, name in self._names.items())


class _Copies:
    """What the buttons of all tables copy; as text beside the tables it would be a sixth of a page."""

    def __init__(self) -> None:
        self._texts: list[dict[str, str]] = []

    def add(self, table: Table, dataset: str, board: str) -> int:
        """Add the copies of a table; return its number."""
        latex = latex_table(table, caption_of(table, dataset, board))
        copies = {"LaTeX": latex, "CSV": table_csv(table), "Markdown": markdown_table(table)}
        self._texts.append({name: _clean(text) for name, text in copies.items()})
        return len(self._texts) - 1

    def packed(self) -> str:
        """Return the copies of all tables, by the name of the format, as JSON, compressed and in base64."""
        return base64.b64encode(gzip.compress(json.dumps(self._texts).encode(), mtime=0)).decode()


#: A style in an element as `xml.etree` writes it, with the class that `_mark_beside` may have set. Without brackets,
#: quotes and comments, so that no style of a plugin's figure reaches beyond its own rule.
_ELEMENT = re.compile(r' style="(?P<style>[\w\s:;.,#%-]*)"(?: class="(?P<class>[^"]*)")?')


class _Anchors:
    """Readable ids: ``leaderboard-digits``. Without ":", which those of figures have."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken

    def __call__(self, *parts: str) -> str:
        """Return an id that is not taken; empty parts are left out."""
        words = (re.sub(r"[^A-Za-z0-9_.]+", "-", part).strip("-.")[:60] for part in parts if part)
        name = "-".join(word or "x" for word in words)
        number, found = 1, name
        while found in self._taken:
            number += 1
            found = f"{name}-{number}"
        self._taken.add(found)
        return found


def _lead(sentence: Sentence) -> str:
    """Return what stands for a folded sentence: its claim, or all of it where the claim alone says nothing."""
    return sentence.claim if sentence.claim.rstrip().endswith((".", "!", "?")) else sentence.text


def _is_line(section: Content) -> bool:
    """Whether one sentence is all that a section says."""
    parts = section.parts
    return (
        len(parts) == 1 and len(parts[0].sentences) == 1 and not (parts[0].tables or parts[0].figures or parts[0].notes)
    )


def _is_local(name: str) -> bool:
    """Whether a link to a file leads to one beside the page."""
    return bool(re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name))


def _by_group(figures: Sequence[Figure]) -> list[tuple[str, list[Figure]]]:
    """Return figures by the group that they share; those of none first."""
    ordered = sorted(figures, key=lambda figure: figure.group != "")
    return [(name, list(own)) for name, own in groupby(ordered, key=lambda figure: figure.group)]


def _breakable(text: str) -> Markup:
    """Escape the text of a cell; where a line breaks, the brackets of an interval stay whole."""
    head, bracket, rest = _clean(text).partition(" [")
    return Markup("{} <span>[{}</span>").format(head, rest) if bracket else Markup("{}").format(head)


def _sort_key(value: Value) -> tuple[str, str] | None:
    """Return the attribute that a cell is sorted by and its value; None for a cell that goes last."""
    key = value.key
    if isinstance(key, str):
        return "data-word", key
    if key is None or math.isnan(key):
        return None
    # As JavaScript writes them.
    return "data-number", f"{key:.10g}" if math.isfinite(key) else f"{'-' if key < 0 else ''}Infinity"


_TESTS: dict[str, Callable[..., bool]] = {
    "code": lambda value: isinstance(value, Code),
    "line": _is_line,
    "local_file": _is_local,
}


def digest_in(page: Path) -> str:
    """Return the digest of what a page was written from, empty where there is no page that has one."""
    try:
        with page.open(encoding="utf-8") as file:
            head = file.read(4096)
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(r'<meta name="made-from" content="([0-9a-f]+)">', head)
    return found[1] if found else ""


def _clean(value: Any) -> Any:
    """Take out of a text what a page cannot hold, or what is not seen and yet rules what is."""
    if type(value) is not str:
        return value
    return _UNSEEN.sub(" ", value).encode("utf-8", "replace").decode("utf-8")


def _check_names(report: Report) -> None:
    seen: set[str] = set()
    for figure in figures_of(report):
        if figure.name in seen:
            raise ValueError(f"two figures are named {figure.name!r}")
        seen.add(figure.name)


def _policy(style: str, script: str) -> str:
    # Figures have style attributes, so these are allowed; a browser that does not know style-src-elem takes style-src.
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"script-src {_source_hash(script)}; "
        f"style-src 'unsafe-inline'; style-src-elem {_source_hash(style)}; style-src-attr 'unsafe-inline'"
    )


def _source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _source(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - page.css and page.js are ours


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure ready for the page.

    Attributes
    ----------
    svg : Markup
        Its ids begin with a hash of the figure's name, so that no two figures share one.
    width : float
        Natural width in CSS pixels.
    drawn : float
        Width of what is drawn, without the columns of numbers at its right, which are of class ``beside``; a narrow
        screen shows so much.
    listed : tuple of str
        The rows of a chart with such columns, or the texts of its points where they are few enough for a list.
    tall : bool
        Higher than most screens: it is folded.
    """

    svg: Markup
    width: float
    drawn: float
    listed: tuple[str, ...]
    tall: bool


#: CSS pixels; a figure that is higher is folded.
_TALL = 640


def embed_svg(figure: Figure) -> EmbeddedFigure:
    """Make the SVG of a figure, as `bench.report.plots.export` writes it, part of a page.

    Raises
    ------
    ValueError
        If the name is not a plain one, or the SVG is not XML, has no size, or holds anything that could run,
        load or restyle: a script, an event handler, foreign content, a link out, a style sheet.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", figure.name):
        raise ValueError(f'figure {figure.name!r}: a name has letters, digits, "-", "_" and "." alone')
    try:
        if "<!ENTITY" in figure.svg:
            raise ValueError("it declares entities")
        root = ET.fromstring(figure.svg)  # noqa: S314 - no entities, and comments and instructions are dropped
        if root.tag != f"{{{_SVG}}}svg":
            raise ValueError(f"its root is {root.tag!r}, not an svg of {_SVG}")
        # Short ones: a figure refers to its marker once a point.
        prefix = hashlib.sha256(figure.name.encode()).hexdigest()[:8].translate(_LETTERS) + "-"
        ids: defaultdict[str, str] = defaultdict(lambda: f"{prefix}{len(ids)}")
        for element in root.iter():
            _check_and_rename(element, ids)
        width, height = _set_size(root)
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f"figure {figure.name!r}: {error}") from error
    share, rows = _mark_beside(root)
    points = [child.text or "" for element in root.iter() for child in element.findall("title")]
    listed = rows or (points if len(points) <= _MOST_LISTED else [])
    root.attrib |= {
        "role": "img",
        "aria-labelledby": f"figure-{figure.name}:title",
        "aria-describedby": f"figure-{figure.name}:alt",
        "focusable": "false",
    }
    svg = Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - every element and attribute was checked
    return EmbeddedFigure(svg, width, width * share, tuple(listed), tall=height > _TALL)


def _mark_beside(root: ET.Element) -> tuple[float, list[str]]:
    """Mark the columns of numbers at the right of a chart of rows, whose names are at its left.

    Returns
    -------
    share : float
        Of the width, what the rest takes; 1 where there are no such columns.
    rows : list of str
        The name of each row and its numbers.
    """
    box = root.get("viewBox", "").split()
    texts = [(text, text.get("style", "")) for text in root.iter("text") if "transform" not in text.attrib]
    edge = max((_right_of(element) for element in root.iter() if element.get("id") is None), default=0.0)
    beside = [text for text, style in texts if "text-anchor" not in style and float(text.get("x", 0)) >= edge]
    names = [text for text, style in texts if "text-anchor: end" in style]
    rows: list[list[ET.Element]] = []
    last = -math.inf
    for text in sorted((*names, *beside), key=lambda text: float(text.get("y", 0))):
        y = float(text.get("y", 0))
        rows = rows if y - last < _ROW else [*rows, []]
        rows[-1].append(text)
        last = y
    if len(box) != 4 or not beside or any(not set(names) & set(row) for row in rows):
        return 1.0, []
    for text in beside:
        text.set("class", "beside")
    for text, style in texts:
        if "text-anchor: middle" in style:
            size = re.search(r"font-size: ([\d.]+)", style)
            half = 0.3 * float(size[1] if size else 10) * len(text.text or "")
            edge = max(edge, float(text.get("x", 0)) + half)
    lines = []
    for row in rows:
        name = " ".join(text.text or "" for text in row if text in names)
        lines.append(": ".join(filter(None, [name, ", ".join(text.text or "" for text in row if text in beside)])))
    return min(1.0, (edge + 4) / float(box[2])), lines


def _right_of(element: ET.Element) -> float:
    """Return the largest x of a shape; 0 for what is none."""
    if element.tag == "path":
        return max((float(x) for x in re.findall(r"(-?[\d.]+)(?: -?[\d.]+)?", element.get("d", ""))), default=0.0)
    if element.tag in ("use", "rect"):
        return float(element.get("x", 0)) + float(element.get("width", 0))
    return 0.0


def _check_and_rename(element: ET.Element, ids: defaultdict[str, str]) -> None:
    """Refuse what could run, load or restyle, and replace ids and references to them."""
    namespace, _, name = element.tag.rpartition("}")
    if namespace != "{" + _SVG or name not in _ELEMENTS:
        raise ValueError(f"<{name}> has no place in a figure")
    element.tag = name
    attributes = dict(element.attrib)
    element.attrib.clear()
    for key, value in attributes.items():
        if key.startswith("aria-") or key in {"class", "role", "tabindex"}:  # the page sets these
            continue
        squeezed = "".join(value.split()).lower()
        if key.startswith("{") or key.lower().startswith("on"):
            raise ValueError(f"<{name}> has an attribute that has no place in a figure, {key}")
        if key == "href" and not re.match(r"#|data:image/(png|jpeg);base64,", value):
            raise ValueError(f"<{name}> links out of the figure: {value[:60]!r}")
        if re.search(r"url\((?![\"']?#)", squeezed) or (key == "style" and re.search(r"\\|@|image-set", value)):
            raise ValueError(f"<{name}> loads from outside the figure in {key}")
        if key == "style" and "position" in squeezed:
            raise ValueError(f"<{name}> leaves its place in the page")
        if key == "id":
            value = ids[value]
        elif key == "href" and value.startswith("#"):
            value = f"#{ids[value[1:]]}"
        else:
            value = re.sub(r"""url\(\s*["']?#([^)"']+?)["']?\s*\)""", lambda found: f"url(#{ids[found[1]]})", value)
        element.set(key, value)


def _set_size(root: ET.Element) -> tuple[float, float]:
    """Write width and height in CSS pixels and return them."""
    lengths = [re.fullmatch(r"([\d.]+)(px|pt)?", root.get(side, "")) for side in ("width", "height")]
    box = root.get("viewBox", "").split()
    if all(lengths):
        width, height = (float(length[1]) * _PIXELS[length[2] or ""] for length in lengths if length)
    elif len(box) == 4:
        width, height = map(float, box[2:])
    else:
        raise ValueError("it has no size: give width and height, or a viewBox")
    if not (width > 0 and height > 0):
        raise ValueError("its size is zero")
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    return width, height

"""One HTML page out of a report."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bench.report.document import Report, TextTable, figures_of
from bench.report.formats.svg import draw

FILTER_ABOVE = 6

# Characters that turn the text after them around, so that a name could rewrite the numbers beside it; and controls.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")

# Where the numbers of a sentence begin: "...: -.001 [", "... by .031 [", "...: difference .004 [".
_NUMBERS = re.compile(r"(.+?) ((?:(?<=: )(?:difference )?|by )[-−]?\d*\.\d.*)", re.DOTALL)


def render_page(report: Report) -> str:
    """Write a report as one HTML file that loads nothing and needs no server.

    Everything is escaped but the figures, which are checked. A content-security policy lets the page's own
    style and script run, by their hashes, and nothing else.

    Parameters
    ----------
    report : Report
        What its provenance calls "command" is written as one, with a button to copy it.

    Returns
    -------
    str
        The page; the same report gives the same text. Write it as UTF-8.

    Raises
    ------
    ValueError
        If two figures share a name, if a figure holds what has no place in a page (see
        `bench.report.formats.svg.draw`), or if a table's keys are not of the shape of its rows.
    """
    _check_names(report)
    style, script = _asset("page.css"), _asset("page.js")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_clean, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"draw": draw, "cells": _cells, "lead": _lead, "source": _source}
    return environment.from_string(_asset("page.html.jinja")).render(
        report=report,
        datasets=list(dict.fromkeys(pictures.dataset for pictures in report.pictures)),
        filter_above=FILTER_ABOVE,
        style=style,
        script=script,
        policy=_policy(style, script),
    )


@dataclass(frozen=True)
class _Cell:
    """A cell and what it is sorted by: a number, a word, or neither (then it goes last)."""

    text: str
    words: bool
    number: str | None = None
    word: str | None = None


def _cells(table: TextTable) -> Iterator[list[_Cell]]:
    keys = table.keys or tuple((None,) * len(row) for row in table.rows)
    words = [name in table.left for name in table.header]
    for row, row_keys in zip(table.rows, keys, strict=True):
        yield [_Cell(text, left, *_sort_key(key)) for text, left, key in zip(row, words, row_keys, strict=True)]


def _sort_key(key: float | str | None) -> tuple[str | None, str | None]:
    if isinstance(key, str):
        return None, key
    if key is None or math.isnan(key):
        return None, None
    # As JavaScript writes them.
    return (repr(float(key)) if math.isfinite(key) else f"{'-' if key < 0 else ''}Infinity"), None


def _lead(sentence: str) -> tuple[str, str]:
    """Part a sentence into what it claims and the numbers behind it, for the eye alone."""
    parts = _NUMBERS.match(sentence)
    return (parts[1], parts[2]) if parts else (sentence, "")


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

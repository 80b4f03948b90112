"""A comparison as CI services show it: annotations and step summaries of GitHub, and JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from bench.gate.comparison import Comparison, Row
from bench.gate.text import COMPARISON_HEADER, format_drop, table_of, title_of
from bench.report.numbers import escape_markdown
from bench.text import clean_name

#: A summary may have 1 MiB.
MOST_ROWS = 1000

_LEVELS = {"fail": "error", "cannot compare": "error", "warn": "warning"}


def without_commands(text: str, token: str) -> str:
    """Return text for a log in which no line is obeyed: names come from plugins, and one may read ``::error::``.

    Parameters
    ----------
    text : str
    token : str
        Nothing that the text could hold.
    """
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def workflow_commands(comparison: Comparison) -> Iterator[str]:
    """Yield a workflow command for everything that failed, could not be compared or is warned of."""
    for row in comparison.rows:
        if row.verdict in _LEVELS:
            what = " / ".join(name for name in (row.dataset, row.variant, title_of(row)) if name)
            change = "" if row.drop is None else f" (drop {format_drop(row)})"
            title = _escape_property(f"{what}: {row.verdict}")
            yield f"::{_LEVELS[row.verdict]} title={title}::{_escape(f'{what}: {row.reason}{change}')}"


def step_summary(comparison: Comparison) -> str:
    """Return Markdown: the outcome, the table and the notes."""
    rows = table_of(comparison)
    lines = [f"### {escape_markdown(comparison.summary)}", ""]
    if rows:
        lines += [_line(COMPARISON_HEADER), _line(["---"] * len(COMPARISON_HEADER), escape=False)]
        lines += [_line(row) for row in rows[:MOST_ROWS]]
        lines += [f"\n{len(rows) - MOST_ROWS} more rows are in the log."] if len(rows) > MOST_ROWS else []
        lines.append("")
    lines += [f"- {escape_markdown(clean_name(note))}" for note in comparison.notes]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...] | list[str], escape: bool = True) -> str:
    return f"| {' | '.join(escape_markdown(cell) if escape else cell for cell in cells)} |"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


#: What XML 1.0 cannot hold, escaped or not.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(comparison: Comparison) -> str:
    """Return the XML: a test suite a data set, a test case a row.

    A regression is a failure, what cannot be compared an error, what is left out is skipped, and a warning stands in
    the output of a test that passed.
    """
    root = ET.Element("testsuites", name=_legal(comparison.suite))
    by_dataset: dict[str, list[Row]] = {}
    for row in comparison.rows:
        by_dataset.setdefault(row.dataset, []).append(row)
    for dataset, rows in sorted(by_dataset.items()):
        suite = ET.SubElement(root, "testsuite", name=_legal(dataset), tests=str(len(rows)))
        for name, verdict in (("failures", "fail"), ("errors", "cannot compare"), ("skipped", "not compared")):
            suite.set(name, str(sum(row.verdict == verdict for row in rows)))
        for row in sorted(rows, key=lambda row: (row.variant, row.metric)):
            _add_case(suite, row)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: ET.Element, row: Row) -> None:
    place = ".".join(name for name in (row.dataset, row.variant) if name)
    case = ET.SubElement(suite, "testcase", classname=_legal(place), name=_legal(row.metric or "present"))
    told = _legal(f"{title_of(row)}: {row.reason}" + ("" if row.drop is None else f" (drop {format_drop(row)})"))
    match row.verdict:
        case "fail":
            ET.SubElement(case, "failure", message=told, type="regression").text = told
        case "cannot compare":
            ET.SubElement(case, "error", message=told, type="cannot-compare").text = told
        case "not compared":
            ET.SubElement(case, "skipped", message=told)
        case "warn":
            ET.SubElement(case, "system-out").text = f"warning: {told}"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", text)

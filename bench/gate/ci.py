"""A comparison for CI services: annotations and step summaries of GitHub, and JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from bench.gate.compare import Comparison
from bench.gate.text import COMPARISON_HEADER, comparison_table, format_drop, metric_title
from bench.gate.verdicts import ComparedRow
from bench.plan.cells import shown_variant
from bench.report.formats.markdown import escape_markdown
from bench.text import clean_name

#: GitHub refuses a summary of more than 1 MiB.
_MOST_SUMMARY_ROWS = 1000

_LEVELS = {"fail": "error", "cannot compare": "error", "warn": "warning"}


def without_commands(text: str, token: str) -> str:
    """Return text for a GitHub log in which no line is executed as a workflow command.

    Names come from plugins and may look like a command, such as ``::error::``.

    Parameters
    ----------
    text : str
    token : str
        Random, so that the text cannot contain it.
    """
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def workflow_commands(comparison: Comparison) -> Iterator[str]:
    """Yield an annotation for every row that failed, could not be compared or warns."""
    for row in comparison.rows:
        if row.verdict in _LEVELS:
            place = " / ".join(name for name in (row.dataset, shown_variant(row.variant), metric_title(row)) if name)
            title = _escape_property(f"{place}: {row.verdict}")
            yield f"::{_LEVELS[row.verdict]} title={title}::{_escape(f'{place}: {_reason(row)}')}"


def step_summary(comparison: Comparison) -> str:
    """Return the outcome, the table and the notes in Markdown."""
    rows = comparison_table(comparison)
    lines = [f"### {escape_markdown(comparison.summary)}", ""]
    if rows:
        lines += [_line(COMPARISON_HEADER), _line(["---"] * len(COMPARISON_HEADER), escape=False)]
        lines += [_line(row) for row in rows[:_MOST_SUMMARY_ROWS]]
        if len(rows) > _MOST_SUMMARY_ROWS:
            lines.append(f"\n{len(rows) - _MOST_SUMMARY_ROWS} more rows are in the log.")
        lines.append("")
    lines += [f"- {escape_markdown(clean_name(note))}" for note in comparison.notes]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...] | list[str], escape: bool = True) -> str:
    return f"| {' | '.join(escape_markdown(cell) if escape else cell for cell in cells)} |"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


#: Characters that XML 1.0 does not allow, even escaped.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(comparison: Comparison) -> str:
    """Return JUnit XML with a test suite for each data set and a test case for each row.

    A regression is a failure, a row that cannot be compared an error, a row that is not compared a skipped test, and
    a warning the output of a passed test.
    """
    root = ET.Element("testsuites", name=_legal(comparison.suite))
    by_dataset: dict[str, list[ComparedRow]] = {}
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


def _add_case(suite: ET.Element, row: ComparedRow) -> None:
    place = ".".join(name for name in (row.dataset, row.variant) if name)
    case = ET.SubElement(suite, "testcase", classname=_legal(place), name=_legal(row.metric or "present"))
    message = _legal(f"{metric_title(row)}: {_reason(row)}")
    match row.verdict:
        case "fail":
            ET.SubElement(case, "failure", message=message, type="regression").text = message
        case "cannot compare":
            ET.SubElement(case, "error", message=message, type="cannot-compare").text = message
        case "not compared":
            ET.SubElement(case, "skipped", message=message)
        case "warn":
            ET.SubElement(case, "system-out").text = f"warning: {message}"


def _reason(row: ComparedRow) -> str:
    return row.reason if row.drop is None else f"{row.reason} (drop {format_drop(row)})"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", text)

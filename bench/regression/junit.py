"""A comparison as JUnit XML, which every CI service can show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from bench.regression.comparison import Comparison, Row
from bench.regression.render import format_drop, title_of

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

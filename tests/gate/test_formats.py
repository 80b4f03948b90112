"""A comparison as text, JUnit XML, JSON and GitHub annotations, also with hostile names."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from bench.gate import ComparedRow, Comparison, render_text
from bench.gate.ci import junit_xml, step_summary, without_commands, workflow_commands
from bench.gate.text import MOST_PASSES


def row(verdict, variant="dec", metric="acc", **values):
    numbers = {"baseline": 0.8, "run": 0.7, "drop": 0.1, "low": 0.05, "high": 0.12, "tolerance": 0.02, "n": 10}
    content = {"dataset": "digits", "reason": f"because {verdict}"} | (numbers if metric == "acc" else {}) | values
    return ComparedRow(variant=variant, metric=metric, verdict=verdict, **content)


def compared(*rows, notes=()):
    return Comparison.of("quick", rows, notes)


EVERY = compared(
    row("pass", "kmeans"),
    row("not compared", "dec", "wall_time"),
    row("warn", "sdec"),
    row("cannot compare", "vade", ""),
    row("fail", "dec"),
    notes=["digits / dec: version 1 -> 2"],
)
#: Names that mean something to a shell, a page, an XML parser, a table or a runner of workflows.
HOSTILE = (
    "::error::x",
    "##[add-mask]x",
    "a%0A::set-output name=x::y",
    "</testcase><failure/>&amp;",
    "<script>alert(1)</script>",
    "a | b `c` **d** [e](http://f)",
    "]]>",
    "\ud800",
    "\ufffe\uffff\x00\x08",
    "two\r\n::warning::lines",
    "title=x,line=1:2::",
)


def test_the_text_has_the_worst_first_and_ends_with_the_outcome():
    lines = render_text(EVERY).splitlines()
    assert lines[0].split() == ["data", "set", "method", "metric", "baseline", "run", "drop", "tolerance", "verdict"]
    assert [line.split()[1] for line in lines[1:6]] == ["dec", "vade", "sdec", "kmeans", "dec"]
    assert re.sub(r"\s+", " ", lines[1]) == "digits dec ACC .800 .700 .100 [.050, .120] .020 FAIL because fail"
    assert lines[-2] == "note: digits / dec: version 1 -> 2"
    assert lines[-1] == "quick: REGRESSION (1 failed, 1 not comparable, 1 with a warning, 1 passed, 1 not compared)"


def test_costs_read_as_shares():
    slower = row("fail", "dec", "wall_time", baseline=10.0, run=20.0, drop=1.0, low=0.9, high=1.1, tolerance=0.5)
    assert "10.0 s    20.0 s  +100% [+90%, +110%]  +50%" in render_text(compared(slower))
    as_fast = row("pass", "dec", "wall_time", baseline=9.0, run=9.0, drop=-0.001, low=-0.01, high=0.001, tolerance=0.5)
    assert "0% [-1%, 0%]" in render_text(compared(as_fast))


def test_many_passes_are_counted_but_nothing_else_is():
    passes = [row("pass", f"m{i}", metric) for i in range(MOST_PASSES) for metric in ("acc", "runs")]
    warnings = [row("warn", f"w{i}") for i in range(100)]
    text = render_text(compared(*passes, *warnings))
    assert sum("2 passed" in line for line in text.splitlines()) == MOST_PASSES
    assert sum("WARN" in line for line in text.splitlines()) == 100
    assert "100 with a warning, 48 passed" in text


def test_an_empty_comparison_is_no_table():
    assert render_text(compared()) == "quick: cannot compare (nothing to compare)"


@pytest.mark.parametrize(("verdicts", "code"), [
    (["pass", "warn", "not compared"], 0), (["fail", "cannot compare"], 1), (["cannot compare", "warn"], 2),
    (["warn"], 0), (["not compared"], 2), ([], 2),
])  # fmt: skip
def test_the_exit_code(verdicts, code):
    assert compared(*map(row, verdicts)).exit_code == code


def test_junit_has_a_suite_a_data_set_and_a_case_a_row():
    root = ET.fromstring(junit_xml(EVERY))
    (suite,) = root
    assert suite.attrib == {"name": "digits", "tests": "5", "failures": "1", "errors": "1", "skipped": "1"}
    found = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}
    assert found == {
        ("digits.dec", "acc"): ["failure"],
        ("digits.dec", "wall_time"): ["skipped"],
        ("digits.kmeans", "acc"): [],
        ("digits.sdec", "acc"): ["system-out"],
        ("digits.vade", "present"): ["error"],
    }
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "ACC: because fail (drop .100 [.050, .120])"


def test_json_holds_everything():
    content = json.loads(json.dumps(EVERY.as_json(), allow_nan=False))
    assert (content["exit_code"], content["suite"], content["notes"]) == (1, "quick", ["digits / dec: version 1 -> 2"])
    assert [found["verdict"] for found in content["rows"]] == ["fail", "cannot compare", "warn", "pass", "not compared"]
    assert content["rows"][0] == {
        "dataset": "digits", "variant": "dec", "metric": "acc", "verdict": "fail", "reason": "because fail",
        "baseline": 0.8, "run": 0.7, "drop": 0.1, "low": 0.05, "high": 0.12, "tolerance": 0.02, "n": 10,
    }  # fmt: skip


def test_failures_and_warnings_are_annotations():
    assert list(workflow_commands(EVERY)) == [
        "::error title=digits / dec / ACC%3A fail::digits / dec / ACC: because fail (drop .100 [.050, .120])",
        "::error title=digits / vade%3A cannot compare::digits / vade: because cannot compare",
        "::warning title=digits / sdec / ACC%3A warn::digits / sdec / ACC: because warn (drop .100 [.050, .120])",
    ]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_break_nothing(name):
    rows = [row(verdict, name, dataset=name, reason=name) for verdict in ("fail", "warn", "cannot compare", "pass")]
    comparison = compared(*rows, notes=[name])

    root = ET.fromstring(junit_xml(comparison))
    assert [child.tag for child in root] == ["testsuite"]
    assert len(root.findall("./testsuite/testcase")) == 4
    assert len(root.findall("./testsuite/testcase/failure")) == 1

    for command in workflow_commands(comparison):
        assert re.fullmatch(r"::(error|warning) title=[^:,\r\n]*::[^\r\n]*", command)

    lines = without_commands(render_text(comparison), token="t0k3n").splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("::stop-commands::t0k3n", "::t0k3n::", 9)
    assert "".join(lines).isprintable()

    table = [line for line in step_summary(comparison).splitlines() if line.startswith("|")]
    assert len(table) == 6
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {10}
    assert not re.search(r"(?<!\\)[<`*]", step_summary(comparison))

    assert json.loads(json.dumps(comparison.as_json()))["rows"][0]["variant"] == name

"""The fixture ``assert_no_regression``: a test of another project fails if its method got worse."""

import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import bench.execution.session  # noqa: F401 - pytester restores sys.modules, so each in-process test would import it again
from bench.execution.provenance import commit
from bench.gate import take_baseline, write_baseline
from bench.plan.suite import load_suite
from bench.records.store import Run
from tests.gate.scores import plan
from tests.simulation.gate import make_record

ROOT = Path(__file__).resolve().parents[2]

pytest_plugins = ["pytester"]

#: Two stripes by the brightness of a point, or by nothing, as a file beside it says: workers see files, not patches.
METHOD = """
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin


class Stripes(ClusterMixin, BaseEstimator):
    def __init__(self, width=1, random_state=None):
        self.width = width
        self.random_state = random_state

    def fit(self, X, y=None):
        generator = np.random.default_rng(self.random_state)
        key = X[:, 20] + generator.normal(scale=0.05, size=len(X))
        if Path(__file__).with_name("broken").exists():
            key = generator.random(len(X))
        self.labels_ = np.digitize(key, np.quantile(key, np.arange(0.1, 1, 0.1)))
        return self
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """Run a test that uses the fixture; the plugin is loaded once, even if the package is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def test(body, *arguments):
        lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        pytester.makepyfile(f"def test_mine(assert_no_regression):\n{lines}")
        return pytester.runpytest_inprocess("-p", "bench.pytest_plugin", *arguments)

    return test


@pytest.fixture
def stored(pytester):
    """Write the runs "good", "bad" and "unclear" with given scores, and a baseline from the good one."""
    for name, drop in (("good", 0.0), ("bad", 0.1), ("unclear", 0.011)):
        run = Run(pytester.path / name)
        run.write_suite(load_suite("quick"))
        for seed in range(10):
            run.write(make_record("dec", seed, {"acc": 0.8 + seed / 1000 - drop * (0.8 + seed / 20)}), {})
    baseline = take_baseline(Run(pytester.path / "good").records(), suite="quick", primary_metric="acc")
    write_baseline(pytester.path / "b.json", baseline)


NAMED = ("--deepclustbench-baseline", "b.json")


def test_a_good_run_passes_and_a_bad_one_fails_with_the_table_alone(project, stored):
    project('assert assert_no_regression("good").exit_code == 0', *NAMED).assert_outcomes(passed=1)
    result = project('assert_no_regression("bad")', *NAMED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*b.json:", "data set*method*metric*verdict*", "digits*dec*ACC*FAIL*", "quick: REG*"])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")
    project('assert_no_regression("bad", metrics=["wall_time"])', *NAMED).assert_outcomes(passed=1)


def test_what_is_inconclusive_is_a_warning(project, stored):
    result = project('assert_no_regression("unclear")', *NAMED)
    result.assert_outcomes(passed=1, warnings=2)  # and that the same seeds gave other scores
    result.stdout.fnmatch_lines(["*deepclustbench: digits / dec / acc: inconclusive*"])


def test_the_planned_runs_of_a_folder_are_compared_and_other_code_is_noted(project, stored, pytester):
    run = Run(pytester.path / "good")
    for seed in range(10):
        run.write(make_record("dec", seed, {}, status="failed", error="it broke", key=f"again-{seed}"), {})
    project('assert_no_regression("good")', *NAMED).assert_outcomes(passed=1)
    plan(run, "dec", [f"again-{seed}" for seed in range(10)])
    result = project('assert_no_regression("good")', *NAMED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*10 of 10 runs failed*"] + ["note: computed at cccc*"] * (commit() is not None))


def test_without_a_baseline_it_is_skipped_before_anything_is_run(project):
    result = project('assert_no_regression(suite="no such suite")', "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no baseline: give --deepclustbench-baseline FILE, or set deepclustbench_baseline*"])


def test_the_baseline_may_stand_in_the_settings_or_in_the_test(project, stored, pytester):
    project('assert_no_regression("bad", baseline="b.json")').assert_outcomes(failed=1)
    pytester.makeini("[pytest]\ndeepclustbench_baseline = b.json")
    project('assert_no_regression("bad")').assert_outcomes(failed=1)


@pytest.mark.parametrize(("call", "said"), [
    ('"nowhere"', "not the folder of a run"),
    ('"good", seeds=3', "an existing run takes no seeds"),
    ('"good", metrics=["ari"]', "the baseline has no metric 'ari'"),
    ('suite="no such suite"', "no suite 'no such suite'"),
    ('settings={"beta": 1}', "write METHOD.PARAMETER"),
    ('"good", baseline="none.json"', "this baseline does not exist"),
])  # fmt: skip
def test_wrong_use_is_one_line(project, stored, call, said):
    result = project(f"assert_no_regression({call})", *NAMED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"deepclustbench: *{said}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_update_writes_the_baseline_and_says_so_and_no_two_tests_write_one(project, stored, pytester):
    update = (*NAMED, "--deepclustbench-update")
    result = project('assert_no_regression("bad")', *update)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["deepclustbench: baseline written: *b.json"])
    project('assert_no_regression("bad")', *NAMED).assert_outcomes(passed=1)
    result = project('assert_no_regression("bad")\nassert_no_regression("good")', *update)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_mine wrote it already; give each test a baseline=FILE of its own*"])


def test_an_update_that_replaces_a_baseline_shows_what_changed(project, stored):
    result = project('assert_no_regression("bad")', *NAMED, "--deepclustbench-update")
    result.stdout.fnmatch_lines([
        "deepclustbench: baseline written: *b.json", "data set*method*metric*old*new*tolerance",
        "digits*dec*ACC*.804*.702*0.01 -> 0.03", "tolerances set by hand and kept: 0",
    ])  # fmt: skip
    result = project('assert_no_regression("bad", baseline="new.json")', "--deepclustbench-update")
    result.stdout.fnmatch_lines(["deepclustbench: baseline written: *new.json"])
    result.stdout.no_fnmatch_line("data set*method*")


def test_workers_do_not_write_baselines(project, stored, pytester):
    content = (pytester.path / "b.json").read_bytes()
    pytester.makepyfile('def test_mine(assert_no_regression):\n    assert_no_regression("bad")')
    plugins = ("-p", "xdist.plugin", "-p", "bench.pytest_plugin")
    result = pytester.runpytest_subprocess(*plugins, "-n", "1", *NAMED, "--deepclustbench-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["deepclustbench: --deepclustbench-update: run it without -n"])
    assert (pytester.path / "b.json").read_bytes() == content
    pytester.runpytest_subprocess(*plugins, "-n", "1", *NAMED).assert_outcomes(failed=1)  # it compares


def test_a_method_is_run_and_its_regression_is_detected(project, pytester):
    pytester.makepyfile(mine=METHOD)
    pytester.makeini("[pytest]\npythonpath = .")
    pytester.makeconftest(f"""
        import sys
        sys.path.append({str(ROOT)!r})
        from tests.undrawn import leave_figures_blank
        leave_figures_blank(setattr)
    """)
    pytester.makepyfile(
        test_mine="""
        from pathlib import Path

        COMMON = {"seeds": 6, "limit": 200, "metrics": ["acc", "nmi"]}

        def test_baseline(assert_no_regression):
            assert_no_regression(methods=["mine:Stripes", "kmeans"], **COMMON)

        def test_the_same(assert_no_regression):
            comparison = assert_no_regression(methods=["mine:Stripes"], **COMMON)  # KMeans is not compared
            assert {row.variant for row in comparison.rows} == {"mine:Stripes"}

        def test_worse(assert_no_regression):
            Path("broken").touch()
            assert_no_regression(methods=["mine:Stripes"], **COMMON)

        def test_renamed(assert_no_regression):
            Path("yours.py").write_text(Path("mine.py").read_text())
            assert_no_regression(methods=["yours:Stripes", "kmeans"], **COMMON)

        def test_varied(assert_no_regression):
            assert_no_regression(methods=["mine:Stripes", "kmeans"], settings={"mine:Stripes.width": 2}, **COMMON)
        """
    )
    plugin = ("-p", "bench.pytest_plugin", *NAMED)
    pytester.runpytest_subprocess(*plugin, "-k", "baseline", "--deepclustbench-update").assert_outcomes(passed=1)
    result = pytester.runpytest_subprocess(*plugin, "-k", "not baseline")
    result.assert_outcomes(passed=2, failed=2, warnings=1)
    result.stdout.fnmatch_lines([
        "*mine:Stripes*ACC*FAIL*",
        "*mine:Stripes*CANNOT COMPARE*the run does not have this method; it has mine:Stripes width=2: use a new*",
        "*PytestWarning: deepclustbench: yours:Stripes: new, the baseline does not have it*",
    ])  # fmt: skip


def test_pytest_starts_without_heavy_modules():
    code = (
        "import sys, pytest; before = set(sys.modules); import bench.pytest_plugin; print(*set(sys.modules) - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) == {"bench", "bench.pytest_plugin"}


def test_pytest_finds_the_plugin_where_the_package_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"deepclustbench": "bench.pytest_plugin"}

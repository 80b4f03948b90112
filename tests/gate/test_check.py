"""The command ``deepclustbench check`` on runs with given scores, and on a real one."""

import json
from xml.etree import ElementTree as ET

import pytest

from bench.execution.provenance import commit
from bench.plan.suite import load_suite
from bench.records.store import Run
from tests.gate.scores import plan
from tests.simulation.gate import make_record


@pytest.fixture
def run(tmp_path):
    """Make a run of KMeans with given scores and return its folder."""

    def make(seeds=range(10), drop=0.0, **changes):
        made = Run(tmp_path / f"run-{seeds}-{drop}")
        if not made.folder.exists():
            made.write_suite(load_suite("quick"))
            for seed in seeds:
                score = 0.8 + seed / 1000 - drop
                made.write(
                    make_record("kmeans", seed, dict.fromkeys(("acc", "nmi", "ari", "ami"), score), **changes), {}
                )
        return made.folder

    return make


@pytest.fixture
def baseline(cli, run, tmp_path):
    path = tmp_path / "baselines" / "quick.json"
    code, out, _ = cli("check", run(), "--baseline", path, "--update")
    assert code == 0
    assert f"written: {path} of 1 configuration, comparing acc, nmi, ari, wall_time, peak_memory" in out
    return path


def test_the_run_itself_passes_and_the_folder_is_not_touched(cli, run, baseline):
    folder = run()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code, out, _ = cli("check", folder, "--baseline", baseline)
    assert code == 0
    assert out.splitlines()[-1] == "quick: no regression (8 passed)"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_update_by_the_same_run_changes_no_byte(cli, run, baseline):
    content = baseline.read_bytes()
    code, out, _ = cli("check", run(), "--baseline", baseline, "--update")
    assert code == 0
    assert out.startswith("no change\n")
    assert baseline.read_bytes() == content


def test_other_seeds_pass_and_a_regression_fails_in_every_output(cli, run, baseline, tmp_path):
    assert cli("check", run(range(10, 20), drop=0.01), "--baseline", baseline)[0] == 0
    junit, everything = tmp_path / "out" / "junit.xml", tmp_path / "out" / "check.json"
    worse = run(range(10, 20), drop=0.04)
    code, out, _ = cli("check", worse, "--baseline", baseline, "--junit", junit, "--json", everything)
    assert code == 1
    assert out.splitlines()[-1] == "quick: REGRESSION (3 failed, 4 passed)"
    assert len(ET.parse(junit).findall(".//failure")) == 3
    assert json.loads(everything.read_text())["exit_code"] == 1


def test_a_real_run_passes_the_check_against_itself(cli, tmp_path):
    folder, path = tmp_path / "run", tmp_path / "baseline.json"
    suite = ["quick", "--limit", "200", "--methods", "kmeans", "--seeds", "2", "--device", "cpu", "--jobs", "1"]
    assert cli("run", *suite, "--out", folder)[0] == 0
    assert cli("check", folder, "--baseline", path, "--update")[0] == 0
    content = json.loads(path.read_text())
    assert "--seeds 2" in content["provenance"]["commands"][0]
    assert list(content["methods"]) == ["digits[200]"]
    code, out, _ = cli("check", folder, "--baseline", path)
    assert code == 0
    assert "by the mean alone: 2 paired seeds are too few for a test" in out


def test_fewer_seeds_exit_with_2(cli, run, baseline):
    code, out, _ = cli("check", run(range(3)), "--baseline", baseline)
    assert code == 2
    assert "the run has 3 seeds, the baseline 10" in out


def test_tolerances_are_set_kept_and_overridden(cli, run, baseline):
    def tolerance():
        return json.loads(baseline.read_text())["methods"]["digits"]["kmeans"]["metrics"]["acc"]["tolerance"]

    update = ["check", run(), "--baseline", baseline, "--update"]
    assert cli(*update, "--tolerance", "acc=0.123")[0] == 0
    assert tolerance() == 0.123
    _, out, _ = cli(*update)
    assert "tolerances set by hand and kept: 1" in out
    assert tolerance() == 0.123
    _, out, _ = cli("check", run(), "--baseline", baseline, "--tolerance", "acc=0.456")
    assert ".456" in out


def test_metrics_once_chosen_stay_when_the_baseline_is_updated(cli, run, baseline):
    update = ["check", run(), "--baseline", baseline, "--update"]
    assert cli(*update, "--metrics", "ami,wall_time")[0] == 0
    _, out, _ = cli(*update)
    assert "comparing ami, wall_time" in out
    _, out, _ = cli("check", run(), "--baseline", baseline, "--metrics", "ami")
    assert "quick: no regression (4 passed)" in out


@pytest.mark.parametrize(("arguments", "said"), [
    (["--metrics", "acc,accuracy"], "the baseline has no metric 'accuracy'; it has acc, nmi, ari"),
    (["--methods", "kmean"], "the baseline has no method 'kmean'; it has kmeans"),
    (["--tolerance", "acc"], "--tolerance acc: write METRIC=DROP"),
    (["--tolerance", "acc=-1"], "--tolerance acc=-1: write METRIC=DROP"),
    (["--tolerance", "acc=nan"], "--tolerance acc=nan: write METRIC=DROP"),
    (["--update", "--methods", "kmeans"], "--methods does not go with --update"),
    (["--update", "--metrics", "n_clusters_used"], "neither higher nor lower values are better"),
    (["--junit", "/dev/null/x.xml"], "/dev/null/x.xml: cannot be written"),
    (["--metrics", ""], "--metrics '': a name is empty; write names such as acc,nmi, or leave --metrics out"),
    (["--methods", ""], "--methods '': a name is empty; write names such as dec,sdec, or leave --methods out"),
    (["--methods", "kmeans,"], "--methods 'kmeans,': a name is empty"),
    (["--update", "--metrics", " "], "--metrics ' ': a name is empty"),
])  # fmt: skip
def test_wrong_use_is_one_line_and_exit_2(cli, run, baseline, arguments, said):
    code, _, err = cli("check", run(), "--baseline", baseline, *arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert said in err
    assert len(err.splitlines()) == 1


def test_blanks_around_names_are_ignored(cli, run, baseline):
    assert cli("check", run(), "--baseline", baseline, "--metrics", "acc, nmi", "--methods", " kmeans ")[0] == 0


def test_a_file_that_cannot_be_written_hides_no_regression(cli, run, baseline, tmp_path):
    unwritable, everything = "/dev/null/x.xml", tmp_path / "check.json"
    worse = run(range(10, 20), drop=0.04)
    code, out, err = cli("check", worse, "--baseline", baseline, "--junit", unwritable, "--json", everything)
    assert code == 1
    assert out.splitlines()[-1] == "quick: REGRESSION (3 failed, 4 passed)"
    assert err.startswith("error: /dev/null/x.xml: cannot be written")
    assert json.loads(everything.read_text())["exit_code"] == 1  # the other one is written all the same
    code, out, _ = cli("check", run(), "--baseline", baseline, "--junit", unwritable)
    assert (code, out.splitlines()[-1]) == (2, "quick: no regression (8 passed)")


def test_an_unfinished_run_makes_no_baseline(cli, run, baseline):
    content = baseline.read_bytes()
    plan(Run(run()), "kmeans", [f"kmeans-{seed}" for seed in range(12)])
    code, _, err = cli("check", run(), "--baseline", baseline, "--update")
    assert code == 2
    assert "2 of 12 planned runs are missing" in err
    assert "repeat the command of the run" in err
    assert baseline.read_bytes() == content
    plan(Run(run()), "kmeans", [f"kmeans-{seed}" for seed in range(10)])
    assert cli("check", run(), "--baseline", baseline, "--update")[0] == 0


def test_a_new_failure_is_not_hidden_by_an_older_success(cli, run, baseline):
    for seed in range(10):
        Run(run()).write(make_record("kmeans", seed, {}, status="failed", error="it broke", key=f"again-{seed}"), {})
    assert cli("check", run(), "--baseline", baseline)[0] == 0
    plan(Run(run()), "kmeans", [f"again-{seed}" for seed in range(10)])
    code, out, _ = cli("check", run(), "--baseline", baseline)
    assert code == 1
    assert "10 of 10 runs failed" in out
    code, _, err = cli("check", run(), "--baseline", baseline, "--update")
    assert (code, "no run has a score" in err) == (2, True)


def test_a_run_of_other_code_is_noted(cli, run, baseline):
    here = commit()
    _, out, _ = cli("check", run(), "--baseline", baseline)
    assert (f"note: computed at {'c' * 12}; the code here is" in out) == (here is not None)
    _, out, _ = cli("check", run(range(20, 30), commit=here), "--baseline", baseline)
    assert "computed at" not in out


def test_a_missing_run_or_baseline_is_an_error_and_another_file_is_not_overwritten(cli, run, baseline, tmp_path):
    code, _, err = cli("check", tmp_path, "--baseline", baseline)
    assert (code, "not the folder of a run" in err) == (2, True)
    code, _, err = cli("check", run(), "--baseline", tmp_path / "none.json")
    assert (code, "this baseline does not exist; --update writes it" in err) == (2, True)
    (tmp_path / "README.md").write_text("# Mine")
    code, _, err = cli("check", run(), "--baseline", tmp_path / "README.md", "--update")
    assert (code, "not a valid baseline" in err) == (2, True)
    assert (tmp_path / "README.md").read_text() == "# Mine"  # a slip of the finger overwrites nothing


def test_on_github_it_annotates_and_writes_the_summary_of_the_step(cli, run, baseline, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, out, _ = cli("check", run(range(3)), "--baseline", baseline)
    assert code == 2
    stop, *_, resume, annotation = out.splitlines()
    token = stop.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert resume == f"::{token}::"
    assert annotation.startswith("::error title=digits / kmeans%3A cannot compare::digits / kmeans: the run")
    assert summary.read_text().startswith("before\n### quick: cannot compare")
    assert cli("check", run(), "--baseline", baseline)[0] == 0
    assert summary.read_text().count("###") == 2
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/null/summary.md")
    assert cli("check", run(range(10, 20), drop=0.04), "--baseline", baseline)[0] == 1


def test_on_github_no_line_of_an_update_is_executed(cli, run, baseline, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    other = run(range(5, 15), dataset="::error::x")
    code, out, _ = cli("check", other, "--baseline", baseline, "--update")
    assert code == 0
    stop, *table, kept, resume, written = out.splitlines()
    assert stop.startswith("::stop-commands::")
    assert any(line.startswith("::error::x") for line in table)
    assert kept == "tolerances set by hand and kept: 0"
    assert resume == f"::{stop.removeprefix('::stop-commands::')}::"
    assert written.startswith("written: ")

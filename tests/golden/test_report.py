"""A stored run is chosen from, reported, checked and listed as it was, to the letter."""

import csv
import json
import re

import pandas as pd
import pytest

from tests.golden.compare import figures_in, page_without_drawings
from tests.golden.conftest import command

pytestmark = pytest.mark.figures

#: Sections that the run has something to say in.
TABLES = (
    *("calibration", "choices", "error_detection", "health", "metrics", "outliers", "over_datasets", "parameters"),
    *("pictures", "stability", "variance"),
)
#: Text files that the command writes into the run's folder.
FILES = (
    *("commands.txt", "experiment.json", "suite.toml", "plan.json", "selection.json", "oracle.json"),
    *("leaderboard.md", "leaderboard.csv", "leaderboard.tex", "contrasts.csv", "index.csv", "assignments.csv"),
    *(f"tables/{name}.csv" for name in TABLES),
)
#: Between two of these GitHub takes nothing for a command; each is drawn at random.
TOKEN = re.compile(r"\b[0-9a-f]{32}\b")
#: A note that is there where another commit made the run.
COMMIT = re.compile(r"^.*computed at [0-9a-f]{12}.*\n", re.MULTILINE)


def test_every_stored_cell_is_found_by_its_key(replayed):
    assert "8 runs, 8 done, 0 to run" in replayed.ended.out
    assert "132 runs, 132 done, 0 to run" in replayed.ended.out


def test_the_command_prints_and_ends_as_before(replayed, stored_text):
    assert replayed.ended.code == 3  # some runs of moody.py failed
    stored_text(replayed.ended.out, "run.out.txt")
    stored_text(replayed.ended.err, "run.err.txt")


@pytest.mark.parametrize("name", FILES)
def test_a_text_file_of_the_run_is_as_before(replayed, stored_text, name):
    stored_text((replayed.folder / name).read_text(encoding="utf-8"), f"run/{name}")


def test_the_page_is_as_before_but_for_its_drawings(replayed, stored_text):
    page = (replayed.folder / "report.html").read_text(encoding="utf-8")
    stored_text(page_without_drawings(page), "run/report.html")


def test_the_figures_show_what_they_showed(replayed, stored_json):
    stored_json(figures_in(replayed.folder), "figures.json", rtol=1e-3, atol=0.01)


def test_the_scores_have_the_columns_and_values_that_they_had(replayed, stored_json):
    scores = pd.read_parquet(replayed.folder / "scores.parquet")
    texts = scores.select_dtypes(exclude="number").map(str)
    content = {
        "types": {name: str(dtype) for name, dtype in scores.dtypes.items()},
        "sums": {name: float(scores[name].sum()) for name in scores.select_dtypes(include="number")},
        "texts": {name: sorted(set(texts[name])) for name in texts},
    }
    stored_json(content, "scores.json", rtol=1e-9, atol=1e-9)


def test_the_folder_holds_the_files_that_it_held(replayed, stored_text):
    paths = (path.relative_to(replayed.folder).as_posix() for path in replayed.folder.rglob("*") if path.is_file())
    stored_text("\n".join(sorted(paths)) + "\n", "run/files.txt")


def test_the_plan_of_a_stored_run_is_as_before(there, stored_text):
    stored_text(command("plan", "golden.toml", "--out", "run", "--jobs", "2").out, "plan.done.txt")


def test_the_plan_of_a_run_not_begun_is_as_before(there, stored_text):
    stored_text(command("plan", "golden.toml", "--out", "new", "--jobs", "2").out, "plan.new.txt")
    assert not (there / "new").exists()


def test_the_assignments_are_as_before(there, stored_text):
    chosen = command("assignments", "run", "--method", "sdec", "--seed", "1", "--dataset", "fruit")
    assert chosen.code == 0
    stored_text(chosen.out, "assignments.csv")
    stored_text(chosen.err, "assignments.err.txt")


def test_the_assignments_of_the_report_are_among_those_of_all_methods(there):
    printed = {tuple(row) for row in csv.reader(command("assignments", "run").out.splitlines())}
    written = {tuple(row) for row in csv.reader((there / "run" / "assignments.csv").read_text().splitlines())}
    assert written <= printed


def test_report_writes_what_run_wrote(there):
    kept = {name: (there / "run" / name).read_bytes() for name in (*FILES, "scores.parquet")}
    ended = command("report", "run", "--out", "again")
    assert ended.code == 0
    for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.tex", "contrasts.csv", "assignments.csv"):
        assert (there / "again" / name).read_bytes() == kept[name], name
    assert {name: (there / "run" / name).read_bytes() for name in kept} == kept


@pytest.fixture
def baseline(there, stored_text):
    """A baseline taken from the run, as it was taken before."""
    (there / "baseline.json").unlink(missing_ok=True)
    ended = command("check", "run", "--baseline", "baseline.json", "--update")
    assert ended.code == 0
    stored_text(ended.out, "check.update.txt")
    return there / "baseline.json"


def test_a_baseline_is_taken_as_before_and_the_run_passes_it(baseline, stored_text):
    stored_text(baseline.read_text(encoding="utf-8"), "baseline.json")
    ended = command("check", "run", "--baseline", "baseline.json")
    assert ended.code == 0
    stored_text(COMMIT.sub("", ended.out), "check.passed.txt")


def test_a_run_that_is_worse_fails_as_before(baseline, there, monkeypatch, stored_text):
    content = json.loads(baseline.read_text())
    for methods in content["methods"].values():
        metric = methods["kmeans"]["metrics"]["acc"]
        metric["scores"] = {seed: score + 0.5 for seed, score in metric["scores"].items()}
    (there / "better.json").write_text(json.dumps(content))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(there / "summary.md"))
    ended = command("check", "run", "--baseline", "better.json", "--junit", "junit.xml", "--json", "check.json")
    assert ended.code == 1
    stored_text(COMMIT.sub("", TOKEN.sub("TOKEN", ended.out)), "check.failed.txt")
    for name in ("junit.xml", "check.json", "summary.md"):
        text = COMMIT.sub("", (there / name).read_text(encoding="utf-8"))
        stored_text(text.replace('"notes": [\n ]', '"notes": []'), name)

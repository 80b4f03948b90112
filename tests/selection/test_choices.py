"""Choices are written down before labels are looked at, stand on boards, and are reported on other seeds."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.data.cards import load_dataset
from bench.data.dataset import Dataset
from bench.data.selection_split import heldout_indices
from bench.errors import InputError
from bench.execution.fit import fit_cell
from bench.execution.session import stage_to_report
from bench.metrics import find_metric
from bench.plan.plan import make_plan
from bench.plan.registry import find_method
from bench.plan.suite import make_suite
from bench.records.results import collect
from bench.records.store import Run
from bench.report.board import BoardRuns
from bench.report.build import boards_of
from bench.report.document import Board, Report
from bench.report.formats.latex import render_latex
from bench.report.formats.markdown import render_markdown
from bench.report.section import content_of
from bench.report.sections.choices import section as choices_section
from bench.report.write import write_report
from bench.selection.choices import (
    LabelFreeChoice,
    Oracle,
    OracleChoice,
    ScoredCandidate,
    Selection,
    chosen_in,
    describe_choice,
    read_choices,
    write_choices,
)
from bench.selection.decide import NO_PREDICT, choose_by_labels, choose_label_free, decide
from bench.selection.rule import HeldOutRun

SUITE = {
    "name": "s",
    "preset": "quick",
    "datasets": ["digits"],
    "methods": ["kmeans"],
    "seeds": "0-1",
    "grid": {"kmeans": {"n_init": [1, 2, 3]}},
    "selection_seeds": "10-12",
    "ablations": [],
}


def plan_of(digits, **changes):
    return make_plan(make_suite({**SUITE, **changes}, "test"), {"digits": digits})


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", limit=200)


def runs(*labelings):
    return [HeldOutRun(seed, labels) for seed, labels in enumerate(labelings)]


def mute(n_runs=2):
    return [HeldOutRun(seed, trouble=NO_PREDICT) for seed in range(n_runs)]


def test_the_oracle_takes_the_best_mean_and_never_one_with_a_failed_run(digits):
    (entry,), y = plan_of(digits).entries, digits.y[heldout_indices(digits)]
    constant = np.zeros(len(y), int)
    failed = [*runs(y), HeldOutRun(1, trouble="seed 1: failed: no")]
    candidates = [runs(constant, constant), runs(constant, y), runs(y, y), failed]
    choice = choose_by_labels(entry, candidates, digits, [0, 1], "acc")
    assert choice.chosen == choice.candidates[2].config
    of_constant = np.mean(y == np.bincount(y).argmax())
    assert [c.score for c in choice.candidates] == [
        pytest.approx(of_constant, abs=1e-6),
        pytest.approx((of_constant + 1) / 2, abs=1e-6),
        1,
        None,
    ]
    assert choice.candidates[3].out == ["seed 1: failed: no"]
    assert (
        describe_choice(choice)
        == "oracle choice for KMeans on digits[200]: n_init=2 (acc 1.00; 1 of 4 candidates excluded)"
    )


def test_a_choice_names_what_differs_and_what_was_gated_out(digits):
    (entry,), y = plan_of(digits).entries, digits.y[heldout_indices(digits)]
    points = digits.x[heldout_indices(digits)]
    like_classes = runs(y, np.where(np.arange(40) < 5, 0, y))
    choice = choose_label_free(entry, [mute(), mute(), like_classes, mute()], points, [0, 1])
    assert [c.parameters["n_init"] for c in choice.candidates] == [20, 1, 2, 3], "the preset, then the grid"
    assert {len(c.parameters) for c in choice.candidates} == {1}
    assert choice.candidates[0].out == [NO_PREDICT]
    assert describe_choice(choice).startswith(
        "label-free choice for KMeans on digits[200]: n_init=2 (prediction strength ."
    )
    assert describe_choice(choice).endswith("; 3 of 4 candidates excluded)")
    none = choose_label_free(entry, [mute()] * 4, points, [0, 1])
    assert none.chosen is None
    assert describe_choice(none).endswith(f"none: all 4 candidates are excluded; the first: {NO_PREDICT}")


def test_the_preset_is_chosen_where_nothing_of_the_grid_is_better(digits):
    (entry,), y = plan_of(digits).entries, digits.y[heldout_indices(digits)]
    points, shaky = digits.x[heldout_indices(digits)], runs(y, np.random.default_rng(0).permutation(y))
    steady = runs(y, y)
    for others in ([shaky] * 3, [steady] * 3):  # worse, and equal
        choice = choose_label_free(entry, [steady, *others], points, [0, 1])
        assert choice.chosen == choice.fixed
        assert choose_by_labels(entry, [steady, *others], digits, [0, 1], "acc").chosen == choice.fixed
    assert choose_label_free(entry, [shaky, shaky, steady, shaky], points, [0, 1]).chosen != choice.fixed


class Guarded(Dataset):
    """Does not show its labels until the label-free choice is on the disk."""

    def __getattribute__(self, name):
        if name == "y":
            assert (type(self).run / "selection.json").is_file()
        return super().__getattribute__(name)


@pytest.fixture
def chosen_from(digits, tmp_path):
    """A folder whose selection runs have ended, and their plan."""
    run, plan = Run(tmp_path), plan_of(digits)
    with run.lock():
        for cell in plan.selection_cells():
            run.write(*fit_cell(cell, find_method("kmeans"), digits, device="cpu", memory=None))
    return run, plan


def test_the_choice_is_on_the_disk_before_a_label_is_looked_at(digits, chosen_from):
    run, plan = chosen_from
    guarded = Guarded(**{name: getattr(digits, name) for name in Dataset.__dataclass_fields__})
    Guarded.run = run.folder
    label_free, oracle = decide(run, replace(plan, datasets={"digits": guarded}))
    assert (type(label_free), type(oracle)) == (LabelFreeChoice, OracleChoice)
    place = ("digits[200]", "kmeans")
    assert chosen_in(run, plan) == {
        "label-free": {place: label_free.chosen},
        "oracle": {place: oracle.chosen},
    }
    nothing = {"label-free": {}, "oracle": {}}
    assert chosen_in(run, plan_of(digits, selection_seeds="10-11")) == nothing  # made on other seeds
    assert chosen_in(run, plan_of(digits, grid={"kmeans": {"n_init": [1, 9]}})) == nothing
    assert chosen_in(run, plan_of(replace(digits, fingerprint="other"))) == nothing


def test_there_is_no_oracle_without_classes_nor_for_a_metric_that_needs_none(digits, chosen_from):
    run, plan = chosen_from
    for data, metric in ((digits, "silhouette_pixels"), (replace(digits, y=None), "acc")):
        decide(run, plan)
        assert read_choices(run, Oracle).choices
        (choice,) = decide(run, replace(plan_of(digits, primary_metric=metric), datasets={"digits": data}))
        assert isinstance(choice, LabelFreeChoice)
        assert read_choices(run, Oracle).choices == [], "nor does one stay that was made by another metric"


# -- files and boards -----------------------------------------------------------------------------


@pytest.fixture
def decided(digits, tmp_path):
    """A run of KMeans alone, S-DEC with two different choices, and DEC for which only the labels chose."""
    grid = {"sdec": {"learning_rate": [0.1, 0.2]}, "dec": {"reconstruction_weight": [0.01, 0.1]}}
    fixed = {"sdec": {"warmup_epochs": 0}}  # its counterpart is then one of the grid of DEC
    suite = make_suite({**SUITE, "methods": ["kmeans", "sdec", "dec"], "grid": grid, "set": fixed}, "test")
    run, plan = Run(tmp_path / "decided"), make_plan(suite, {"digits": digits})
    y, points = digits.y[heldout_indices(digits)], digits.x[heldout_indices(digits)]

    def only(i, n):
        return [runs(y, y, y) if j == i else mute(3) for j in range(n)]

    kmeans, sdec, dec = plan.entries
    seeds = [10, 11, 12]
    label_free = [(kmeans, []), (sdec, only(1, 3)), (dec, only(None, 3))]
    by_labels = [(sdec, only(2, 3)), (dec, only(1, 3))]
    with run.lock():
        run.write_suite(suite)
        write_choices(run, Selection(choices=[choose_label_free(c, found, points, seeds) for c, found in label_free]))
        write_choices(run, Oracle(choices=[choose_by_labels(c, found, digits, seeds, "acc") for c, found in by_labels]))
        stage, boards = stage_to_report(plan, run)
        run.write_plan(stage.cells, boards)
    return run


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "selection.json: .*JSON"),
        ('{"choices": [], "more": 1}', "selection.json: more: "),
        ("[]", "selection.json"),
    ],
)
def test_a_damaged_file_of_choices_is_named(digits, tmp_path, text, message):
    (tmp_path / "selection.json").write_text(text)
    with pytest.raises(InputError, match=message):
        chosen_in(Run(tmp_path), plan_of(digits))
    (tmp_path / "selection.json").rename(tmp_path / "oracle.json")
    with pytest.raises(InputError, match=message.replace("selection", "oracle")):
        chosen_in(Run(tmp_path), plan_of(digits))


def test_what_is_written_is_what_is_read(decided):
    for kind in (Selection, Oracle):
        before = (decided.folder / kind.name).read_bytes()
        stored_choices = read_choices(decided, kind)
        assert stored_choices.choices
        (decided.folder / kind.name).unlink()
        write_choices(decided, stored_choices)
        assert (decided.folder / kind.name).read_bytes() == before


def boards_in(*folders):
    boards = boards_of(collect([Run(folder) for folder in folders], lambda _: []))
    return {board.name: board.frame for board in boards}


def test_each_board_has_one_configuration_an_entry_and_their_twins(decided):
    boards = boards_in(decided.folder)
    roles = {name: dict(zip(rows["variant"], rows["role"], strict=True)) for name, rows in boards.items()}
    both = "dec reconstruction_weight=0.01"  # the oracle's choice for DEC, and the twin of S-DEC's preset
    twin, sdec = "dec (twin of sdec) learning_rate", "sdec warmup_epochs=0"
    assert roles == {
        "fixed": {"kmeans": "asked", sdec: "asked", both: "twin", "dec": "asked"},
        "label-free": {"kmeans": "asked", f"{sdec} learning_rate=0.1": "asked", f"{twin}=0.1": "twin"},
        "oracle": {"kmeans": "asked", f"{sdec} learning_rate=0.2": "asked", f"{twin}=0.2": "twin", both: "asked"},
    }
    assert all(set(rows["seed"]) == {0, 1} for rows in boards.values())


def test_beside_a_run_that_chose_one_that_did_not_is_on_the_fixed_board_with_all_it_has(decided, digits, tmp_path):
    suite = make_suite({**SUITE, "grid": {"kmeans": {"n_init": [8, 9]}}, "selection_seeds": None}, "test")
    other = Run(tmp_path / "other")
    with other.lock():
        other.write_suite(suite)
        cells = make_plan(suite, {"digits": digits}).cells()
        other.write_plan(cells[:2], {})
        other.write(
            *fit_cell(cells[-1], find_method("kmeans"), digits, device="cpu", memory=None)
        )  # an earlier command
    assert list(boards_in(other.folder)) == ["fixed"]
    alone, both = (variants_on(boards_in(*folders)) for folders in ([decided.folder], [decided.folder, other.folder]))
    alone["fixed"] = sorted([*alone["fixed"], "kmeans n_init=8", "kmeans n_init=9"])
    assert both == alone


def test_what_was_chosen_and_why_is_on_its_board(decided):
    write_report(collect([decided], lambda _: []), decided)
    _, label_free, oracle = re.split(
        "^## (?=Chosen|Oracle)", (decided.folder / "leaderboard.md").read_text(), flags=re.M
    )
    for board in (label_free, oracle):
        assert "### Choice of hyper-parameters" in board
        assert "10, 11, 12" in board
    assert "S-DEC on digits" in label_free
    assert NO_PREDICT in label_free
    assert "S-DEC on digits" in oracle
    page = (decided.folder / "report.html").read_text()
    board = page.index('id="label-free"')
    assert board < page.index("Candidates for S-DEC on digits[200]", board) < page.index('id="oracle"')
    assert "Selection seeds" in page


def variants_on(boards):
    return {name: sorted(set(rows["variant"])) for name, rows in boards.items()}


# -- the command ----------------------------------------------------------------------------------


CHOOSING = """
name = "tiny"
preset = "quick"
datasets = ["digits"]
methods = ["kmeans", "sdec", "MUTE"]
seeds = "0-1"
selection_seeds = "10-11"
ablations = []
limit = 200

[set.sdec]
batch_size = 16
pretrain_epochs = 60
epochs = 20

[grid.sdec]
beta = [0.1, 0.01]

[grid."MUTE"]
shift = [1, 2]
"""


def stored(folder):
    return {path.stem: json.loads(path.read_text()) for path in (folder / "records").glob("*.json")}


def choices_in(folder, name="selection.json"):
    return {choice["entry"]: choice for choice in json.loads((folder / name).read_text())["choices"]}


def on_boards(boards, method):
    return {name: set(rows.loc[rows["method"] == method, "config"]) for name, rows in boards.items()}


def to_config(records, method):
    (config,) = {r["config"] for r in records if r["method"] == method}
    return config


def test_boards_hold_what_the_last_command_chose_and_nothing_that_was_chosen_before(cli, tmp_path, plugins):
    method, folder, before = f"{plugins}:Stripes", tmp_path / "run", tmp_path / "before"
    start = ["run", "quick", "--limit", "200", "--methods", method, "--seeds", "2"]

    def choose(out, grid, *more):
        code, _, _ = cli(*start, "--set", f"{method}.parts={grid}", "--out", out, *more)
        assert code == 0
        return variants_on(boards_in(out))

    first = choose(folder, "10,12", "--selection-seeds", "7-8")
    assert first["fixed"] == [method]
    assert first["label-free"] in ([f"{method} parts=10"], [f"{method} parts=12"]), "the preset has too few clusters"
    shutil.copytree(folder, before)
    second = choose(folder, "11,13", "--selection-seeds", "7-8", "--append")
    assert second["fixed"] == [method]
    assert second["label-free"] in ([f"{method} parts=11"], [f"{method} parts=13"])
    assert not set(first["label-free"]) & {v for variants in second.values() for v in variants}
    assert set(first["label-free"]) <= {r["variant"] for r in stored(folder).values() if r["part"] == "whole"}

    of_both = {name: sorted({*first[name], *second[name]}) for name in second}
    for folders in ((folder, before), (before, folder)):
        assert variants_on(boards_in(*folders)) == of_both, "the order of the runs says nothing"

    afterwards = choose(folder, "10,12", "--append")
    assert afterwards == {"fixed": [f"{method} parts=10", f"{method} parts=12"]}, "what was asked for last"
    assert {*second["label-free"], *first["label-free"]} <= {
        r["variant"] for r in stored(folder).values() if r["part"] == "whole"
    }, "no result is lost"


def test_a_preset_that_nothing_beats_is_chosen_and_reported_once(cli, tmp_path, plugins):
    method, folder = f"{plugins}:Stripes", tmp_path / "run"
    start = ["run", "quick", "--limit", "200", "--clusters", "2", "--methods", method, "--seeds", "2", "--out", folder]
    code, out, _ = cli(*start, "--set", f"{method}.parts=5,9", "--selection-seeds", "7-8")
    assert code == 0
    assert "label-free choice for Stripes on digits[200]: parts=2 (" in out
    choice = choices_in(folder)[method]
    assert choice["chosen"] == choice["fixed"] == choice["candidates"][0]["config"]
    boards = boards_in(folder)
    assert on_boards({name: boards[name] for name in ("fixed", "label-free")}, method) == {
        "fixed": {choice["fixed"]},
        "label-free": {choice["fixed"]},
    }
    assert [r["seed"] for r in stored(folder).values() if (r["part"], r["config"]) == ("whole", choice["fixed"])] == [0]


def test_what_a_plugin_says_in_a_reason_breaks_out_of_no_line(tmp_path):
    hostile = "\x1b[31m\n\\input{x} | <b>"
    candidate = ScoredCandidate(config="c", variant="c", parameters={"p": hostile}, out=[hostile])
    place = {"dataset": hostile, "fingerprint": "f", "entry": "e", "title": hostile, "seeds": [1, 2]}
    choice = OracleChoice(**place, metric="acc", candidates=[candidate], reason=hostile)
    runs = BoardRuns("oracle", pd.DataFrame(), find_metric("acc"), None, [choice])
    report = Report("t", "s", (Board("oracle", "Oracle", "", (content_of(choices_section, runs, []),)),))
    assert "\\input" not in render_latex(report)
    assert "\x1b" not in render_markdown(report)
    assert "<b>" not in render_markdown(report).replace("\\<b\\>", "")


def test_no_oracle_chooses_by_what_no_label_enters(cli, tmp_path):
    suite = tmp_path / "s.toml"
    suite.write_text(
        'name = "s"\nprimary_metric = "silhouette_pixels"\npreset = "quick"\nmethods = ["kmeans"]\n'
        'datasets = ["digits"]\nlimit = 200\nseeds = 2\nselection_seeds = "5-6"\n[grid.kmeans]\nn_init = [1, 2]\n'
    )
    code, out, _ = cli("run", suite, "--out", tmp_path / "run")
    assert code == 0
    assert "label-free choice" in out
    assert "oracle choice" not in out
    assert list(boards_in(tmp_path / "run")) == ["fixed", "label-free"]


@pytest.mark.parametrize("values", ["3", "3,4"])
@pytest.mark.parametrize(
    ("parameter", "mend"),
    [
        ("n_clusters", "clusters = N in the suite, or --clusters N"),
        ("random_state", "seeds in the suite, or --seeds"),
        ("device", "--device"),
        ("memory", "$DEEPCLUSTBENCH_CACHE"),
    ],
)
def test_what_the_runner_sets_is_refused_as_a_parameter(cli, tmp_path, parameter, mend, values):
    code, _, err = cli("plan", "quick", "--methods", "kmeans", "--set", f"kmeans.{parameter}={values}")
    assert code == 2
    assert f"kmeans.{parameter} applies to all methods: write {mend}" in " ".join(err.split())


def test_a_grid_given_on_the_command_line_is_chosen_from(cli, tmp_path):
    suite = tmp_path / "s.toml"
    suite.write_text(
        'name = "s"\npreset = "quick"\nmethods = ["kmeans", "dec"]\ndatasets = ["digits"]\nlimit = 200\nseeds = 2\n'
        'selection_seeds = "5-6"\n[grid.dec]\nepochs = [1, 2]\n'
    )
    code, out, _ = cli("plan", suite, "--methods", "kmeans", "--set", "kmeans.n_init=1,2", "--out", tmp_path / "run")
    assert code == 0
    assert "6 runs, 6 left" in out, "the preset and two values, each with two seeds"
    for settings in ((), ("--set", "kmeans.n_init=1")):
        code, out, _ = cli("plan", suite, "--methods", "kmeans", *settings, "--out", tmp_path / "run")
        assert (code, "Runs to report" in out) == (0, False), "every method has one configuration is left"
        assert "2 runs, 2 left" in out


def test_a_run_chooses_then_reports_on_other_seeds_and_does_neither_twice(cli, tmp_path, plugins):
    suite, folder, mute = tmp_path / "tiny.toml", tmp_path / "run", f"{plugins}:Mute"
    suite.write_text(CHOOSING.replace("MUTE", mute))
    code, out, _ = cli("plan", suite, "--out", folder)
    assert code == 0
    to_choose, _, to_report = out.partition("Runs to report")
    assert "10 runs, 10 left" in to_choose  # S-DEC with 2 values, one is the preset's; Mute with the preset and 2
    assert "8 runs, 8 left" in to_report  # KMeans, S-DEC, its twin and Mute, two seeds
    assert not folder.exists()

    code, out, _ = cli("run", suite, "--out", folder, "--device", "cpu")
    assert code == 0
    assert "label-free choice for S-DEC on digits[200]: beta=0." in out
    assert "oracle choice for S-DEC on digits[200]: beta=0." in out
    assert (
        f"label-free choice for Mute on digits[200]: none: all 3 candidates are excluded; the first: {NO_PREDICT}"
        in out
    )

    records = stored(folder).values()
    to_choose = [r for r in records if r["part"] == "selection"]
    to_report = [r for r in records if r["part"] == "whole"]
    assert {r["seed"] for r in to_choose} == {10, 11}
    assert {r["seed"] for r in to_report} == {0, 1}
    assert (len(to_choose), {r["reasons"]["acc"] for r in to_choose}) == (10, {"the data set is unlabelled"})
    choice, oracle = choices_in(folder)["sdec"], choices_in(folder, "oracle.json")["sdec"]
    reported = {r["config"] for r in to_report if r["method"] == "sdec"}
    assert reported == {choice["fixed"], choice["chosen"], oracle["chosen"]}
    assert {x["config"] for x in choice["candidates"]} == {r["config"] for r in to_choose if r["method"] == "sdec"}
    boards = boards_in(folder)
    assert all(set(rows["seed"]) == {0, 1} for rows in boards.values())
    assert on_boards(boards, "sdec") == {
        "fixed": {choice["fixed"]},
        "label-free": {choice["chosen"]},
        "oracle": {oracle["chosen"]},
    }
    kmeans = to_config(to_report, "kmeans")
    assert on_boards(boards, "kmeans") == {name: {kmeans} for name in boards}, "one configuration"
    assert on_boards(boards, mute) == {"fixed": {to_config(to_report, mute)}, "label-free": set(), "oracle": set()}
    assert all(set(rows.query("method == 'dec'")["role"]) == {"twin"} for rows in boards.values())

    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.json")}
    code, out, _ = cli("run", suite, "--out", folder)
    assert (code, out.count(" 0 to run")) == (0, 2)
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.json")}

    (folder / "oracle.json").unlink()  # as if killed in between
    (folder / "selection.json").unlink()
    code, out, _ = cli("run", suite, "--out", folder)
    assert (code, out.count(" 0 to run")) == (0, 2)
    assert {path: content for path, (content, _) in before.items()} == {
        p: p.read_bytes() for p in folder.rglob("*.json")
    }


def test_a_candidate_that_fails_or_has_too_few_clusters_is_out_and_recorded(cli, tmp_path, plugins):
    method, folder = f"{plugins}:Stripes", tmp_path / "run"
    arguments = ["run", "quick", "--limit", "200", "--seeds", "2", "--methods", method, "--out", folder]
    arguments += ["--set", f"{method}.parts=0,2,10,40", "--selection-seeds", "7-8"]
    code, _, err = cli(*arguments)
    assert code == 3
    assert "nothing to cut into" in err
    choice = choices_in(folder)[method]
    reasons = [" ".join(c["out"]) for c in choice["candidates"]]
    assert "seed 7: failed: RuntimeError: nothing to cut into" in reasons[0]
    assert "effective clusters, fewer than 80% of 10" in reasons[1]
    assert reasons[2:] == ["", ""]
    assert choice["chosen"] == choice["candidates"][2]["config"]
    whole = {r["config"] for r in stored(folder).values() if r["part"] == "whole"}
    assert {choice["fixed"], choice["chosen"]} <= whole
    assert choice["candidates"][0]["config"] not in whole

    code, _, err = cli(*arguments[:-2], "--selection-seeds", "1-2")
    assert code == 2
    assert "share [1]" in err

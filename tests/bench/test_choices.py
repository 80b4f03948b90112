"""Choices are written down before labels are looked at, stand on boards, and are reported on other seeds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bench.cards import load_dataset
from bench.dataset import Dataset
from bench.errors import InputError
from bench.registry import find_method
from bench.report import _board_frames
from bench.results import collect
from bench.runner.cell import fit_cell
from bench.selection.boards import chosen_in
from bench.selection.contest import contests_of, selection_cells
from bench.selection.decide import NO_PREDICT, choose_by_labels, choose_label_free, decide, sentence
from bench.selection.rule import HeldOutRun
from bench.selection.split import heldout_indices
from bench.selection.stored import (
    JudgedCandidate,
    LabelFreeChoice,
    OracleChoice,
    ScoredCandidate,
    Selection,
    read,
    write,
)
from bench.store import Run
from bench.suite import make_suite

SUITE = {
    "name": "s",
    "preset": "quick",
    "datasets": ["digits"],
    "methods": ["kmeans"],
    "seeds": "0-1",
    "grid": {"kmeans": {"n_init": [1, 2, 3]}},
    "selection_seeds": "10-12",
}


def contests_with(digits, **changes):
    return contests_of(make_suite({**SUITE, **changes}, "test"), {"digits": digits}, find_method)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", limit=200)


def runs(*labelings):
    return [HeldOutRun(seed, labels) for seed, labels in enumerate(labelings)]


def test_the_oracle_takes_the_best_mean_and_never_one_with_a_failed_run(digits):
    (contest,), y = contests_with(digits), digits.y[heldout_indices(digits)]
    constant = np.zeros(len(y), int)
    failed = [*runs(y), HeldOutRun(1, trouble="seed 1: failed: no")]
    choice = choose_by_labels(contest, [runs(constant, y), runs(y, y), failed], digits, [0, 1], "acc")
    assert choice.chosen == choice.candidates[1].config
    assert [c.score for c in choice.candidates] == [
        pytest.approx((np.mean(y == np.bincount(y).argmax()) + 1) / 2, abs=1e-6),
        1,
        None,
    ]
    assert choice.candidates[2].out == ["seed 1: failed: no"]
    assert sentence(choice) == "oracle choice for KMeans on digits[200]: n_init=2 (acc 1.00; 1 of 3 candidates out)"


def test_on_unlabelled_data_the_oracle_has_no_choice_by_classes_and_one_by_an_index(digits):
    (contest,), bare = contests_with(digits), replace(digits, y=None)
    stripes = [runs(*[np.arange(40) % k] * 2) for k in (2, 3, 4)]
    choice = choose_by_labels(contest, stripes, bare, [0, 1], "acc")
    assert (choice.chosen, choice.reason) == (None, "since all 3 candidates are out: the data set is unlabelled")
    assert choose_by_labels(contest, stripes, bare, [0, 1], "silhouette_pixels").chosen


def test_a_choice_names_what_differs_and_what_was_gated_out(digits):
    (contest,), y = contests_with(digits), digits.y[heldout_indices(digits)]
    mute = [HeldOutRun(seed, trouble=NO_PREDICT) for seed in (0, 1)]
    points = digits.x[heldout_indices(digits)]
    choice = choose_label_free(contest, [mute, runs(y, np.where(np.arange(40) < 5, 0, y)), mute], points, [0, 1])
    assert [c.parameters for c in choice.candidates] == [{"n_init": 1}, {"n_init": 2}, {"n_init": 3}]
    assert choice.candidates[0].out == [NO_PREDICT]
    assert sentence(choice).startswith("label-free choice for KMeans on digits[200]: n_init=2 (prediction strength .")
    assert sentence(choice).endswith("; 2 of 3 candidates gated out)")
    none = choose_label_free(contest, [mute] * 3, points, [0, 1])
    assert none.chosen is None
    assert sentence(none).endswith(f"none, since all 3 candidates are out: {NO_PREDICT}")


class Guarded(Dataset):
    """Does not show its labels until the label-free choice is on the disk."""

    def __getattribute__(self, name):
        if name == "y":
            assert (type(self).run / "selection.json").is_file()
        return super().__getattribute__(name)


def test_the_choice_is_on_the_disk_before_a_label_is_looked_at(digits, tmp_path):
    suite, run = make_suite(SUITE, "test"), Run(tmp_path)
    contests = contests_with(digits)
    with run.lock():
        for cell in selection_cells(suite, {"digits": digits}, contests):
            run.write(*fit_cell(cell, find_method("kmeans"), digits, device="cpu", memory=None))
    guarded = Guarded(**{name: getattr(digits, name) for name in Dataset.__dataclass_fields__})
    Guarded.run = tmp_path
    choices = decide(run, contests, {"digits": guarded}, [10, 11, 12], "acc")
    assert [type(choice) for choice in choices] == [LabelFreeChoice, OracleChoice]
    assert chosen_in(run, contests, [10, 11, 12]) == {("digits[200]", "kmeans"): {choice.chosen for choice in choices}}
    assert chosen_in(run, contests, [10, 11]) == {}  # made on other seeds
    others = contests_with(digits, grid={"kmeans": {"n_init": [1, 9]}})
    assert chosen_in(run, others, [10, 11, 12]) == {}  # made among others


# -- files and boards -----------------------------------------------------------------------------


def label_free(entry, fixed, candidates, chosen):
    named = [JudgedCandidate(config=c, variant=c, parameters={}) for c in candidates]
    place = {"dataset": "d", "fingerprint": "of d", "entry": entry, "title": entry, "seeds": [1, 2]}
    return LabelFreeChoice(**place, fixed=fixed, candidates=named, chosen=chosen)


def by_oracle(entry, candidates, chosen):
    named = [ScoredCandidate(config=c, variant=c, parameters={}) for c in candidates]
    place = {"dataset": "d", "fingerprint": "of d", "entry": entry, "title": entry, "seeds": [1, 2]}
    return OracleChoice(**place, metric="acc", candidates=named, chosen=chosen)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "selection.json: .*JSON"),
        ('{"choices": [], "more": 1}', "selection.json: more: "),
        ("[]", "selection.json"),
    ],
)
def test_a_damaged_file_of_choices_is_named(tmp_path, text, message):
    (tmp_path / "selection.json").write_text(text)
    with pytest.raises(InputError, match=message):
        boards_of(Run(tmp_path))


def test_what_is_written_is_what_is_read(decided):
    before = (decided.folder / "selection.json").read_bytes()
    write(decided, read(decided, Selection))
    assert (decided.folder / "selection.json").read_bytes() == before


# -- the command ----------------------------------------------------------------------------------


CHOOSING = """
name = "tiny"
preset = "quick"
datasets = ["digits"]
methods = ["kmeans", "sdec", "MUTE"]
seeds = "0-1"
selection_seeds = "10-11"
limit = 200

[set.sdec]
pretrain_epochs = 2
epochs = 2

[grid.sdec]
beta = [0.1, 0.01]

[grid."MUTE"]
shift = [1, 2]
"""


def stored(folder):
    return {path.stem: json.loads(path.read_text()) for path in (folder / "records").glob("*.json")}


def choices_in(folder, name="selection.json"):
    return {choice["entry"]: choice for choice in json.loads((folder / name).read_text())["choices"]}


def boards_in(*folders):
    return _board_frames(collect([Run(folder) for folder in folders], lambda _: []))


def on_boards(boards, method):
    return {name: set(rows.loc[rows["method"] == method, "config"]) for name, rows in boards.items()}


def to_config(records, method):
    (config,) = {r["config"] for r in records if r["method"] == method}
    return config


def variants_on(boards):
    return {name: sorted(set(rows["variant"])) for name, rows in boards.items()}


def test_boards_hold_what_the_last_command_chose_and_nothing_that_was_chosen_before(cli, tmp_path):
    start = ["run", "quick", "--limit", "200", "--methods", "kmeans", "--seeds", "2"]
    folder, other = tmp_path / "run", tmp_path / "other"

    def choose(out, grid, *more):
        code, _, _ = cli(*start, "--set", f"kmeans.n_init={grid}", "--out", out, *more)
        assert code == 0
        return variants_on(boards_in(out))

    first = choose(folder, "2,3", "--selection-seeds", "7-8")
    assert first["fixed"] == ["kmeans"]
    assert first["label-free"] in (["kmeans"], ["kmeans n_init=2"], ["kmeans n_init=3"])
    second = choose(folder, "4,5", "--selection-seeds", "7-8")
    assert second["fixed"] == ["kmeans"]
    assert not {"kmeans n_init=2", "kmeans n_init=3"} & {v for variants in second.values() for v in variants}

    choose(other, "2,3", "--selection-seeds", "9-10")
    there, back = variants_on(boards_in(folder, other)), variants_on(boards_in(other, folder))
    assert there == back, "the order of the runs says nothing"
    assert set(second["oracle"]) <= set(there["oracle"])

    afterwards = choose(folder, "2,3")
    assert list(afterwards) == ["fixed"]
    assert {"kmeans n_init=2", "kmeans n_init=3"} <= set(afterwards["fixed"]), "no result is lost"


def test_what_was_chosen_and_why_is_on_its_board(cli, tmp_path, plugins):
    suite, folder = tmp_path / "tiny.toml", tmp_path / "run"
    suite.write_text(CHOOSING.replace("MUTE", f"{plugins}:Mute"))
    assert cli("run", suite, "--out", folder, "--device", "cpu")[0] == 0
    text = (folder / "leaderboard.md").read_text()
    assert "## Chosen without labels" in text
    assert "### Choices" in text
    assert NO_PREDICT in text
    assert "Chosen on the seeds 10, 11" in text
    page = (folder / "report.html").read_text()
    assert page.index('id="board-label-free"') < page.index("Candidates for S-DEC on digits[200]")
    assert "Selection seeds" in page


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


def test_what_the_runner_sets_is_refused_as_a_parameter(cli, tmp_path):
    for parameter, mend in (("n_clusters", "--clusters N"), ("random_state", "--seeds"), ("device", "--device")):
        code, _, err = cli("plan", "quick", "--methods", "kmeans", "--set", f"kmeans.{parameter}=3,4")
        assert code == 2
        assert f"kmeans.{parameter} is set for every method alike: write" in err
        assert mend in err


def test_a_grid_given_on_the_command_line_is_chosen_from(cli, tmp_path):
    suite = tmp_path / "s.toml"
    suite.write_text(
        'name = "s"\npreset = "quick"\nmethods = ["kmeans", "dec"]\ndatasets = ["digits"]\nlimit = 200\nseeds = 2\n'
        'selection_seeds = "5-6"\n[grid.dec]\nepochs = [1, 2]\n'
    )
    code, out, _ = cli("plan", suite, "--methods", "kmeans", "--set", "kmeans.n_init=1,2", "--out", tmp_path / "run")
    assert code == 0
    assert "6 cells, 6 left" in out, "the preset and two values, each with two seeds"
    code, out, _ = cli("plan", suite, "--methods", "kmeans", "--out", tmp_path / "run")
    assert (code, "To report" in out) == (0, False), "nothing to choose between is left"


def test_a_run_chooses_then_reports_on_other_seeds_and_does_neither_twice(cli, tmp_path, plugins):
    suite, folder, mute = tmp_path / "tiny.toml", tmp_path / "run", f"{plugins}:Mute"
    suite.write_text(CHOOSING.replace("MUTE", mute))
    code, out, _ = cli("plan", suite, "--out", folder)
    assert code == 0
    assert "8 cells, 8 left" in out
    assert "8 cells, 8 left" in out.partition("To report")[2]  # KMeans, S-DEC, its twin and Mute, two seeds
    assert not folder.exists()

    code, out, _ = cli("run", suite, "--out", folder, "--device", "cpu")
    assert code == 0
    assert "label-free choice for S-DEC on digits[200]: beta=0." in out
    assert "oracle choice for S-DEC on digits[200]: beta=0." in out
    assert f"label-free choice for Mute on digits[200]: none, since all 2 candidates are out: {NO_PREDICT}" in out

    records = stored(folder).values()
    to_choose = [r for r in records if r["part"] == "selection"]
    to_report = [r for r in records if r["part"] == "whole"]
    assert {r["seed"] for r in to_choose} == {10, 11}
    assert {r["seed"] for r in to_report} == {0, 1}
    assert (len(to_choose), {r["reasons"]["acc"] for r in to_choose}) == (8, {"the data set is unlabelled"})
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
    assert on_boards(boards, "kmeans") == dict.fromkeys(boards, {to_config(to_report, "kmeans")}), "one configuration"
    assert on_boards(boards, mute) == {"fixed": {to_config(to_report, mute)}, "label-free": set(), "oracle": set()}
    assert {name: set(rows.query("method == 'dec'")["role"]) for name, rows in boards.items()} == dict.fromkeys(
        boards, {"twin"}
    )

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
    code, out, _ = cli(*arguments)
    assert code == 3
    assert "nothing to cut into" in out
    choice = choices_in(folder)[method]
    reasons = [" ".join(c["out"]) for c in choice["candidates"]]
    assert "seed 7: failed: RuntimeError: nothing to cut into" in reasons[0]
    assert "effective clusters, below 0.8 of 10" in reasons[1]
    assert reasons[2:] == ["", ""]
    assert choice["chosen"] == choice["candidates"][2]["config"]
    whole = {r["config"] for r in stored(folder).values() if r["part"] == "whole"}
    assert {choice["fixed"], choice["chosen"]} <= whole
    assert choice["candidates"][0]["config"] not in whole

    code, _, err = cli(*arguments[:-2], "--selection-seeds", "1-2")
    assert code == 2
    assert "share [1]" in err

"""One folder, one experiment: what differs is not averaged, and what extends it needs no flag."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.plan.suite import load_suite
from bench.records.experiment import check_same_experiment, default_folder, stored_experiment
from bench.records.store import Run
from tests.guides.reading import blocks, calls, inner

BASE = ["run", "quick", "--methods", "kmeans", "--seeds", "1", "--limit", "100"]


def changed(arguments, **changes):
    """Return arguments with the values of some options changed, or added."""
    words = list(arguments)
    for option, value in changes.items():
        name = f"--{option.replace('_', '-')}"
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += [name, value]
    return words


@pytest.fixture
def done(cli, tmp_path, tmp_path_factory):
    """A finished run; made once, and a copy for each test."""
    once = tmp_path_factory.getbasetemp() / "an experiment"
    if not once.exists():
        code, out, err = cli(*BASE, "--out", once)
        assert code == 0, out + err
    return Path(shutil.copytree(once, tmp_path / "run"))


def records(folder):
    return {path.stem for path in (folder / "records").glob("*.json")}


@pytest.mark.parametrize(
    ("change", "there", "here"),
    [
        ({"limit": "120"}, "limit 100", "limit 120"),
        ({"clusters": "3"}, "no clusters", "clusters 3"),
        ({"preset": "paper"}, "preset quick", "preset paper"),
        ({"set": "kmeans.n_init=2"}, "kmeans as its preset", "kmeans n_init=2"),
        ({"set": "kmeans.n_init=1,2"}, "kmeans as its preset", "kmeans n_init=1,2"),
        ({"search": "3"}, "no search", "search 3"),
        ({"selection_seeds": "100-104", "set": "kmeans.n_init=1,2"}, "no selection seeds", "selection seeds 100-104"),
    ],
)
def test_another_experiment_is_refused_with_both_described_and_the_mend(cli, done, change, there, here):
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*")}
    for command in ("run", "plan") if "limit" in change else ("plan",):
        code, _, err = cli(*changed([command, *BASE[1:], "--out", str(done)], **change))
        assert code == 2
        assert err.startswith(f"error: {done} holds {there}")
        assert f"this command has {here}" in err
        assert "--out NAME" in err
        assert "--append" in err
        assert err.count("\n") == 1
    after = {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.name != ".lock"}
    assert {path.name for path in after if before.get(path) != after[path]} <= {"run", ".lock"}


@pytest.mark.parametrize(("key", "value"), [("label", 0), ("header", "none"), ("separator", ";")])
def test_how_a_table_is_read_is_part_of_the_experiment(done, key, value):
    run = Run(done)
    asked = stored_experiment(run).model_copy(update={key: value})
    with pytest.raises(InputError, match=f"holds no {key}, this command has {key} {value}"):
        check_same_experiment(run, asked, append=False)


def test_another_suite_and_another_content_of_one_name_are_refused(cli, done, tmp_path):
    suite = tmp_path / "other.toml"
    suite.write_text(
        'name = "other"\npreset = "quick"\ndatasets = ["digits"]\nmethods = ["kmeans"]\nseeds = 1\nlimit = 100\n'
    )
    _, _, err = cli("run", suite, "--out", done)
    assert "holds suite quick, this command has suite other" in err
    suite.write_text(suite.read_text().replace("other", "quick").replace("limit", 'primary_metric = "nmi"\nlimit'))
    _, _, err = cli("run", suite, "--out", done)
    assert "holds primary metric acc, this command has primary metric nmi" in err

    one, two = tmp_path / "one", tmp_path / "two"
    for folder, rows in ((one, "0,1\n1,0\n0,0\n1,1\n"), (two, "0,1\n1,0\n0,0\n1,2\n")):
        folder.mkdir()
        (folder / "points.csv").write_text("a,b\n" + rows)
    table = ["run", "--methods", "kmeans", "--seeds", "1", "--clusters", "2", "--out", tmp_path / "tables"]
    assert cli(*table, "--datasets", one / "points.csv")[0] == 0
    code, _, err = cli(*table, "--datasets", two / "points.csv")
    assert code == 2
    assert "points with content" in err


def test_more_and_fewer_seeds_methods_and_data_sets_need_no_flag(cli, done):
    again = [*BASE, "--out", str(done)]
    steps = [
        ({"seeds": "3"}, 3),
        ({"methods": "kmeans,sklearn.cluster:Birch"}, 4),
        ({"datasets": "digits,blobs64"}, 5),
        ({"set": "sklearn.cluster:Birch.threshold=0.3", "methods": "sklearn.cluster:Birch"}, None),
        ({}, 5),
    ]
    for change, n in steps:
        code, _, err = cli(*changed(again, **change))
        assert code == (2 if n is None else 0), err
        assert n is None or len(records(done)) == n
    assert "also holds" not in (done / "leaderboard.md").read_text()


def test_what_a_method_was_set_to_is_remembered_beyond_the_last_command(cli, done):
    again = [*BASE, "--out", str(done)]
    assert cli(*changed(again, methods="sklearn.cluster:Birch"))[0] == 0
    code, _, err = cli(*changed(again, set="kmeans.n_init=2"))
    assert code == 2
    assert "kmeans as its preset" in err


def test_a_larger_search_extends_a_smaller_one(cli, tmp_path, plugins):
    asked = ["plan", "quick", "--methods", "ae_kmeans", "--seeds", "1", "--limit", "100", "--out", tmp_path]
    names = {default_folder(load_suite("quick"), load_suite("quick", search=n)) for n in (20, 40)}
    assert len(names) == 1
    assert cli(*asked, "--search", "2")[0] == cli(*asked, "--search", "4")[0] == 0


def test_appended_cells_are_reported_alone_and_the_report_says_what_else_is_there(cli, done):
    first = records(done)
    code, out, _ = cli(*changed(BASE, limit="120"), "--out", done, "--append")
    assert code == 0
    assert len(records(done)) == 2
    assert first < records(done)
    for text in (out, (done / "leaderboard.md").read_text().replace("\\", "")):
        assert "also holds runs of other commands" in text
        assert "1 run on digits[100] (kmeans)" in text
    assert "digits[120]" in (done / "leaderboard.csv").read_text()
    assert "digits[100]" not in (done / "leaderboard.csv").read_text()

    code, out, _ = cli("report", done)
    assert code == 0
    assert "also holds runs of other commands" in out
    assert cli(*changed(BASE, limit="120"), "--out", done)[0] == 0  # the same experiment: no flag
    code, _, err = cli(*BASE, "--out", done)
    assert code == 2
    assert "holds limit 120" in err


def test_an_older_folder_is_told_by_its_suite(cli, done):
    (done / "experiment.json").unlink()
    assert cli(*changed(BASE, seeds="2"), "--out", done)[0] == 0
    (done / "experiment.json").unlink()
    code, _, err = cli(*changed(BASE, limit="120"), "--out", done)
    assert code == 2
    assert "holds limit 100" in err


def test_an_older_folder_that_mixes_limits_is_reported_as_its_last_command_asked(cli, done):
    cli(*changed(BASE, limit="120"), "--out", done, "--append")
    (done / "experiment.json").unlink()
    code, out, _ = cli("report", done)
    assert code == 0
    assert "1 run on digits[100] (kmeans)" in out


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'{"suite": "quick", "colour": 1}'])
def test_a_damaged_experiment_is_a_line(cli, done, content):
    (done / "experiment.json").write_bytes(content)
    code, _, err = cli(*BASE, "--out", done)
    assert code == 2
    assert "experiment.json: not a valid experiment" in err
    assert err.count("\n") == 1


def test_a_folder_without_a_record_holds_nothing(cli, done):
    for path in (done / "records").iterdir():
        path.unlink()
    assert cli(*changed(BASE, limit="120"), "--out", done)[0] == 0


def test_reading_an_experiment_needs_no_more_than_its_suite(done):
    kept = json.loads((done / "experiment.json").read_text())
    suite = tomllib.loads((done / "suite.toml").read_text())
    assert {kept["limit"], kept["suite"]} == {suite["limit"], suite["name"]}
    assert kept["datasets"].keys() == {"digits[100]"}
    assert Run(done).has_records()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "quick"),
        ({"seeds": "3", "methods": ["kmeans"]}, "quick"),
        ({"preset": "quick"}, "quick"),
        ({"datasets": ["digits", "usps"]}, "quick"),
        ({"limit": 300}, "quick-limit300"),
        ({"preset": "paper"}, "quick-preset-paper"),
        ({"clusters": 8, "limit": 300}, "quick-limit300-clusters8"),
        ({"datasets": ["points.npz"]}, "quick-points.npz"),
        ({"datasets": ["hf:ylecun/mnist"]}, "quick-hf-ylecun-mnist"),
        ({"label": -1, "header": "none", "separator": ";"}, "quick-label-1-header-none-separator"),
        ({"settings": {("sdec", "beta"): [0.1, 0.01]}}, "quick-sdec.beta=0.1,0.01"),
        ({"settings": {("sdec", "prior"): ["standard"]}}, "quick-sdec.prior=standard"),
        ({"search": 5}, "quick-searched"),
        ({"search": 5, "selection_seeds": "100-102"}, "quick-searched-selection100-102"),
    ],
)
def test_a_folders_name_tells_the_experiment(changes, name):
    assert default_folder(load_suite("quick"), load_suite("quick", **changes)) == Path("results/runs") / name


def test_a_long_name_is_cut_and_still_its_own():
    def named(last):
        changes = {"settings": {("sdec", "beta"): [*(i / 1000 for i in range(100)), last]}}
        return default_folder(load_suite("quick"), load_suite("quick", **changes)).name

    assert named(0.5) != named(0.6)
    assert len(named(0.5)) <= 100


def test_the_runs_of_the_guides_meet_only_where_they_are_one_experiment(cli, monkeypatch, tmp_path):
    """Commands that share a default folder differ in seeds, methods and data sets alone."""
    from typer.testing import CliRunner

    folders = {}
    suites = []
    from bench.cli.commands import app
    from bench.cli.options import SuiteOptions

    def stop(options, suite):
        suites.append((options.suite, suite))
        raise ZeroDivisionError

    monkeypatch.setattr(SuiteOptions, "folder", stop)

    made = {one for block in blocks("sh") for call in calls(block.text, tmp_path) for one in inner(call)}
    for program, *words in sorted(made):
        of_files = {"genes.toml", "mine.toml"} & set(words)
        if program == "deepclustbench" and words[0] == "run" and "--out" not in words and not of_files:
            CliRunner().invoke(app, words)
            name, asked = suites.pop()
            folders.setdefault(default_folder(load_suite(name), asked), []).append(asked)
    assert len(folders) > 8
    for sharing in folders.values():
        kept = {"preset", "limit", "clusters", "search", "selection_seeds", "set", "grid", "name", "label", "header"}
        assert len({suite.model_dump_json(include=kept) for suite in sharing}) == 1

"""The commands run, plan, report and the lists, as a user types them."""

import json
import re

import numpy as np
import pytest


def records(folder):
    return {path.stem: json.loads(path.read_text()) for path in (folder / "records").glob("*.json")}


def test_a_run_leaves_records_outputs_and_leaderboards_and_is_not_run_again(cli, tiny, tmp_path):
    folder = tmp_path / "run"
    code, out, _ = cli("run", tiny, "--out", folder, "--device", "cpu")
    assert code == 0
    first = records(folder)
    assert len(first) == 10  # three methods and two twins, two seeds
    assert {p.name for p in folder.iterdir()} >= {
        "suite.toml",
        "records",
        "outputs",
        "leaderboard.md",
        "leaderboard.csv",
    }
    assert "S-DEC" in out
    assert "too few seeds (2; 7 needed)" in out
    assert "too few seeds" in (folder / "leaderboard.md").read_text()

    times = {path: path.stat().st_mtime_ns for path in (folder / "records").iterdir()}
    code, out, _ = cli("run", tiny, "--out", folder)
    assert code == 0
    assert "0 to run" in out
    assert times == {path: path.stat().st_mtime_ns for path in (folder / "records").iterdir()}

    code, out, _ = cli("plan", tiny, "--out", folder, "--seeds", "3")
    assert code == 0
    assert "15 runs, 5 left" in out
    assert "no difference can be shown on digits[200]: too few seeds (3; 7 needed for Holm over 2 contrasts)" in out
    assert records(folder) == first

    code, out, _ = cli("report", folder)
    assert code == 0
    assert "best mean first" in out

    other = ["run", tiny, "--out", folder, "--methods", "kmeans", "--set", "kmeans.n_init=1,2", "--seeds", "1"]
    assert cli(*other)[0] == 2  # another experiment
    code, out, _ = cli(*other, "--append")
    assert code == 0
    assert len(records(folder)) == 12  # extended; nothing before it was lost


def test_failures_are_listed_exit_with_3_and_are_retried_when_asked(cli, tiny, tmp_path, plugins):
    folder = tmp_path / "run"
    arguments = ["run", "quick", "--limit", "100", "--seeds", "1", "--out", folder]
    arguments += ["--methods", f"kmeans,{plugins}:Raises"]
    code, out, _ = cli(*arguments)
    assert code == 3
    assert "this method always fails" in out
    assert "0/1/0" in out
    code, out, _ = cli(*arguments)
    assert code == 3
    assert "0 to run" in out
    code, out, _ = cli(*arguments, "--retry-failed")
    assert code == 3
    assert "1 to run" in out
    code, out, _ = cli(*arguments, "--force")
    assert "2 to run" in out


def test_unlabelled_data_run(cli, tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, np.random.default_rng(0).random((60, 5), dtype=np.float32))
    arguments = ["run", "quick", "--methods", "kmeans", "--datasets", path, "--seeds", "1", "--out", tmp_path / "r"]
    code, _, err = cli(*arguments)
    assert code == 2
    assert "--clusters" in err
    code, out, _ = cli(*arguments, "--clusters", "3", "--verbose")
    assert code == 0
    assert "unlabelled" in out
    assert "Silhouette" in out
    assert "stability" in out
    (record,) = records(tmp_path / "r").values()
    assert record["metrics"]["acc"] is None
    assert record["metrics"]["silhouette_pixels"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "quik"], "did you mean quick"),
        (["run", "--methods", "dek"], "did you mean dec"),
        (["run", "--datasets", "mnits"], "did you mean mnist"),
        (["run", "--datasets", "mnist", "--data-root", "nowhere"], "nowhere"),
        (["run", "--set", "beta=1"], "METHOD.PARAMETER=VALUE"),
        (["run", "--set", "sdec.bta=1"], "did you mean beta"),
        (["run", "--seeds", "a-b"], "not a number of seeds"),
        (["run", "--preset", "papr"], "it has: quick"),
        (["run", "--limit", "9"], "fewer"),
        (["report", "."], "not the folder of a run"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(*arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in out + err


def test_lists(cli):
    for command, expected in (
        ("methods", ("kmeans", "S-DEC", "stable")),
        ("datasets", ("digits", "fashion_mnist", "stl10")),
        ("suites", ("quick", "usps-paper", "sdec-beta")),
        ("info", ("torch", "processor", "pretrained networks")),
    ):
        code, out, _ = cli(command)
        assert code == 0
        assert all(word in out for word in expected), out


def test_the_command_line_is_frozen(cli):
    """A removed or renamed option breaks scripts of users."""
    _, out, _ = cli("run", "--help")
    options = "methods datasets seeds set preset limit clusters data-root out force retry-failed executor jobs threads"
    assert all(f"--{option}" in out for option in [*options.split(), "device", "timeout"])


def test_the_help_lists_the_commands_in_the_order_of_their_use(cli):
    _, out, _ = cli("--help")
    commands = "run,plan,report,assignments,check,new-method,check-method,methods,datasets,suites,info"
    places = [re.search(rf"^\W*{name} ", out, re.MULTILINE).start() for name in commands.split(",")]
    assert places == sorted(places)

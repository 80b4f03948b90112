"""Every command of every guide is a command: a shell reads it, and the program that it calls understands it."""

import configparser
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from PIL import Image
from typer.main import get_command
from uv import find_uv_bin

from bench.cli.commands import app
from tests.guides.reading import ROOT, blocks, calls, inner

APPLICATION: Any = get_command(app)
COMMANDS = APPLICATION.commands
#: Data sets of the guides that are neither built in nor made by `own_data`.
ELSEWHERE = r"mnist|usps|\bbenchmark\b|hf:|openml:|\buncertainty(?! --datasets)"


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return tmp_path_factory.mktemp("shell")


@cache
def read(folder):
    return [(block, call) for block in blocks("sh", "yaml") for call in calls(script_of(block), folder)]


def script_of(block):
    """Return what a shell is given: of a workflow, its steps."""
    return block.text if block.language == "sh" else "\n".join(re.findall(r"- run: (.*)", block.text))


@pytest.fixture(scope="module")
def made(shell):
    """Every call of every guide with its block, and those that it makes in turn."""
    return [(block, one) for block, call in read(shell) for one in inner(call)]


def of(made, program):
    return [(block, call) for block, call in made if call[0] == program]


def test_a_shell_understands_every_block_and_knows_every_program(made):
    assert len(of(made, "deepclustbench")) > 50
    assert {call[1] for _, call in of(made, "deepclustbench")} == set(COMMANDS) - {"methods"}


def test_the_command_line_understands_every_command(made):
    for block, call in of(made, "deepclustbench"):
        _, name, *words = call
        assert name in COMMANDS, block
        try:
            COMMANDS[name].make_context(name, words)
        except Exception as fault:
            raise AssertionError(f"{block}: {' '.join(call)}: {fault}") from fault


def test_uv_understands_its_commands(made):
    for block, call in of(made, "uv"):
        words = list(call[1:])
        if words[0] == "run":  # what follows the options is another program's
            words = words[: len(call) - 1 - len(inner(call)[1])]
        done = subprocess.run([find_uv_bin(), *words, "--help"], capture_output=True, text=True)
        assert done.returncode == 0, f"{block}: {done.stderr}"


def test_what_pip_installs_is_this_package_or_uv(made):
    for block, call in of(made, "pip"):
        assert call[1] == "install", block
        for word in call[2:]:
            assert word in ("-q", "uv") or word.startswith("git+https://"), block
    named = [word for _, call in of(made, "uv") for word in call if word.startswith("deepclustbench @ ")]
    assert named
    assert {Requirement(word).name for word in named} == {"deepclustbench"}


def test_pytest_understands_its_options_and_finds_its_files(made, pytestconfig):
    posargs = [(block, ("pytest", *call[call.index("--") + 1 :])) for block, call in of(made, "tox") if "--" in call]
    known = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    for block, (_, *words) in [*of(made, "pytest"), *posargs]:
        given, unknown = pytestconfig._parser.parse_known_and_unknown_args(words)
        assert not unknown, block
        assert set(re.findall(r"\w+", given.markexpr or "")) - {"not", "and", "or"} <= known, block
        for path in given.file_or_dir:
            assert (ROOT / path).exists() or path == "my_other", f"{block}: {path}"
        assert all((ROOT / path).exists() for path in given.ignore or ()), block


def test_tox_has_the_environments(made):
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    in_tables = re.findall(r"`tox -e (\w+)`", (ROOT / "tests/README.md").read_text())
    asked = [call[call.index("-e") + 1] for _, call in of(made, "tox") if "-e" in call] + in_tables
    assert set(asked) >= {"bench", "full"}
    assert all(f"testenv:{name}" in tox for name in asked)


def test_ray_understands_its_commands(made):
    from ray.scripts.scripts import cli as ray

    for _, (_, name, *words) in of(made, "ray"):
        ray.commands[name].make_context(name, words)
    assert "get-auth-token" in ray.commands


def test_modules_that_python_runs_are_there(made):
    modules = {call[2] for _, call in made if call[0].startswith("python") and call[1] == "-m"}
    assert modules <= {"pip", "uv", "pytest"}
    assert (ROOT / "tests/simulation/__main__.py").is_file()  # `python -m tests.simulation`, in prose


def own_data(folder):
    """Write the files that the guides name, with two classes of thirty points."""
    points = np.random.default_rng(0).random((60, 64)).astype(np.float32)
    classes = np.repeat([0, 1], 30)
    points[classes == 1, :20] *= 0.1
    np.savez(folder / "points.npz", x=points.reshape(-1, 8, 8), y=classes)
    np.save(folder / "points.npy", points)
    table = pd.DataFrame(points).add_prefix("f").assign(label=classes)
    table.to_csv(folder / "table.csv", index=False)
    table.iloc[:, [0, 1, 2, 3, -1]].to_csv(folder / "iris.data", index=False, header=False)
    genes = pd.DataFrame(np.random.default_rng(1).random((60, 2100)).round(3)).add_prefix("g")
    genes.assign(tissue=classes).to_csv(folder / "genes.csv", index=False)
    for place in ("photos", "pictures/train", "pictures/test"):
        for i, (point, name) in enumerate(zip(points, classes, strict=True)):
            file = folder / place / f"class{name}" / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((255 * point.reshape(8, 8)).astype(np.uint8)).save(file)


def write_files_of_guides(folder):
    for block in blocks("python", "toml"):
        if block.file and "/" not in block.file and block.file != "pyproject.toml":
            (folder / block.file).write_text(block.text)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workplace")
    own_data(folder)
    write_files_of_guides(folder)
    return folder


def as_plan(call):
    """Return the command that plans a run, without what only running needs, on few points."""
    known = {name: p for p in COMMANDS["plan"].params for name in p.opts}
    every = {name: p for p in COMMANDS["run"].params for name in p.opts} | known
    words, rest = [], list(call[2:])
    while rest:
        word = rest.pop(0)
        value = [rest.pop(0)] if word in every and not getattr(every[word], "is_flag", False) and rest else []
        if not word.startswith("-") or word in known:
            words += [word, *value]
    return ["plan", *words, "--limit", "60"]


def planned(made, *, elsewhere):
    runs = dict.fromkeys(call for _, call in of(made, "deepclustbench") if call[1] in ("run", "plan"))
    ours = [call for call in runs if "my_other" not in " ".join(call)]  # a package that test_newcomer installs
    return [call for call in ours if bool(re.search(ELSEWHERE, " ".join(call[2:]))) is elsewhere]


def test_every_run_on_data_at_hand_can_be_planned(made, workplace, cli, monkeypatch):
    monkeypatch.chdir(workplace)
    cli("new-method", "mine")
    runs = planned(made, elsewhere=False)
    assert len(runs) > 15
    for call in runs:
        code, output, errors = cli(*as_plan(call))
        assert code == 0, f"{call}\n{output}{errors}"


@pytest.mark.nightly
def test_every_run_on_downloaded_data_can_be_planned(made, workplace, cli, monkeypatch, data_root):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("DEEPCLUSTBENCH_DATA", str(data_root))
    for call in planned(made, elsewhere=True):
        words = as_plan(call)
        if not {"hf:", "openml:"} & {word[: word.find(":") + 1] for word in words}:
            words = [
                str(data_root) if before == "--data-root" else word
                for before, word in zip(["", *words[:-1]], words, strict=True)
            ]
            code, output, errors = cli(*words)
            assert code == 0, f"{call}\n{output}{errors}"


@pytest.fixture
def finished(workplace, cli, monkeypatch):
    """An empty folder but for a finished run of KMeans and DEC on images, and the files of the guides."""
    monkeypatch.chdir(workplace)
    run = workplace / "finished"
    if not run.exists():
        few = ["--set", "dec.pretrain_epochs=2", "--set", "dec.epochs=2", "--jobs", "1", "--device", "cpu"]
        code, _, errors = cli(
            "run", "--datasets", "photos/", "--methods", "kmeans,dec", "--seeds", "2", "--out", run, *few
        )
        assert code == 0, errors
    return run


@pytest.mark.nightly
def test_commands_on_finished_runs_do_what_the_guides_say(made, finished, cli):
    """In the order of the guides; each run of theirs is a copy of one that is finished."""
    done = set()
    for block, call in of(made, "deepclustbench"):
        _, name, *words = call
        if name == "run" and "--out" in words:
            shutil.copytree(finished, words[words.index("--out") + 1], dirs_exist_ok=True)
        elif (
            name in ("report", "assignments", "archive", "check", "new-method", "suites", "methods", "info")
            and "--package" not in words
        ):
            for path in re.findall(r"results/runs/[\w-]+", " ".join(words)):
                shutil.copytree(finished, path, dirs_exist_ok=True)
            for path in [word for word in words if name == "new-method" and Path(f"{word}.py").exists()]:
                Path(f"{path}.py").unlink()
            code, output, errors = cli(name, *words)
            assert code == 0, f"{block}: {call}\n{output}{errors}"
            done.add(name)
    assert done >= {"report", "assignments", "archive", "check", "new-method", "suites", "info"}
    assert Path("both/report.html").is_file()
    assert Path("dec.csv").is_file()
    assert len(list(Path("sorted").glob("*/cluster_*/*"))) > 60

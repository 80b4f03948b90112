"""Following only the guide of methods, a new user gets a method of their own onto the leaderboard."""

import csv
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.undrawn import CODE

ROOT = Path(__file__).resolve().parents[1]
SIX = {"KMeans", "AE+KMeans", "VAE+KMeans", "DEC", "S-DEC", "VaDE"}
#: Options that the test adds to a command, for speed or for a machine without network.
ADDED = {
    "deepclustbench run": ["--seeds", "2", "--limit", "150", "--device", "cpu"],
    "uv pip install": ["--no-deps", "--no-build-isolation", "--offline"],
}


def section(start: str, end: str) -> list[tuple[str, str]]:
    """Return the code blocks between two headings of the guide of methods: language and text."""
    text = (ROOT / "methods" / "README.md").read_text()
    part = text.partition(f"{start}\n")[2].partition(f"\n{end}\n")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", part, re.M | re.S)


def named(block: str) -> str:
    """Return the file that the first line of a block names; an empty string if it names none."""
    match = re.match(r"# (\w+\.py)\n", block)
    return match[1] if match else ""


STEPS = [
    (kind, text)
    for kind, text in section("# Methods", "## The built-in methods") + section("## Your own method", "## The contract")
    if kind == "sh" or named(text)
]
#: The examples come first; the steps from `new-method` on create methods.
START = next(i for i, (_, text) in enumerate(STEPS) if "new-method" in text)


@pytest.fixture
def newcomer(tmp_path_factory, monkeypatch):
    """An empty folder, and a new environment with the packages of this one, into which packages can be installed."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, environment], check=True)
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    paths_here = [ROOT, *(path for path in sys.path if path.endswith("site-packages"))]
    Path(paths["purelib"], "ours.pth").write_text("\n".join(map(str, paths_here)))
    script = Path(paths["scripts"], "deepclustbench")
    script.write_text(f"#!{paths['scripts']}/python\nif __name__ == '__main__':\n    {CODE}\n")
    script.chmod(0o755)
    monkeypatch.setenv("VIRTUAL_ENV", str(environment))
    monkeypatch.setenv("PATH", f"{paths['scripts']}{os.pathsep}{os.environ['PATH']}")
    # A new user's shell has none of these variables; `uv run` sets one that makes uv install elsewhere.
    for name in [name for name in os.environ if name == "PYTHONPATH" or name.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("newcomer"))
    return Path.cwd()


def follow(steps: list[tuple[str, str]], command: Callable[[list[str]], tuple[int, str, str]]) -> None:
    """Write the files and run the commands of the guide."""
    for kind, text in steps:
        if kind == "python":
            Path(named(text)).write_text(text)
            continue
        for line in text.splitlines():
            added = next((more for start, more in ADDED.items() if line.startswith(start)), [])
            code, *output = command([*shlex.split(line), *added])
            assert code == 0, "\n".join((line, *output))


def in_a_process(words: list[str]) -> tuple[int, str, str]:
    words[0] = find_uv_bin() if words[0] == "uv" else words[0]
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def board() -> set[str]:
    """Return the titles on the leaderboard of the last command."""
    latest = max(Path("results/runs").glob("*/leaderboard.csv"), key=lambda path: path.stat().st_mtime_ns)
    with latest.open() as file:
        return {row["title"] for row in csv.DictReader(file)}


@pytest.mark.nightly
def test_a_method_in_a_file_and_one_in_a_package_are_on_the_leaderboard_with_the_six(newcomer):
    follow(STEPS[START:], in_a_process)
    assert board() >= SIX | {"My method", "My other"}
    page = Path("results/runs/quick-limit150/report.html").read_text()
    assert "My method" in page
    assert "My other" in page
    written = ["my_method.py", "my_other/src/my_other/__init__.py"]
    assert all(len(Path(file).read_text().splitlines()) <= 40 for file in written)


def test_the_examples_of_classes_run(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    follow(STEPS[:1], lambda words: cli(*words[1:]))
    assert board() == {"KMeans", "Birch threshold=0.3", "HDBSCAN"}
    follow(STEPS[1:START], lambda words: cli(*words[1:]))
    assert "Mixture n_components=10" in board()


def test_the_steps_are_fewer_than_forty_lines():
    assert sum(len(text.splitlines()) for _, text in STEPS) < 40

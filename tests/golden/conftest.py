"""The small run of the golden files: once reported from what is stored, once trained anew."""

import contextlib
import io
import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.cli import main
from bench.cli.app import out
from tests.golden.compare import differences, lines_that_differ
from tests.undrawn import leave_figures_blank

HERE = Path(__file__).parent
SUITE = HERE / "suite"
STORED = HERE / "run.zip"

RUN = ("run", "golden.toml", "--out", "run", "--jobs", "1", "--threads", "1")
#: Every method with two seeds; the command line changes the suite.
FRESH = (
    *("run", "fresh.toml", "--out", "fresh", "--jobs", "1", "--threads", "1", "--seeds", "0-1", "--limit", "60"),
    *("--set", "vade.pretrain_epochs=20", "--set", "vade.epochs=5", "--set", "sdec@stable.pretrain_epochs=21"),
)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it wrote on both streams."""

    code: int
    out: str
    err: str


def command(*arguments: str) -> Ended:
    """Carry out a command in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["deepclustbench", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    return Ended(int(ended.value.code or 0), plain(out.getvalue()), plain(err.getvalue()))


def plain(text: str) -> str:
    """Return what a terminal would show: no colours, and no spaces that end a line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@contextlib.contextmanager
def workplace(folder: Path, *, drawn: bool) -> Iterator[Path]:
    """Work in a folder with the suite and its files, on a terminal of fixed width, with figures drawn or blank."""
    with pytest.MonkeyPatch.context() as patch:
        if not drawn:
            leave_figures_blank(patch.setattr)
        shutil.copytree(SUITE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        patch.chdir(folder)
        patch.setattr(sys, "path", sys.path[:])
        for name in [name for name in os.environ if name.startswith(("DEEPCLUSTBENCH_", "GITHUB_"))]:
            patch.delenv(name)
        for name in ("FORCE_COLOR", "TERMINAL_WIDTH"):
            patch.delenv(name, raising=False)
        for name, value in {"COLUMNS": "100", "NO_COLOR": "1", "DEEPCLUSTBENCH_CACHE": str(folder / "cache")}.items():
            patch.setenv(name, value)
        patch.setattr(out, "width", 100)  # it read COLUMNS when it was made
        yield folder


@dataclass(frozen=True)
class Worked:
    """A run's folder and the command that wrote it."""

    folder: Path
    ended: Ended


@pytest.fixture(scope="package")
def replayed(tmp_path_factory) -> Worked:
    """The stored run, whose command is given again: nothing is left to train, all is chosen and reported anew."""
    with workplace(tmp_path_factory.mktemp("replayed"), drawn=True) as folder:
        with zipfile.ZipFile(STORED) as stored:
            stored.extractall(folder / "run")
        return Worked(folder / "run", command(*RUN))


@pytest.fixture(scope="package")
def fresh(tmp_path_factory) -> Worked:
    """Every method with two seeds on sixty digits, trained here; its figures stay blank."""
    with workplace(tmp_path_factory.mktemp("fresh"), drawn=False) as folder:
        return Worked(folder / "fresh", command(*FRESH))


@pytest.fixture
def there(replayed) -> Iterator[Path]:
    """Work beside the stored run."""
    with workplace(replayed.folder.parent, drawn=False) as folder:
        yield folder


@pytest.fixture
def stored_json(request):
    """Compare with a stored JSON file, numbers to a tolerance; ``--force-regen`` writes the file."""

    def compare(content, name: str, *, rtol: float, atol: float, free: str = "", hint: str = "") -> None:
        path = HERE / "stored" / name
        content = json.loads(json.dumps(content))
        if request.config.getoption("force_regen"):
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            return
        expected = json.loads(path.read_text(encoding="utf-8"))
        found = list(differences(expected, content, rtol, atol, free))
        shown = "\n".join([*found[:20], f"... and {len(found) - 20} more"][: 20 + (len(found) > 20)])
        assert not found, f"{path.name} differs in {len(found)} places. {hint}\n{shown}"

    return compare


@pytest.fixture
def stored_text(request):
    """Compare with a stored text, character by character; ``--force-regen`` writes the file."""

    def compare(text: str, name: str) -> None:
        path = HERE / "stored" / name
        if request.config.getoption("force_regen"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        expected = path.read_bytes().decode()
        found = list(lines_that_differ(expected, text))
        shown = "\n".join(found[:20])
        assert text == expected, f"{path.name} differs in {len(found)} lines:\n{shown}"

    return compare

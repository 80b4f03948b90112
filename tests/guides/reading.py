"""What the guides hold: blocks of code, commands as a shell reads them, links and headings."""

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from bench.cli.commands import app

ROOT = Path(__file__).resolve().parents[2]
#: The guides, the root's first.
GUIDES = tuple(ROOT / folder / "README.md" for folder in ("", "bench", "methods", "datasets", "results", "tests"))

#: Programs that the guides call. Each is replaced by one that writes down its arguments.
PROGRAMS = ("deepclustbench", "python", "python3", "uv", "pip", "pytest", "tox", "ray", "git", "tail")
_RECORDER = """#!/bin/sh
printf '%s\\037' "${0##*/}" "$@" >> "$CALLS"
printf '\\036' >> "$CALLS"
"""

Call = tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A block of code in a guide."""

    guide: Path
    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the first line names; an empty string if it names none."""
        match = re.match(r"# ([\w./]+\.\w+)\n", self.text)
        return match[1] if match else ""

    def __str__(self) -> str:
        return f"{named(self.guide)}:{self.line}"


def named(guide: Path) -> str:
    """Return the path of a guide below the root."""
    return guide.relative_to(ROOT).as_posix()


@cache
def blocks(*languages: str, guides: tuple[Path, ...] = GUIDES) -> list[Block]:
    """Return the blocks of some languages, of all without one, in their order."""
    found = []
    for guide in guides:
        text = guide.read_text()
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            if not languages or match[1] in languages:
                found.append(Block(guide, text.count("\n", 0, match.start()) + 1, match[1], match[2]))
    return found


def prose(guide: Path) -> str:
    """Return the text of a guide without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", guide.read_text(), flags=re.M | re.S)


def calls(text: str, folder: Path) -> list[Call]:
    """Return the programs that a shell calls, with their arguments, when it runs a block.

    Raises
    ------
    ValueError
        If the shell does not understand it, or it calls a program that is not in `PROGRAMS`.
    """
    programs = folder / "programs"
    for path in (programs, folder / ".venv/bin"):
        path.mkdir(parents=True, exist_ok=True)
        for name in PROGRAMS:
            (path / name).write_text(_RECORDER)
            (path / name).chmod(0o755)
    (folder / ".venv/bin/activate").touch()
    (folder / "deepclustbench").mkdir(exist_ok=True)  # what `git clone` leaves
    if not (folder / "deepclustbench/.venv").exists():
        (folder / "deepclustbench/.venv").symlink_to(folder / ".venv")
    record = folder / "calls"
    record.write_text("")
    done = subprocess.run(
        ["/bin/bash", "-c", f"{text}\nwait"],
        cwd=folder,
        env={"PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin", "CALLS": str(record), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.stderr:
        raise ValueError(done.stderr)
    return [tuple(call.split("\037")[:-1]) for call in record.read_text().split("\036")[:-1]]


def inner(call: Call) -> list[Call]:
    """Return a call and those that it makes: ``python3 -m uv run tox`` calls ``uv run tox``, which calls ``tox``."""
    program, *words = call
    if program in ("python", "python3") and words[:1] == ["-m"]:
        return [call, *inner(tuple(words[1:]))]
    if program == "uv" and words[:1] == ["run"]:
        start = next((i for i, word in enumerate(words) if word in ("deepclustbench", "pytest")), len(words) - 1)
        return [call, *inner(tuple(words[start:]))]
    return [call]


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(guide: Path) -> set[str]:
    """Return the anchors of a guide."""
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", prose(guide), re.M)}


@cache
def options() -> set[str]:
    """Return the options of all commands of the command line."""
    application: Any = get_command(app)
    parameters = [p for command in (application, *application.commands.values()) for p in command.params]
    return {name for parameter in parameters for name in parameter.opts} | {"--help", "-h"}

"""The README's commands are commands, and its workflow is one."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from bench.cli.commands import app

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
WORKFLOW = next(text for kind, text in BLOCKS if kind == "yaml")
COMMANDS = [
    line[line.index("deepclustbench ") :]
    for kind, text in BLOCKS
    if kind in ("sh", "yaml", "toml")
    for line in text.splitlines()
    if re.search(r"(^|run |: +)deepclustbench \w", line)
]


def test_there_are_commands_to_look_at():
    assert len(COMMANDS) > 25
    assert {command.split()[1] for command in COMMANDS} >= {"run", "plan", "report", "check", "new-method"}


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_of_the_readme_has_options_that_there_are(command):
    words = shlex.split(command.split(" || ")[0], comments=True)
    known = get_command(app).commands
    assert words[1] in known
    options = {name for parameter in known[words[1]].params for name in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options


def test_the_workflow_runs_the_gate_and_keeps_what_it_says():
    steps = yaml.safe_load(WORKFLOW)["jobs"]["gate"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert ["sync" in commands[0], " run quick" in commands[1], " check " in commands[2]] == [True] * 3
    kept = next(step for step in steps if "upload-artifact" in step.get("uses", ""))
    assert kept["if"] == "always()"
    for file in kept["with"]["path"].split("\n"):
        assert Path(file).name in commands[2] or file == "run/report.html"

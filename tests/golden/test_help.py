"""The command line says of itself what it said."""

import pytest

from tests.golden.conftest import command, workplace

COMMANDS = (
    *("run", "plan", "report", "assignments", "archive", "check", "new-method", "check-method"),
    *("methods", "datasets", "suites", "info"),
)


@pytest.fixture
def elsewhere(tmp_path):
    """Work in an empty place, on a terminal of fixed width."""
    with workplace(tmp_path, drawn=False) as folder:
        yield folder


def test_the_help_lists_the_commands_that_it_listed(elsewhere, stored_text):
    ended = command("--help")
    assert ended.code == 0
    stored_text(ended.out, "help/deepclustbench.txt")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_as_before(elsewhere, stored_text, name):
    ended = command(name, "--help")
    assert ended.code == 0
    stored_text(ended.out, f"help/{name}.txt")


@pytest.mark.parametrize("name", ["methods", "suites"])
def test_a_list_is_as_before(elsewhere, stored_text, name):
    ended = command(name)
    assert ended.code == 0
    stored_text(ended.out, f"help/{name}.list.txt")


#: Usage and input that are refused, by the name of the file that holds the message.
REFUSED = {
    "command": ("rum",),
    "suite": ("plan", "quik"),
    "method": ("plan", "golden.toml", "--methods", "kmean"),
    "dataset": ("plan", "golden.toml", "--datasets", "digit"),
    "parameter": ("plan", "golden.toml", "--set", "sdec.betta=1"),
    "value": ("plan", "golden.toml", "--set", "sdec.beta=much"),
    "seeds": ("plan", "golden.toml", "--seeds", "0-100-2"),
    "option": ("plan", "golden.toml", "--jobs", "0"),
    "executor": ("run", "golden.toml", "--max-concurrent", "2"),
    "no-run": ("report", "nowhere"),
    "no-baseline": ("check", "nowhere", "--baseline", "b.json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_the_same_words(elsewhere, stored_text, name):
    before = set(elsewhere.iterdir())
    ended = command(*REFUSED[name])
    assert ended.code == 2
    assert set(elsewhere.iterdir()) == before
    stored_text(ended.err, f"refused/{name}.txt")

"""The command line behaves as command lines do: version, help, short options, panels and refusals."""

from importlib.metadata import version

import pytest

COMMANDS = ("run", "plan", "report", "assignments", "archive", "check", "new-method", "check-method")
LISTS = ("methods", "datasets", "suites", "info")


def test_the_version_is_printed(cli):
    assert cli("--version") == (0, f"deepclustbench {version('deepclustbench')}\n", "")


@pytest.mark.parametrize("command", [(), *((name,) for name in (*COMMANDS, *LISTS))])
def test_h_prints_what_help_prints(cli, command):
    code, out, _ = cli(*command, "-h")
    assert code == 0
    assert "Usage: deepclustbench" in out
    assert out == cli(*command, "--help")[1]


def test_no_command_prints_the_help_and_exits_with_2(cli):
    code, out, err = cli()
    assert code == 2
    assert "Usage: deepclustbench" in out + err


def panel(help_text, title):
    """Return the lines of a panel of the help."""
    lines = help_text.splitlines()
    start = next(i for i, line in enumerate(lines) if f" {title} " in line and line.startswith("╭"))
    end = next(i for i in range(start, len(lines)) if lines[i].startswith("╰"))
    return "\n".join(lines[start:end])


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("Data", ("--datasets", "--limit", "--label", "--data-root")),
        ("Methods", ("--methods", "--seeds", "--preset", "--set", "--search")),
        ("Execution", ("--jobs", "--executor", "--device", "--timeout", "--retry-failed")),
        ("Output", ("--out", "--append", "--verbose")),
    ],
)
def test_the_options_of_run_are_in_panels(cli, title, options):
    shown = panel(cli("run", "--help")[1], title)
    assert [option for option in options if option not in shown] == []


def test_short_options_mean_what_the_long_ones_mean(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = cli("plan", "-m", "kmeans,dec", "-d", "digits", "-s", "3", "-j", "2", "-o", "here")
    long = cli(
        "plan", "--methods", "kmeans,dec", "--datasets", "digits", "--seeds", "3", "--jobs", "2", "--out", "here"
    )
    assert short == long
    assert short[0] == 0
    assert "6 runs, 6 left, in here" in short[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "Did you mean 'run'"),
        (["run", "--method", "dec"], "--methods"),
        (["run", "-j", "0"], "-j 0: should be greater than or equal to 1"),
        (["run", "-j0"], "-j0: should be greater than or equal to 1"),
        (["run", "--device", "gpu"], "--device gpu: "),
        (["report", "somewhere", "--against", "mine"], "--against mine: 'mine' is not one of 'published'"),
        (["plan", "--verbose"], "No such option: --verbose"),
    ],
)
def test_wrong_usage_is_one_line_that_names_what_was_typed(cli, arguments, message):
    code, out, err = cli(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert "Traceback" not in out + err

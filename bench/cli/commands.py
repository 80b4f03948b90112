"""All commands, and one of them carried out."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer
from typer.main import get_command

from bench.cli import method as check_method

# In the order in which the help lists them.
from bench.cli import method as new_method
from bench.cli.app import app
from bench.errors import InputError
from bench.text import one_line

from bench.cli import run, report, assignments, check, lists  # isort: skip

sys.modules["bench.cli"].app = app  # type: ignore[attr-defined]  # the application, not the module of that name

__all__ = ["app", "assignments", "check", "check_method", "invoke", "lists", "new_method", "report", "run"]


def invoke(arguments: Sequence[str]) -> int:
    """Carry out a command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.

    Raises
    ------
    InputError
        For bad usage and bad input.
    """
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    command = get_command(app)
    try:
        with command.make_context("deepclustbench", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            error.show()
            return error.exit_code
        raise InputError(_as_typed(error, arguments)) from error
    return 0


def _as_typed(error: Any, arguments: Sequence[str]) -> str:
    """Return what is wrong with an option, after the option and its value as the user typed them."""
    message = str(error.message).replace("Value error, ", "").replace("Input should", "should")
    for option in getattr(getattr(error, "param", None), "opts", ()):
        for i, word in enumerate(arguments):
            if word == option and i + 1 < len(arguments):
                return one_line(f"{option} {shlex.quote(arguments[i + 1])}: {message}")
            if word.startswith(f"{option}="):
                return one_line(f"{word}: {message}")
    return one_line(error.format_message())


#: Of the click that this typer has; some bring their own.
UsageError: Any = typer.BadParameter.__mro__[1]

"""The application with all its commands, and their invocation."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer
from typer.completion import shell_complete
from typer.main import get_command

from bench.cli.app import PROGRAM, app
from bench.errors import InputError
from bench.text import one_line

# Importing a module adds its commands to the application; the help lists them in this order.
from bench.cli import run, report, assignments, archive, check, method, lists  # noqa: F401 # isort: skip

#: The variable by which a shell asks for completions.
_COMPLETION = f"_{PROGRAM.upper()}_COMPLETE"


def invoke(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        Command line without the program's name.

    Raises
    ------
    InputError
        For bad usage and bad input.
    """
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    command = get_command(app)
    completion = os.environ.get(_COMPLETION)
    if completion:
        warnings.showwarning = lambda *_, **__: None  # they would be printed into the line that is being typed
        return shell_complete(command, {}, PROGRAM, _COMPLETION, completion)
    try:
        with command.make_context(PROGRAM, list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # error.show prints the help
            error.show()
            return error.exit_code
        raise InputError(_as_typed(error, arguments)) from error
    return 0


def _as_typed(error: Any, arguments: Sequence[str]) -> str:
    """Return the message of a usage error, preceded by the option and value as the user typed them."""
    message = str(error.message).replace("Value error, ", "").replace("Input should", "should")
    for option in getattr(getattr(error, "param", None), "opts", ()):
        for i, word in enumerate(arguments):
            if word == option and i + 1 < len(arguments):
                return one_line(f"{option} {shlex.quote(arguments[i + 1])}: {message}")
            is_short = len(option) == 2 and not word.startswith("--")
            if word.startswith(option if is_short else f"{option}="):
                return one_line(f"{word}: {message}")
    return one_line(error.format_message())


#: The class of the click that typer uses: some versions of typer bundle their own.
UsageError: Any = typer.BadParameter.__mro__[1]

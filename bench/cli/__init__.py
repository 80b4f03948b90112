"""The command ``deepclustbench``: reads arguments, calls, prints."""

from __future__ import annotations

import sys
import warnings

from bench.cli.app import app
from bench.errors import InputError

# In the order in which the help lists them.
from bench.cli import run, report, assignments, check, new_method, check_method, lists  # isort: skip

__all__ = ["app", "assignments", "check", "check_method", "lists", "main", "new_method", "report", "run"]


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)

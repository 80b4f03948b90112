"""The command ``deepclustbench``: reads arguments, calls, prints."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    from bench.cli.ending import orderly  # first of all: from here on no signal is met by a traceback

    def work() -> int:
        from bench.cli.commands import invoke

        return invoke(sys.argv[1:])

    sys.exit(orderly(work))


def __getattr__(name: str) -> Any:
    """Return the application when it is asked for: what it imports is worth a Ctrl-C."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bench.cli.commands import app

    return app

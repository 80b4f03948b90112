"""The command ``deepclustbench``: reads arguments, calls, prints."""

from __future__ import annotations

from bench.cli.start import leave_start_folder  # isort: skip - before anything else is imported

import os
import sys
import threading
from contextlib import suppress
from typing import Any

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    try:
        if sys.argv[0] not in ("-c", "-m"):  # of which the import has seen to; what stands there now is the user's
            leave_start_folder(os.path.dirname(os.path.realpath(sys.argv[0])))  # noqa: PTH120 - no pathlib yet
        from bench.cli.ending import orderly  # first of all: from here on signals are looked after

        code = orderly(_work)
    except KeyboardInterrupt:  # while even that was imported
        print("stopped by Ctrl-C; nothing was begun", file=sys.stderr)
        code = 130
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)  # Python would wait for a plugin's threads
    sys.exit(code)


def _work() -> int:
    from bench.cli.commands import invoke

    return invoke(sys.argv[1:])


def __getattr__(name: str) -> Any:
    """Return the application when it is asked for: what it imports is worth a Ctrl-C."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bench.cli.commands import app

    return app

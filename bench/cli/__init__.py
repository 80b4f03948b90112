"""The command ``deepclustbench``: reads arguments, calls, prints."""

from __future__ import annotations

import os
import sys
import threading
import warnings


def _leave_start_folder(*starts: str) -> None:
    """Take off the import path the folder that Python put there when it was started so.

    The command imports nothing from the working directory: a file there may be named as one of ours, or as any module.
    """
    if sys.path[0] in ("", *starts) and not sys.flags.safe_path:
        del sys.path[0]


if sys.argv[0] in ("-c", "-m"):  # `python -m bench.cli`, before anything else is imported
    _leave_start_folder(os.getcwd())

from bench.cli.app import app
from bench.errors import InputError

# In the order in which the help lists them.
from bench.cli import run, report, check, new_method, check_method, lists  # isort: skip

__all__ = ["app", "check", "check_method", "lists", "main", "new_method", "report", "run"]


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    _leave_start_folder(os.path.dirname(os.path.realpath(sys.argv[0])))
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    code: object = 0
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except SystemExit as ended:
        code = ended.code
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))  # Python would wait for a plugin's threads
    sys.exit(code)  # type: ignore[arg-type]

"""The command ``deepclustbench``: reads arguments, calls, prints."""

from __future__ import annotations

from bench.cli.start import leave_start_folder  # isort: skip - before anything else is imported

import os
import sys
import threading
import warnings
from pathlib import Path

from bench.cli.app import app
from bench.errors import InputError

# In the order in which the help lists them.
from bench.cli import run, report, assignments, check, new_method, check_method, lists  # isort: skip

__all__ = ["app", "assignments", "check", "check_method", "lists", "main", "new_method", "report", "run"]


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    leave_start_folder(str(Path(sys.argv[0]).resolve().parent))
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

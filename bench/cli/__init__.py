"""Entry point of the command ``deepclustbench``.

The command imports nothing from the folder in which it is started: a file there may have the name of a module. The
start folder therefore leaves the import path before any other import.
"""

import os
import sys


def _remove_start_folder(*folders: str) -> None:
    """Remove the first entry of the import path if it is empty or one of ``folders``, and Python has put it there."""
    if sys.path and sys.path[0] in ("", *folders) and not sys.flags.safe_path:
        del sys.path[0]


if sys.argv[:1] in (["-c"], ["-m"]):
    _remove_start_folder(os.getcwd())  # noqa: PTH109 - importing pathlib here could import the user's files

import threading  # noqa: E402
from contextlib import suppress  # noqa: E402

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit the process; bad input is one line on standard error and exit code 2."""
    try:
        if sys.argv[0] not in ("-c", "-m"):  # removed above; a first entry that remains is the user's
            _remove_start_folder(os.path.dirname(os.path.realpath(sys.argv[0])))  # noqa: PTH120 - as above
        from bench.cli.ending import run_to_exit_code  # installs the signal handlers before the slow imports

        code = run_to_exit_code(_run_command)
    except KeyboardInterrupt:  # raised before the handlers are installed
        print("stopped by Ctrl-C; nothing was started", file=sys.stderr)
        code = 130
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)  # sys.exit would wait for the threads of plugins
    sys.exit(code)


def _run_command() -> int:
    from bench.cli.commands import invoke

    return invoke(sys.argv[1:])

"""Exit codes of the command, whether it ends normally, by an error or by a signal; never with a traceback."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bench.errors import InputError, Stopped

#: Message after a run was stopped.
_KEPT = "finished runs are kept, and the same command continues from here"
#: As in shells: 128 plus the number of the signal.
_INTERRUPTED, _CLOSED = 128 + signal.SIGINT, 141
#: EX_SOFTWARE of sysexits.h, which no outcome of a run uses.
_OWN_FAULT = 70
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_to_exit_code(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; an exception becomes one line on standard error.

    Bad input is exit code 2, Ctrl-C 130, another signal 128 plus its number, a closed standard output 141. An
    unexpected exception is 70, and its traceback is stored in a file.

    Parameters
    ----------
    command : callable
        Returns its exit code.
    """
    _prepare_streams()
    Stopped.received = None
    try:
        with _signals_as_exceptions():
            code = command()
            sys.stdout.flush()
            return code
    except InputError as error:
        return _fail(f"error: {error}", 2)
    except KeyboardInterrupt:
        with suppress(ValueError):  # raised outside the main thread
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C prints no traceback either
        if Stopped.received is not None:
            return _fail(f"stopped by {signal.Signals(Stopped.received).name}; {_KEPT}", 128 + Stopped.received)
        return _fail(f"stopped by Ctrl-C; {_KEPT}", _INTERRUPTED)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_closed(sys.stdout):
            _discard_output(sys.stdout)  # Python would flush it again at exit
            return _CLOSED
        if error.errno in _NO_SPACE:
            _discard_output(sys.stdout)
            return _fail(f"error: {error.filename or 'the output'}: cannot be written ({error.strerror})", 2)
        return _fail(_own_fault(error), _OWN_FAULT)
    except Exception as error:
        return _fail(_own_fault(error), _OWN_FAULT)


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first SIGTERM or SIGHUP; the second ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        Stopped.received = number
        raise Stopped(number)

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    handlers = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}  # nohup
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare_streams() -> None:
    """Escape characters that the terminal's encoding lacks, and replace closed streams by the null device."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _fail(line: str, code: int) -> int:
    """Print a line to standard error and return the exit code."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
    return code


def _own_fault(error: Exception) -> str:
    """Store the traceback of an unexpected exception in a file, and return the line that names the file."""
    import tempfile
    import traceback

    text = traceback.format_exc()
    what = " ".join(f"{type(error).__name__}: {error}".split())
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="deepclustbench-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
        ) as file:
            file.write(text)
    except OSError:
        return text  # the traceback itself where no file can be written
    return f"error: a fault of deepclustbench; please report it with {file.name} ({what})"


def _is_closed(stream: Any) -> bool:
    """Return whether the reader of a stream has closed it."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # not a file, or a system without poll
        return True


def _discard_output(stream: Any) -> None:
    """Redirect a stream to the null device, so that the rest of its buffer is discarded."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

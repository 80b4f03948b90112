"""How the command ends: by its work, by a signal, or because nobody reads what it prints; never with a traceback."""

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

#: What is said of a run that was stopped.
KEPT = "the finished cells are kept, the same command goes on from here"
#: As the shell counts: 128 and the signal.
_INTERRUPTED, _CLOSED = 128 + signal.SIGINT, 141
#: EX_SOFTWARE of sysexits.h: apart from every code that says something of a run.
_OWN_FAULT = 70
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def orderly(work: Callable[[], int]) -> int:
    """Return the exit code of some work; whatever else ends it is one line on standard error.

    Bad input is exit code 2, Ctrl-C 130, another signal 128 and its number, a closed standard output 141. A fault of
    this program is 70; its traceback is kept in a file.

    Parameters
    ----------
    work : callable
        Returns its exit code.
    """
    _speak_any_encoding()
    Stopped.received = None
    try:
        with _stopped_by_signals():
            code = work()
            sys.stdout.flush()
            return code
    except InputError as error:
        return _told(f"error: {error}", 2)
    except KeyboardInterrupt:
        with suppress(ValueError):  # only the main thread may
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # who is impatient gets no traceback either
        if Stopped.received is not None:
            return _told(f"stopped by {signal.Signals(Stopped.received).name}; {KEPT}", 128 + Stopped.received)
        return _told(f"stopped by Ctrl-C; {KEPT}", _INTERRUPTED)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_closed(sys.stdout):
            _drop(sys.stdout)  # Python would try once more
            return _CLOSED
        if error.errno in _NO_SPACE:
            _drop(sys.stdout)
            return _told(f"error: {error.filename or 'the output'}: cannot be written ({error.strerror})", 2)
        return _told(_own_fault(error), _OWN_FAULT)
    except Exception as error:
        return _told(_own_fault(error), _OWN_FAULT)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first SIGTERM or SIGHUP; the second ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        Stopped.received = number
        raise Stopped(number)

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    found = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}  # nohup
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _speak_any_encoding() -> None:
    """Let a terminal that lacks a character show it by its number, and nobody miss a stream that is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _told(line: str, code: int) -> int:
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
    return code


def _own_fault(error: Exception) -> str:
    """Keep the traceback of a fault that is ours, and return the line that says where."""
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
        return text  # better than nothing
    return f"error: a fault of deepclustbench, please report it with {file.name} ({what})"


def _is_closed(stream: Any) -> bool:
    """Tell whether nobody reads a stream any more."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # no file, or a system that has no poll
        return True


def _drop(stream: Any) -> None:
    """Let what is left in a stream's buffer go nowhere."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""Code that is not ours, run in this process: what it sets does not stay, and only the user's Ctrl-C is one."""

from __future__ import annotations

import gc
import locale
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

Restore = Callable[[], Any]

_SIGNALS = [
    getattr(signal, f"SIG{name}")
    for name in ("INT", "TERM", "HUP", "QUIT", "ALRM", "CHLD", "PIPE", "USR1", "USR2", "ABRT", "FPE", "SEGV")
    if hasattr(signal, f"SIG{name}")
]
#: What NumPy begins with; where the code imported it, this is what it is set back to.
_NUMPY_ERRORS: dict[str, Any] = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


class Interrupts:
    """Whether the user has pressed Ctrl-C."""

    pressed = False


@contextmanager
def heeded_interrupts() -> Iterator[Interrupts]:
    """Tell the user's Ctrl-C from a KeyboardInterrupt that somebody's code raises.

    What handles the signal still does; a process that ignores it, as workers do, goes on ignoring it. Outside the
    main thread, which alone the signal reaches, nothing is ever pressed.
    """
    found = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield found
        return

    def note(number: int, frame: Any) -> None:
        found.pressed = True
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield found
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Set back afterwards what code may change of a process.

    The working directory, environment, import path, standard streams, signal handlers, timers, warnings' filters,
    hooks, locale, generators of random numbers, and the settings of NumPy, torch and matplotlib. What it patches in
    other modules, and the threads it starts, are left.
    """
    with ExitStack() as stack:
        for save in _SAVERS:
            restore = save()
            if restore is not None:
                stack.callback(_try, restore)
        yield


def _try(restore: Restore) -> None:
    with suppress(Exception):
        restore()


def _working_directory() -> Restore | None:
    try:
        before = Path.cwd()
    except OSError:  # it has been removed
        return None
    return lambda: os.chdir(before)


def _environment() -> Restore:
    before = dict(os.environ)

    def restore() -> None:
        if os.environ != before:
            os.environ.clear()
            os.environ.update(before)

    return restore


def _import_path() -> Restore:
    before = sys.path[:]

    def restore() -> None:
        sys.path[:] = before

    return restore


class _Unclosable:
    """A standard stream that goes on when it is closed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.flush()

    detach = close


def _streams() -> Restore:
    names = [f"{mark}{name}{mark}" for name in ("stdin", "stdout", "stderr") for mark in ("", "__")]
    before = {name: getattr(sys, name) for name in names}
    copies = {}
    for number in range(3):
        with suppress(OSError):
            copies[number] = os.dup(number)
    for name, stream in before.items():
        if stream is not None and not name.endswith(("stdin", "stdin__")):
            setattr(sys, name, _Unclosable(stream))

    def restore() -> None:
        for name, stream in before.items():
            setattr(sys, name, stream)
        for number, copy in copies.items():
            os.dup2(copy, number)
            os.close(copy)

    return restore


def _signals() -> Restore | None:
    if threading.current_thread() is not threading.main_thread():
        return None
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    blocked, timer = signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getitimer(signal.ITIMER_REAL)

    def restore() -> None:
        if signal.getitimer(signal.ITIMER_REAL) != timer:
            signal.setitimer(signal.ITIMER_REAL, *timer)
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    return restore


def _warnings() -> Restore:
    filters, show = warnings.filters[:], warnings.showwarning

    def restore() -> None:
        warnings.showwarning = show
        if warnings.filters != filters:  # to touch them would show again what was shown
            warnings.filters[:] = filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]

    return restore


def _interpreter() -> Restore:
    hooks, thread_hook, depth, collects = sys.excepthook, threading.excepthook, sys.getrecursionlimit(), gc.isenabled()
    spoken, mask = locale.setlocale(locale.LC_ALL), os.umask(0o077)
    os.umask(mask)

    def restore() -> None:
        sys.excepthook, threading.excepthook = hooks, thread_hook
        sys.setrecursionlimit(depth)
        (gc.enable if collects else gc.disable)()
        os.umask(mask)
        if locale.setlocale(locale.LC_ALL) != spoken:
            locale.setlocale(locale.LC_ALL, spoken)

    return restore


def _random_numbers() -> Restore:
    before = random.getstate()
    return lambda: random.setstate(before)


def _numpy() -> Restore:
    numpy = sys.modules.get("numpy")
    errors = _NUMPY_ERRORS if numpy is None else numpy.geterr()
    generator = None if numpy is None else numpy.random.get_state()

    def restore() -> None:
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return
        numpy.seterr(**errors)
        if generator is not None:
            numpy.random.set_state(generator)

    return restore


def _torch() -> Restore:
    torch = sys.modules.get("torch")
    generator = None if torch is None else torch.get_rng_state()
    grad, exact = (True, False) if torch is None else (
        torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled())  # fmt: skip
    kind = None if torch is None else torch.get_default_dtype()
    threads = None if torch is None else torch.get_num_threads()

    def restore() -> None:
        torch = sys.modules.get("torch")
        if torch is None:
            return
        torch.set_default_dtype(kind or torch.float32)
        torch.set_grad_enabled(grad)
        torch.use_deterministic_algorithms(exact)
        if generator is not None:
            torch.set_rng_state(generator)
        if threads not in (None, torch.get_num_threads()):
            torch.set_num_threads(threads)

    return restore


def _matplotlib() -> Restore:
    matplotlib = sys.modules.get("matplotlib")
    before = None if matplotlib is None else matplotlib.rcParams.copy()

    def restore() -> None:
        matplotlib = sys.modules.get("matplotlib")
        if matplotlib is None:
            return
        if before is None:
            matplotlib.rc_file_defaults()
        elif before != matplotlib.rcParams:
            matplotlib.rcParams.update(before)

    return restore


_SAVERS: tuple[Callable[[], Restore | None], ...] = (
    _working_directory, _environment, _import_path, _streams, _signals, _warnings, _interpreter, _random_numbers,
    _numpy, _torch, _matplotlib,
)  # fmt: skip

"""Context managers around plugin code: restore the process state it changes, and recognise the user's Ctrl-C."""

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
#: NumPy's default error handling, restored where the plugin is the first to import NumPy.
_NUMPY_ERRORS: dict[str, Any] = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


class Interrupts:
    """Record of the user's interrupts.

    Attributes
    ----------
    received : bool
        Whether the user has pressed Ctrl-C.
    """

    received = False


@contextmanager
def user_interrupts() -> Iterator[Interrupts]:
    """Record the user's Ctrl-C, to distinguish it from a KeyboardInterrupt that plugin code raises.

    The previous signal handler still runs. Processes that ignore SIGINT, such as workers, keep ignoring it. Python
    delivers signals to the main thread only, so nothing is recorded in other threads.
    """
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield interrupts
        return

    def record(number: int, frame: Any) -> None:
        interrupts.received = True
        before(number, frame)

    signal.signal(signal.SIGINT, record)
    try:
        yield interrupts
    finally:
        if signal.getsignal(signal.SIGINT) is record:
            signal.signal(signal.SIGINT, before)


@contextmanager
def process_state_restored() -> Iterator[None]:
    """Restore the state of the process when the block ends.

    Restored are the working directory, environment, import path, standard streams, signal handlers, timers, warning
    filters, hooks, locale, global random generators, and the settings of NumPy, torch and matplotlib. Patches of other
    modules and threads that the block started remain.
    """
    with ExitStack() as stack:
        for save in _SAVERS:
            restore = save()
            if restore is not None:
                stack.callback(_restore_quietly, restore)
        yield


def _restore_quietly(restore: Restore) -> None:
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
    """A standard stream that stays open when it is closed."""

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
        if warnings.filters != filters:  # assigning them would show again the warnings that were shown once
            warnings.filters[:] = filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]

    return restore


def _interpreter() -> Restore:
    hook, thread_hook, depth, collects = sys.excepthook, threading.excepthook, sys.getrecursionlimit(), gc.isenabled()
    locale_before, mask = locale.setlocale(locale.LC_ALL), os.umask(0o077)
    os.umask(mask)

    def restore() -> None:
        sys.excepthook, threading.excepthook = hook, thread_hook
        sys.setrecursionlimit(depth)
        (gc.enable if collects else gc.disable)()
        os.umask(mask)
        if locale.setlocale(locale.LC_ALL) != locale_before:
            locale.setlocale(locale.LC_ALL, locale_before)

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
    grad, is_deterministic = (True, False) if torch is None else (
        torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled())  # fmt: skip
    dtype = None if torch is None else torch.get_default_dtype()
    threads = None if torch is None else torch.get_num_threads()

    def restore() -> None:
        torch = sys.modules.get("torch")
        if torch is None:
            return
        torch.set_default_dtype(dtype or torch.float32)
        torch.set_grad_enabled(grad)
        if torch.are_deterministic_algorithms_enabled() != is_deterministic:  # the call imports a compiler: seconds
            torch.use_deterministic_algorithms(is_deterministic)
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

"""Worker processes: forks of a server that has imported torch once for all of them.

The server imports nothing from the folder in which the command was started, and neither do its forks: they search
their own import path first, and what the parent's has beside that last.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from types import ModuleType
from typing import Any

from bench.run.fit import PRELOAD

#: Tells Python not to import from the working directory; by this value a worker knows that the user did not say so.
_SAFE_PATH, _OURS = "PYTHONSAFEPATH", "deepclustbench"
#: Seconds of one wait; poll takes no more than a number of 32 bits.
_LONG = 3600.0
#: Seconds between two looks at a process's memory.
_GLANCE = 0.05
#: Seconds in which a process ends that has closed its pipe; else it is ended.
_LAST_WORDS = 1.0
#: The import path of this process when it began; in a fork, the server's.
_PATH = tuple(sys.path)


class ProcessDiedError(Exception):
    """A worker process ended before it had an answer.

    Parameters
    ----------
    code : int or None
        Its exit code, negative for a signal.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def worker_context() -> Any:
    """Return how workers start."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.run.preload", *PRELOAD])
    return context


def warm_up() -> None:
    """Begin to import what workers need, beside what this process does meanwhile; does nothing where that has begun."""
    if not isinstance(worker_context(), ForkServerContext):
        return
    named = os.environ.get(_SAFE_PATH)
    in_main_thread = threading.current_thread() is threading.main_thread()
    # The server inherits it: Ctrl-C is for this process.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    os.environ[_SAFE_PATH] = named or _OURS
    try:
        forkserver.ensure_running()
    finally:
        if named is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = named
        if in_main_thread:
            signal.signal(signal.SIGINT, before)


def start_worker() -> None:
    """Set up a worker process: its signals, its import path, and its end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    if os.environ.get(_SAFE_PATH) == _OURS:
        del os.environ[_SAFE_PATH]  # what a method starts is its own affair
    sys.path[:] = [*_PATH, *(entry for entry in sys.path if entry not in _PATH)]
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # what a method has started goes too
    os._exit(1)


class Forks:
    """Calls functions, each in a fork of its own that ends with the call, and with it whatever the function started.

    Its methods may be called by several threads.
    """

    def __init__(self) -> None:
        self._context = worker_context()
        self._lock = threading.Lock()
        self._live: set[Any] = set()
        self._stopped = False

    def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        timeout: float | None = None,
        is_too_large: Callable[[int], bool] | None = None,
    ) -> Any:
        """Return what ``function(*args)`` returns in a fork; all of them must be such as pickle.

        Parameters
        ----------
        function : callable
        *args
        timeout : float or None
            Seconds that it may take.
        is_too_large : callable, optional
            Asked many times a second whether the process of a number is to be ended for its memory.

        Raises
        ------
        TimeoutError
            If it takes longer than ``timeout`` seconds.
        MemoryError
            If it was too large.
        ProcessDiedError
            If the process ends before it has an answer.
        RuntimeError
            If the function raises anything; in the words of that.
        """
        mine, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_serve, args=(theirs, function, args))
        try:
            self._start(process)
            theirs.close()
            self._wait([mine, process.sentinel], process.pid, timeout, is_too_large)
            if not mine.poll():
                raise EOFError
            ok, answer = pickle.loads(mine.recv_bytes())  # noqa: S301 - what our own code in a fork has sent
        except EOFError:
            process.join(_LAST_WORDS)
            raise ProcessDiedError(process.exitcode) from None
        finally:
            mine.close()
            self._end(process)
        if not ok:
            raise RuntimeError(answer)
        return answer

    def _wait(
        self, ends: list[Any], pid: int, timeout: float | None, is_too_large: Callable[[int], bool] | None
    ) -> None:
        """Wait for an answer, or for the end of the process."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            if connection.wait(ends, min(left, _LONG if is_too_large is None else _GLANCE)):
                return
            if time.monotonic() >= until:
                raise TimeoutError
            if is_too_large is not None and is_too_large(pid):
                raise MemoryError

    def stop(self) -> None:
        """End all that is running, and start nothing more."""
        with self._lock:
            self._stopped = True
            live = list(self._live)
        for process in live:
            _kill(process)

    def _start(self, process: Any) -> None:
        with self._lock:
            if self._stopped:
                raise ProcessDiedError(None)
            warm_up()
            with _no_main_module():
                process.start()
            # Others that start processes ask all known ones whether they are alive, and would take the exit code.
            multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
            self._live.add(process)

    def _end(self, process: Any) -> None:
        with self._lock:
            self._live.discard(process)
        if process.pid is not None:
            _kill(process)
            process.join()


def _kill(process: Any) -> None:
    """End a process and its group: what a method has forked or started, too."""
    for kill in (lambda: os.killpg(process.pid, signal.SIGKILL), process.kill):
        with suppress(OSError):
            kill()


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep a process that is started from running the script of this one again; it needs nothing of it."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def _serve(pipe: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Answer one call, and end: whatever was left running ends with it, and nothing waits for it."""
    start_worker()
    with suppress(OSError):
        os.setpgid(0, 0)
    owner = os.getpid()
    answer: tuple[bool, Any]
    try:
        answer = True, function(*args)
    except BaseException as error:
        answer = False, f"{type(error).__name__}: {error}"
    if os.getpid() == owner:  # else a fork that a method made
        content = pickle.dumps(answer)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        pipe.send_bytes(content)
    os._exit(0)

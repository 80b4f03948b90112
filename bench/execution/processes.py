"""Worker processes: forks of a server that has imported torch once for all of them.

The server and its forks import nothing from the working directory of the command: they search their own import path
first, and the additional entries of the parent's path last.
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

#: Variable that keeps Python from importing from the working directory, and the value by which a worker knows that
#: the user did not set it.
_SAFE_PATH, _SET_BY_US = "PYTHONSAFEPATH", "deepclustbench"
#: Longest wait in seconds; poll takes no more than a number of 32 bits.
_LONGEST_WAIT = 3600.0
#: Seconds between two measurements of a process's memory.
_MEMORY_INTERVAL = 0.05
#: Seconds that a process which has closed its pipe has to exit; then it is killed.
_EXIT_SECONDS = 1.0
#: The import path of this process when it started; in a fork, the server's.
_INITIAL_PATH = tuple(sys.path)


class ProcessDiedError(Exception):
    """A worker process ended before it sent its answer.

    Parameters
    ----------
    code : int or None
        Its exit code, negative for a signal.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def worker_context() -> Any:
    """Return the multiprocessing context that starts workers."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.execution.preload"])
    return context


def warm_up() -> None:
    """Start the server in the background if it is not running: it imports what workers need."""
    if not isinstance(worker_context(), ForkServerContext):
        return
    set_by_user = os.environ.get(_SAFE_PATH)
    in_main_thread = threading.current_thread() is threading.main_thread()
    # The server inherits the handler: Ctrl-C is for this process.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    os.environ[_SAFE_PATH] = set_by_user or _SET_BY_US
    try:
        forkserver.ensure_running()
    finally:
        if set_by_user is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = set_by_user
        if in_main_thread:
            signal.signal(signal.SIGINT, before)


@contextmanager
def main_module_stays_here() -> Iterator[None]:
    """Keep workers that start within from importing the main module: a script would run once more in each of them."""
    main = sys.modules["__main__"]
    hidden = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    for name in hidden:
        delattr(main, name)
    main.__spec__ = None
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


def start_worker() -> None:
    """Set up a worker process: its signals, its import path, and that it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent handles it
    if os.environ.get(_SAFE_PATH) == _SET_BY_US:
        del os.environ[_SAFE_PATH]  # processes that a method starts do not inherit it
    sys.path[:] = [*_INITIAL_PATH, *(entry for entry in sys.path if entry not in _INITIAL_PATH)]
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """Kill this process, and what it has started, once the parent has ended."""
    parent.join()
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


class IsolatedCalls:
    """Calls functions, each in a process of its own that ends with the call, as does whatever the function started.

    The methods are thread-safe.
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
        """Return what ``function(*args)`` returns in a process of its own; all of them must be picklable.

        Parameters
        ----------
        function : callable
        *args
        timeout : float or None
            Seconds that the call may take.
        is_too_large : callable, optional
            Takes the process id, many times a second; returns whether to kill the process for its use of memory.

        Raises
        ------
        TimeoutError
            If the call takes longer than ``timeout`` seconds.
        MemoryError
            If ``is_too_large`` returned True.
        ProcessDiedError
            If the process ends before it sends its answer.
        RuntimeError
            If the function raises an exception; its type and message.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_serve, args=(sender, function, args))
        try:
            self._start(process)
            sender.close()
            self._wait([receiver, process.sentinel], process.pid, timeout, is_too_large)
            if not receiver.poll():
                raise EOFError
            ok, answer = pickle.loads(receiver.recv_bytes())  # noqa: S301 - sent by `_serve`
        except EOFError:
            process.join(_EXIT_SECONDS)
            raise ProcessDiedError(process.exitcode) from None
        finally:
            receiver.close()
            self._end(process)
        if not ok:
            raise RuntimeError(answer)
        return answer

    def _wait(
        self, ends: list[Any], pid: int, timeout: float | None, is_too_large: Callable[[int], bool] | None
    ) -> None:
        """Wait for the answer or the end of the process."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        longest = _LONGEST_WAIT if is_too_large is None else _MEMORY_INTERVAL
        while True:
            if connection.wait(ends, min(deadline - time.monotonic(), longest)):
                return
            if time.monotonic() >= deadline:
                raise TimeoutError
            if is_too_large is not None and is_too_large(pid):
                raise MemoryError

    def stop(self) -> None:
        """Kill all processes, and refuse further calls."""
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
            # Other threads that start processes poll all known ones, and would take the exit code.
            multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
            self._live.add(process)

    def _end(self, process: Any) -> None:
        with self._lock:
            self._live.discard(process)
        if process.pid is not None:
            _kill(process)
            process.join()


def _kill(process: Any) -> None:
    """Kill a process and its group, in which are the processes that a method has started."""
    for kill in (lambda: os.killpg(process.pid, signal.SIGKILL), process.kill):
        with suppress(OSError):
            kill()


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide the main script, so that a process which is started does not run it again."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def _serve(pipe: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Make one call, send the answer and exit at once, without waiting for threads that the function started."""
    start_worker()
    with suppress(OSError):
        os.setpgid(0, 0)
    owner = os.getpid()
    answer: tuple[bool, Any]
    try:
        answer = True, function(*args)
    except BaseException as error:
        answer = False, f"{type(error).__name__}: {error}"
    if os.getpid() == owner:  # else this is a fork that the method made and let return
        content = pickle.dumps(answer)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        pipe.send_bytes(content)
    os._exit(0)

"""Folders for the time of a run, which go with it however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_YOUNG = 60.0  # seconds
#: What ends a process that does not ask to be told.
_ENDINGS = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


@contextmanager
def temporary_folder(prefix: str, parent: str | None = None) -> Iterator[Path]:
    """Make a folder, and remove it at the end: also at SIGTERM and SIGHUP, where nobody else heeds them.

    Folders of the same prefix that a killed process left behind are removed as well: nobody holds their locks.

    Parameters
    ----------
    prefix : str
        How its name begins.
    parent : str or None
        Where it lies; None takes the system's folder for temporary files.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    _remove_abandoned(prefix, parent)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with FileLock(folder / ".lock"), _removed_at_the_end(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _removed_at_the_end(folder: Path) -> Iterator[None]:
    """Remove a folder before a signal ends this process; signals that somebody handles are left to them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number: int, _: Any) -> None:
        if os.getpid() == owner:  # not in a fork
            shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    taken = [number for number in dict.fromkeys(_ENDINGS) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


def _remove_abandoned(prefix: str, parent: str | None) -> None:
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG:  # perhaps not locked yet
                continue
            with FileLock(folder / ".lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue

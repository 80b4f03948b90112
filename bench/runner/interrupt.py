"""Ctrl-C: once to finish what is running, twice to stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def patient_interrupts(first: Callable[[], None]) -> Iterator[None]:
    """Call ``first``, in a thread, at the first Ctrl-C; raise KeyboardInterrupt at the second.

    Outside the main thread, where signals cannot be taken, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # In a thread: what is interrupted may be in the midst of printing, which a handler must not do then.
        threading.Thread(target=first, daemon=True).start()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

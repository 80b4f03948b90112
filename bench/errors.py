"""Exceptions whose message a user reads: one line that says what is wrong and how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from bench.isolation import Interrupts, user_interrupts


class InputError(ValueError):
    """Bad usage or bad input; the command line prints it as one line and exits with 2.

    The message names the file or key, says what is wrong with it and what would be valid.
    """


class MethodError(InputError):
    """A method that cannot be used, such as a plugin that fails to import; the other methods still run."""


class Stopped(KeyboardInterrupt):
    """A signal such as SIGTERM ends the command; code that handles Ctrl-C handles it in the same way.

    Parameters
    ----------
    number : int
        Number of the signal.

    Attributes
    ----------
    received : int or None
        Number of the signal that this process has received. It is kept on the class because libraries such as Ray may
        raise a plain KeyboardInterrupt instead of this exception.
    """

    received: ClassVar[int | None] = None

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class RunTimeoutError(BaseException):
    """Raised in a run that has reached its time limit; no Exception, so that a method does not swallow it."""


@contextmanager
def plugin_faults(explain: Callable[[BaseException], str], error: type[InputError] = MethodError) -> Iterator[None]:
    """Raise an `InputError` for anything that plugin code raises, SystemExit included.

    Parameters
    ----------
    explain : callable
        Maps the exception of the plugin to the message.
    error : type
        Class of the error that is raised instead.

    Raises
    ------
    KeyboardInterrupt
        If the user has pressed Ctrl-C or the process has received a signal, also where the plugin swallowed it.
    """
    with user_interrupts() as interrupts:
        try:
            yield
        except RunTimeoutError:
            raise
        except BaseException as raised:
            _raise_interrupt(interrupts)
            raise error(explain(raised)) from raised
    _raise_interrupt(interrupts)  # the plugin may have swallowed it


def _raise_interrupt(interrupts: Interrupts) -> None:
    """Raise the interrupt that the process has received, if any."""
    if Stopped.received is not None:
        raise Stopped(Stopped.received)
    if interrupts.received:
        raise KeyboardInterrupt

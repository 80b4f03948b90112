"""The exceptions a user may see: a line that names what is wrong and the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from bench.isolation import Interrupts, heeded_interrupts


class InputError(ValueError):
    """Bad usage or bad input; the command line prints it as one line and exits with 2.

    The message names the file or key, says what is wrong with it and what would be right.
    """


class MethodError(InputError):
    """A method that cannot be used, such as a plugin that does not import; the others still run."""


class Stopped(KeyboardInterrupt):
    """A signal asks to end at once; what Ctrl-C passes through, this does.

    Parameters
    ----------
    number : int
        Of the signal.

    Attributes
    ----------
    asked : int or None
        The signal that this process has had. Libraries, such as Ray, may raise a plain KeyboardInterrupt in its place.
    """

    asked: ClassVar[int | None] = None

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class TimeIsUpError(BaseException):
    """Raised in a run that has reached its time limit; no Exception, so that a method does not swallow it."""


@contextmanager
def foreign(explain: Callable[[BaseException], str], error: type[InputError] = MethodError) -> Iterator[None]:
    """Turn whatever a plugin's code raises into a line; it may do anything, also exit, and only Ctrl-C is ours.

    Parameters
    ----------
    explain : callable
        Returns the line from what was raised.
    error : type
        Of what is raised instead.
    """
    with heeded_interrupts() as interrupts:
        try:
            yield
        except TimeIsUpError:
            raise
        except BaseException as raised:
            _end_where_asked(interrupts)
            raise error(explain(raised)) from raised
    _end_where_asked(interrupts)  # the code may have swallowed it


def _end_where_asked(interrupts: Interrupts) -> None:
    """Go on to the end where the user has pressed Ctrl-C, or a signal has asked for it."""
    if Stopped.asked is not None:
        raise Stopped(Stopped.asked)
    if interrupts.pressed:
        raise KeyboardInterrupt

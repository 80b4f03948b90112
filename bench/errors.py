"""The exceptions a user may see: a line that names what is wrong and the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.guard import heeded_interrupts


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
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


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
        except BaseException as raised:
            if interrupts.pressed:
                raise KeyboardInterrupt from raised
            raise error(explain(raised)) from raised
    if interrupts.pressed:  # and the code has swallowed it
        raise KeyboardInterrupt

"""Turning whatever a third-party reader raises into one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import InputError
from bench.text import one_line


@contextmanager
def reading(source: object, mend: str) -> Iterator[None]:
    """Raise `InputError` that names `source` and the `mend` for whatever goes wrong inside.

    Readers of damaged files raise anything from AssertionError to UnpicklingError, so all of it is caught;
    the original stays as the cause.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        detail = one_line(error)
        reason = f"{type(error).__name__}: {detail}" if detail else type(error).__name__
        raise InputError(f"{source}: cannot be read ({reason}); {mend}") from error

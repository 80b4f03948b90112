"""Clean text of plugins and other libraries so that it can be stored and shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bench.errors import InputError


@lru_cache(maxsize=4096)  # a report cleans the few names of very many runs
def clean_name(name: str) -> str:
    """Return a name as one line of printable characters, without the escape sequences that a terminal would execute."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def one_line(message: object, longest: int = 200) -> str:
    """Return a message as one printable line of at most ``longest`` characters."""
    try:
        text = clean_name(str(message))
    except Exception:  # the __str__ of a plugin's exception may fail
        text = f"a {type(message).__name__} without words"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shown(value: object, longest: int = 100) -> str:
    """Return the ``repr`` of a value as one printable line of at most ``longest`` characters."""
    try:
        text = repr(value)
    except Exception:  # the __repr__ of a plugin's object may fail
        text = f"a {type(value).__name__} without words"
    return one_line(text, longest)


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: "1 run", "2 runs"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def last_line(text: str | None) -> str:
    """Return the last line of a traceback, which holds the exception and its message."""
    lines = (text or "").strip().splitlines()
    return clean_name(lines[-1]) if lines else ""


def storable(text: str, longest: int = 20_000) -> str:
    """Return text that can be encoded as UTF-8, cut to its last ``longest`` characters."""
    kept = text if len(text) <= longest else "…" + text[1 - longest :]
    return kept.encode("utf-8", "replace").decode()


def import_fault(error: BaseException) -> str:
    """Return one line that says why a plugin's module cannot be imported and how to fix it."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"there is no module {error.name!r}; install it, or correct its name"
    return f"it cannot be imported ({type(error).__name__}: {one_line(error)})"


def and_list(words: Sequence[str], conjunction: str = "and") -> str:
    """Write ``A``, ``A and B`` or ``A, B and C``; at least one word."""
    *first, last = words
    return f"{', '.join(first)} {conjunction} {last}" if first else last

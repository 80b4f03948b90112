"""Text that comes from elsewhere - plugins, other libraries - made fit to be stored and shown."""

from __future__ import annotations

from bench.errors import InputError


def clean_name(name: str) -> str:
    """Make a name one line of printable characters: names come from plugins, and a terminal obeys escapes."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def one_line(message: object, longest: int = 200) -> str:
    """Fold white space and cut a message of another library to one readable line."""
    try:
        text = clean_name(str(message))
    except Exception:  # an exception may be unable even to say what it is
        text = f"a {type(message).__name__} without words"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shown(value: object, longest: int = 100) -> str:
    """Return a value as Python writes it, in one readable line."""
    try:
        text = repr(value)
    except Exception:  # an object may be unable to say what it is
        text = f"a {type(value).__name__} without words"
    return one_line(text, longest)


def last_line(text: str | None) -> str:
    """Return the last line of a traceback: what went wrong, without where."""
    lines = (text or "").strip().splitlines()
    return clean_name(lines[-1]) if lines else ""


def storable(text: str, longest: int = 20_000) -> str:
    """Return text that every encoder takes and no reader drowns in: the end of it, where a traceback says most."""
    kept = text if len(text) <= longest else "…" + text[1 - longest :]
    return kept.encode("utf-8", "replace").decode()


def import_fault(error: BaseException) -> str:
    """Say in one line why a plugin's module cannot be imported, and the mend."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"there is no module {error.name!r}; install it, or mend its name"
    return f"it cannot be imported ({type(error).__name__}: {one_line(error)})"

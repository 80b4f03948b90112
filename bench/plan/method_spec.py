"""What an entry of a suite's ``methods`` may be: ``sdec``, ``sdec@stable``, ``lab/mine.py``, ``pkg.mod:Class``."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: A plugin's file, or a class in it, optionally with a preset; a folder's name may hold an @ as well.
_FILE = re.compile(r"(?P<method>(?P<file>.+\.py)(?::(?P<class>\w+))?)(?:@(?P<preset>[^@/]+))?")


def split_entry(entry: str) -> tuple[str, str]:
    """Split an entry into what finds the method and its preset, empty where it names none."""
    file = _FILE.fullmatch(entry)
    if file:
        return file["method"], file["preset"] or ""
    method, _, preset = entry.partition("@")
    return method, preset


def is_file(method: str) -> bool:
    """Tell whether what finds a method is a file, or a class in one."""
    return _FILE.fullmatch(method) is not None


def is_ours(source: str) -> bool:
    """Tell whether a method's ``source`` is a module of the package ``methods``; any other is somebody's own."""
    return source.startswith("methods.")


def file_and_class(method: str) -> tuple[str, str]:
    """Split what finds a method in a file into the file and the class, empty where it names none.

    Raises
    ------
    ValueError
        If it is no file.
    """
    found = _FILE.fullmatch(method)
    if found is None:
        raise ValueError(f"{method} is no file")
    return found["file"], found["class"] or ""


def concerns(name: str, entries: Iterable[str]) -> bool:
    """Tell whether a key of ``set`` or ``grid`` may name one of the methods.

    What the method in a file is called is not known before it is run, and reading a suite runs nothing.
    """
    return any(name in (entry, split_entry(entry)[0]) or is_file(split_entry(entry)[0]) for entry in entries)

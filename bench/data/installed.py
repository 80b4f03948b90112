"""Cards that installed packages announce: an entry point names a data set and says where its card lies."""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.data.card import NAME, Card, read_card
from bench.errors import InputError, plugin_faults
from bench.text import clean_name, import_fault

ENTRY_POINTS = "deepclustbench.datasets"


def announced_cards(taken: Collection[str]) -> Mapping[str, EntryPoint]:
    """Return the entry points of installed cards by name; imports none of their packages.

    Parameters
    ----------
    taken : collection of str
        Names that no package can have. What asks for one, or for a name that another has, is warned of in a line
        and left out.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda e: (e.name, e.value)):
        if not re.fullmatch(NAME, entry.name):
            _left_out(entry, "its name is none; write letters, digits, _ - and .")
        elif entry.name in taken:
            _left_out(entry, "a built-in data set has that name; give it another")
        elif entry.name in found:
            _left_out(entry, f"{found[entry.name].value} has that name; give it another")
        else:
            found[entry.name] = entry
    return MappingProxyType(found)


def announced_card(entry: EntryPoint) -> Card:
    """Import a package for the path of its card, and read that.

    A path, not a function that loads points: what a data set is can be read from a file. A relative one starts at the
    module.

    Raises
    ------
    InputError
        If there is no such package, path or card.
    """
    said = f"data set {_words(entry)}"
    module, _, member = (part.strip() for part in entry.value.partition(":"))
    with plugin_faults(lambda error: f"{said}: {import_fault(error)}", InputError):
        package = importlib.import_module(module)
        path: Any = getattr(package, member, None)
    if not isinstance(path, (str, os.PathLike)):
        what = "it is not there" if path is None else f"it is of type {type(path).__name__}"
        raise InputError(f"{said}: {what}; write the path of the card, a .toml, beside the module")
    try:
        card = read_card(Path(package.__file__ or "").parent / path)
    except InputError as error:
        raise InputError(f"{said}: {error}") from error
    if card.name != entry.name:
        raise InputError(f"{said}: its card is named {card.name!r}; give both one name")
    return card


def _left_out(entry: EntryPoint, why: str) -> None:
    warnings.warn(f"left out: data set {_words(entry)}: {why}", RuntimeWarning, stacklevel=3)


def _words(entry: EntryPoint) -> str:
    return clean_name(f"{entry.name} = {entry.value}")

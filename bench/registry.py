"""Finds methods: the modules of ``methods``, installed packages, and bare classes by ``pkg.mod:Class``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from bench.errors import InputError
from bench.method import MethodInfo

ENTRY_POINTS = "deepclustbench.methods"


@cache
def methods() -> Mapping[str, MethodInfo]:
    """Return every method found, by name.

    A module that cannot be imported is warned of and left out; the others still run.

    Raises
    ------
    InputError
        If two methods have one name.
    """
    found: dict[str, tuple[str, MethodInfo]] = {}
    for source, info in [*_in_repository(), *_installed()]:
        if info.name in found and found[info.name][1] is not info:
            raise InputError(f"two methods are named {info.name!r}: {found[info.name][0]} and {source}")
        found[info.name] = source, info
    return MappingProxyType({name: info for name, (_, info) in sorted(found.items())})


def find_method(name: str) -> MethodInfo:
    """Return a method by its name, or wrap the class ``pkg.mod:Class``.

    Raises
    ------
    InputError
        If there is no such method or class.
    """
    if ":" in name:
        info = MethodInfo(name=name, title=name.rpartition(":")[2], kind="deterministic", estimator=name)
        info.load()
        return info
    known = methods()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            f"unknown method {name!r}; {hint}known: {', '.join(known)}; a scikit-learn class is named by pkg.mod:Class"
        )
    return known[name]


def _in_repository() -> Iterator[tuple[str, MethodInfo]]:
    package = importlib.import_module("methods")
    for module in pkgutil.iter_modules(package.__path__):
        yield from _info_of(f"methods.{module.name}")


def _installed() -> Iterator[tuple[str, MethodInfo]]:
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            info = entry.load()
        except Exception as error:
            _warn(entry.value, error)
            continue
        yield entry.value, info


def _info_of(name: str) -> Iterator[tuple[str, MethodInfo]]:
    """Yield a module's ``info``; a module without one is a helper, not a method."""
    try:
        info = getattr(importlib.import_module(name), "info", None)
    except Exception as error:
        _warn(name, error)
        return
    if isinstance(info, MethodInfo):
        yield name, info


def _warn(source: str, error: Exception) -> None:
    message = f"method left out: importing {source} failed with {type(error).__name__}: {error}"
    warnings.warn(message, RuntimeWarning, stacklevel=2)

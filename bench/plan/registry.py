"""Finds methods: the modules of ``methods``, installed packages, files, and bare classes by ``pkg.mod:Class``."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from bench.canonical import PLUGIN_MODULE
from bench.errors import InputError, MethodError, plugin_faults
from bench.isolation import process_state_restored
from bench.method import MethodInfo
from bench.plan.method_spec import file_and_class, is_file, is_ours, split_entry
from bench.plan.plugin_imports import beside
from bench.text import clean_name, import_fault

ENTRY_POINTS = "deepclustbench.methods"

#: What has been loaded, and need not be guarded against again.
_LOADED: set[str] = set()


@cache
def methods() -> Mapping[str, MethodInfo]:
    """Return every method of the package ``methods`` and of installed ones, by name.

    What cannot be used is warned of, a line each, and left out: a module that cannot be imported, what is no method,
    and the second of two methods of one name. The others still run.
    """
    found: dict[str, MethodInfo] = {}
    for source, load in (*_in_repository(), *_installed()):
        try:
            with nullcontext() if is_ours(source) else process_state_restored():
                info = load()
            if info is None:
                continue
            if info.name in found:
                raise MethodError(f"it is named {info.name!r}, as {found[info.name].source} is; give it another name")
        except MethodError as error:
            warnings.warn(f"left out: method {clean_name(source)}: {error}", RuntimeWarning, stacklevel=2)
            continue
        found[info.name] = info
    return MappingProxyType(dict(sorted(found.items())))


def find_method(spec: str, *, stays: bool = False) -> MethodInfo:
    """Return a method by its name or its file ``lab/mine.py``, or wrap the class ``pkg.mod:Class``.

    ``lab/mine.py:Class`` is a class in a file. The working directory is not searched for ``pkg.mod``.

    Parameters
    ----------
    spec : str
    stays : bool
        Whether what a plugin sets in this process when it is imported stays: where the process is for it alone.

    Raises
    ------
    InputError
        If there is no such method or file.
    MethodError
        If it is there and cannot be used.
    """
    if is_file(spec):
        file, name = file_and_class(spec)
        path = Path(file).expanduser().resolve()
        if not path.is_file():
            raise InputError(f"method {spec}: there is no file {path}; mend the path")
        source = f"{path}:{name}" if name else str(path)
        with beside(path):
            return _named(spec, lambda: _member(_run(path).module, name, _word(path.stem), source), stays)
    if ":" in spec:
        module, _, name = spec.partition(":")
        return _named(spec, lambda: _member(_installed_module(module, name), name, module, spec), stays)
    known = methods()
    if spec not in known:
        near = difflib.get_close_matches(spec, known, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            f"unknown method {spec!r}; {hint}known: {', '.join(known)}; a plugin's file is named by its path "
            "(lab/mine.py), a scikit-learn class by pkg.mod:Class"
        )
    return known[spec]


def finder(entries: Iterable[str]) -> Callable[[str], MethodInfo]:
    """Return what finds the methods of a suite: by what its entries say, and by the names of those they bring along.

    Parameters
    ----------
    entries : iterable of str
        The suite's ``methods``. Those that cannot be found or used raise only when they are asked for.
    """
    brought: dict[str, MethodInfo] = {}
    faults: dict[str, InputError] = {}
    by_entry: dict[str, MethodInfo] = {}
    for spec in dict.fromkeys(split_entry(entry)[0] for entry in entries):
        if not is_file(spec) and ":" not in spec:
            continue
        try:
            info = find_method(spec)
            other = brought.get(info.name) or methods().get(info.name)
            if other is not None and other.source != info.source:
                raise MethodError(
                    f"method {spec}: it is named {info.name!r}, as {other.source} is; give it another name"
                )
        except InputError as error:
            faults[spec] = error
        else:
            brought[info.name] = by_entry[spec] = info

    def find(spec: str) -> MethodInfo:
        if spec in faults:
            raise faults[spec]
        return by_entry.get(spec) or brought.get(spec) or find_method(spec)

    return find


def code_of(info: MethodInfo) -> str | None:
    """Return a hash of the file that a plugin is, as this process has run it; None for what is installed."""
    return _run(Path(file_and_class(info.source)[0])).digest if is_file(info.source) else None


def _in_repository() -> Iterator[tuple[str, Callable[[], MethodInfo | None]]]:
    package = importlib.import_module("methods")
    for module in pkgutil.iter_modules(package.__path__):
        name = f"methods.{module.name}"
        yield name, lambda name=name: _info_of(name)  # type: ignore[misc]


def _info_of(name: str) -> MethodInfo | None:
    """Return a module's ``info``; a module without one is a helper, not a method."""
    info = getattr(_imported(name), "info", None)
    return replace(info, source=f"{name}:info") if isinstance(info, MethodInfo) else None


def _named(spec: str, load: Callable[[], MethodInfo], stays: bool) -> MethodInfo:
    """Return what is loaded, its class checked; what goes wrong is said of ``spec``."""
    with nullcontext() if stays or spec in _LOADED else process_state_restored():
        try:
            info = load()
        except MethodError as error:
            raise MethodError(f"method {spec}: {error}") from error
        info.load()
    _LOADED.add(spec)
    return info


def _installed() -> Iterator[tuple[str, Callable[[], MethodInfo | None]]]:
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda e: (e.name, e.value)):
        yield f"{entry.name} = {entry.value}", lambda entry=entry: _announced(entry)  # type: ignore[misc]


def _announced(entry: EntryPoint) -> MethodInfo:
    with plugin_faults(lambda _: "it names no module; write pkg.mod:info"):
        module, name = entry.module, entry.attr or ""
    return _member(_imported(module), name, module, f"{module}:{name or 'info'}", entry.name)


def _member(module: ModuleType, member: str, place: str, source: str, name: str = "") -> MethodInfo:
    """Return the ``info`` of a module, or wrap a class of it.

    Parameters
    ----------
    member : str
        Of the module; empty for ``info``.
    place : str
        The module, in the name of a method that is a bare class.
    source : str
        By what another process finds it.
    name : str, optional
        Of a bare class.
    """
    with plugin_faults(import_fault):  # a module may make its members when they are asked for
        found = getattr(module, member or "info", None)
    if isinstance(found, MethodInfo):
        return replace(found, source=source)
    if member and isinstance(found, type):
        name = name or f"{place}:{member}"
        return MethodInfo(name=name, title=member, kind="deterministic", estimator=found, source=source)
    if found is None:
        raise MethodError(f"it has no {member or 'info'}; {_what_it_has(module, member)}")
    what = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
    right = "name a class or a MethodInfo" if member else "write info = MethodInfo(...)"
    raise MethodError(f"its {member or 'info'} is {what}; {right}")


def _what_it_has(module: ModuleType, member: str) -> str:
    """Say what a module has instead of what was asked for."""
    classes = {name: found for name, found in vars(module).items() if isinstance(found, type)}
    clusterers = [n for n, found in classes.items() if hasattr(found, "fit") and hasattr(found, "fit_predict")]
    if member:
        near = difflib.get_close_matches(member, clusterers, n=1)
        return f"did you mean {near[0]}?" if near else f"its clusterers are {', '.join(clusterers) or 'none'}"
    add = "add info = MethodInfo(...)"
    own = [name for name in clusterers if classes[name].__module__ == module.__name__]
    return f"{add}, or name a class of it, as {Path(module.__file__ or '').name}:{own[0]}" if own else add


def _installed_module(name: str, member: str) -> ModuleType:
    """Return a module that can be imported from anywhere; those of the working directory are named by their file."""
    try:
        return _imported(name)
    except MethodError as error:
        top, file = name.partition(".")[0], f"{name.replace('.', '/')}.py"
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name == top and Path(file).is_file():
            raise MethodError(
                f"no installed module is named {top}; name the file here by its path: ./{file}:{member}"
            ) from cause
        raise


def _imported(name: str) -> ModuleType:
    with plugin_faults(import_fault):
        return importlib.import_module(name)


class _Plugin(NamedTuple):
    """A plugin's file as it was run, and a hash of what was run."""

    module: ModuleType
    digest: str


@cache
def _run(path: Path) -> _Plugin:
    """Run a plugin's file as a module of a name of its own, once a process, whatever becomes of the file meanwhile."""

    def explain(error: BaseException) -> str:
        sys.modules.pop(name, None)
        return f"{_line_of(error, path)}{import_fault(error)}"

    name = f"{PLUGIN_MODULE}{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{_word(path.stem)}"
    with plugin_faults(explain):
        content = path.read_bytes()
        loader = SourceFileLoader(name, str(path))
        module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
        module.__file__ = str(path)
        sys.modules[name] = module  # what it defines can be pickled, in this process
        exec(loader.source_to_code(content, str(path)), vars(module))  # noqa: S102 - a plugin is code, to be run
    return _Plugin(module, hashlib.sha256(content).hexdigest()[:16])


def _word(stem: str) -> str:
    """Return a file's name as a module can have it."""
    word = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return word if word[:1].isalpha() else f"m_{word}"


def _line_of(error: BaseException, path: Path) -> str:
    """Say in which line of a file it went wrong."""
    line: Any = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""

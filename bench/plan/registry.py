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
from bench.plan.method_spec import MethodSpec
from bench.plan.plugin_imports import beside
from bench.text import clean_name, import_fault

#: Entry-point group in which packages announce methods.
METHODS_GROUP = "deepclustbench.methods"

#: Specs of plugins that were loaded; their import cannot change this process a second time.
_LOADED: set[str] = set()


#: Methods that a program gave as objects, by their source.
_GIVEN: dict[str, MethodInfo] = {}


def give_method(method: MethodInfo | type) -> str:
    """Take a method that a program gives as an object, and return how a suite names it: ``pkg.mod:Class``.

    Parameters
    ----------
    method : MethodInfo or type
        A declaration, or a bare clusterer.

    Raises
    ------
    MethodError
        If its class is no clusterer.
    """
    kind = method.load() if isinstance(method, MethodInfo) else method
    entry = f"{kind.__module__}:{kind.__name__}"
    registered = next((info for info in methods().values() if info.load() is kind), None)
    if isinstance(method, MethodInfo):
        info = replace(method, source=method.source or entry)
    elif registered is not None:
        info = replace(registered, presets={})  # the parameters of the object, and no others
    else:
        info = MethodInfo(name=entry, title=kind.__name__, kind="deterministic", estimator=kind, source=entry)
    info.load()
    _GIVEN[entry] = info
    return entry


def given_method(source: str) -> MethodInfo | None:
    """Return the method that a program gave as an object, None where it did not."""
    return _GIVEN.get(source)


@cache
def methods() -> Mapping[str, MethodInfo]:
    """Return every method of the package ``methods`` and of installed packages, by name.

    A method that cannot be used is left out with a warning: its module cannot be imported, it is no method, or its name
    is taken. The others still run.
    """
    by_name: dict[str, MethodInfo] = {}
    for source, load in (*_in_repository(), *_installed()):
        try:
            with nullcontext() if MethodSpec.parse(source).is_built_in else process_state_restored():
                info = load()
            if info is None:
                continue
            if info.name in by_name:
                raise MethodError(f"it is named {info.name!r}, as {by_name[info.name].source} is; give it another name")
        except MethodError as error:
            warnings.warn(f"left out: method {clean_name(source)}: {error}", RuntimeWarning, stacklevel=2)
            continue
        by_name[info.name] = info
    return MappingProxyType(dict(sorted(by_name.items())))


def find_method(text: str, *, keep_process_state: bool = False) -> MethodInfo:
    """Return a method by its name, its file ``lab/mine.py[:Class]``, or its class ``pkg.mod:Class``.

    The working directory is not searched for ``pkg.mod``.

    Parameters
    ----------
    text : str
        As `MethodSpec.parse` reads it, without a preset.
    keep_process_state : bool
        Whether changes that a plugin makes to this process at import stay. For processes that run this plugin alone.

    Raises
    ------
    InputError
        If there is no such method or file.
    MethodError
        If it exists and cannot be used.
    """
    spec = MethodSpec.parse(text)
    if spec.method in _GIVEN:
        return _GIVEN[spec.method]
    if spec.file:
        path = Path(spec.file).expanduser().resolve()
        if not path.is_file():
            raise InputError(f"method {text}: no such file: {path}; correct the path")
        source = f"{path}:{spec.member}" if spec.member else str(path)
        with beside(path):
            return _load_plugin(
                text, lambda: _member(_run(path).module, spec.member, _word(path.stem), source), keep_process_state
            )
    if spec.module:
        return _load_plugin(
            text,
            lambda: _member(_installed_module(spec.module, spec.member), spec.member, spec.module, text),
            keep_process_state,
        )
    known = methods()
    if text not in known:
        near = difflib.get_close_matches(text, known, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            f"unknown method {text!r}; {hint}known: {', '.join(known)}; a plugin's file is named by its path "
            "(lab/mine.py), a scikit-learn class by pkg.mod:Class"
        )
    return known[text]


def method_finder(specs: Iterable[MethodSpec]) -> Callable[[str], MethodInfo]:
    """Return a function that finds methods as `find_method` does, and a suite's plugins by their names as well.

    Parameters
    ----------
    specs : iterable of MethodSpec
        The suite's. One that cannot be found or used raises when it is asked for.
    """
    by_name: dict[str, MethodInfo] = {}
    by_spec: dict[str, MethodInfo] = {}
    faults: dict[str, InputError] = {}
    for method in dict.fromkeys(spec.method for spec in specs if spec.is_plugin):
        try:
            info = find_method(method)
            other = by_name.get(info.name) or methods().get(info.name)
            if other is not None and other.source != info.source:
                raise MethodError(
                    f"method {method}: it is named {info.name!r}, as {other.source} is; give it another name"
                )
        except InputError as error:
            faults[method] = error
        else:
            by_spec[method] = info
            if info.name not in methods():
                by_name[info.name] = info

    def find(name: str) -> MethodInfo:
        if name in faults:
            raise faults[name]
        return by_spec.get(name) or by_name.get(name) or find_method(name)

    return find


def code_of(info: MethodInfo) -> str | None:
    """Return a hash of a plugin's file as this process has run it; None for an installed method."""
    file = MethodSpec.parse(info.source).file
    return _run(Path(file)).digest if file else None


def _in_repository() -> Iterator[tuple[str, Callable[[], MethodInfo | None]]]:
    package = importlib.import_module("methods")
    for module in pkgutil.iter_modules(package.__path__):
        name = f"methods.{module.name}"
        yield name, lambda name=name: _info_of(name)  # type: ignore[misc]


def _info_of(name: str) -> MethodInfo | None:
    """Return a module's ``info``; a module without one is a helper, not a method."""
    info = getattr(_imported(name), "info", None)
    return replace(info, source=f"{name}:info") if isinstance(info, MethodInfo) else None


def _load_plugin(spec: str, load: Callable[[], MethodInfo], keep_process_state: bool) -> MethodInfo:
    """Load a plugin and check its class; errors name ``spec``."""
    with nullcontext() if keep_process_state or spec in _LOADED else process_state_restored():
        try:
            info = load()
        except MethodError as error:
            raise MethodError(f"method {spec}: {error}") from error
        info.load()
    _LOADED.add(spec)
    return info


def _installed() -> Iterator[tuple[str, Callable[[], MethodInfo | None]]]:
    for entry in sorted(entry_points(group=METHODS_GROUP), key=lambda e: (e.name, e.value)):
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
        How another process finds it; see `find_method`.
    name : str, optional
        Of a bare class.
    """
    with plugin_faults(import_fault):  # a module may make its members when they are asked for
        value = getattr(module, member or "info", None)
    if isinstance(value, MethodInfo):
        return replace(value, source=source)
    if member and isinstance(value, type):
        name = name or f"{place}:{member}"
        return MethodInfo(name=name, title=member, kind="deterministic", estimator=value, source=source)
    if value is None:
        raise MethodError(f"it has no {member or 'info'}; {_alternatives(module, member)}")
    what = "a class" if isinstance(value, type) else f"of type {type(value).__name__}"
    right = "name a class or a MethodInfo" if member else "write info = MethodInfo(...)"
    raise MethodError(f"its {member or 'info'} is {what}; {right}")


def _alternatives(module: ModuleType, member: str) -> str:
    """Say what a module has instead of the member that was asked for."""
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    clusterers = [n for n, c in classes.items() if hasattr(c, "fit") and hasattr(c, "fit_predict")]
    if member:
        near = difflib.get_close_matches(member, clusterers, n=1)
        return f"did you mean {near[0]}?" if near else f"its clusterers are {', '.join(clusterers) or 'none'}"
    add = "add info = MethodInfo(...)"
    own = [name for name in clusterers if classes[name].__module__ == module.__name__]
    return f"{add}, or name a class of it, as {Path(module.__file__ or '').name}:{own[0]}" if own else add


def _installed_module(name: str, member: str) -> ModuleType:
    """Import a module that is installed; a module of the working directory is named by its file instead."""
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
    """Run a plugin's file as a module of a unique name, once a process, even if the file changes meanwhile."""

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

"""What the shell may complete: names of suites, methods, presets and data sets, without importing any method."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path


def suites(incomplete: str) -> list[str]:
    """Return the built-in suites that begin with a text."""
    folder = Path(__file__).parents[1] / "suites"
    return _beginning_with(incomplete, (path.stem for path in folder.glob("*.toml")))


def method_lists(incomplete: str) -> list[str]:
    """Return lists of methods: the last name of a list, with or without its preset, is completed."""
    before, comma, last = incomplete.rpartition(",")
    presets = _presets_by_method()
    names: Iterable[str] = presets
    if "@" in last:
        names = (f"{method}@{preset}" for method, of_method in presets.items() for preset in of_method)
    return [f"{before}{comma}{name}" for name in _beginning_with(last, names)]


def method(incomplete: str) -> list[str]:
    """Return the methods that begin with a text."""
    return _beginning_with(incomplete, _presets_by_method())


def presets(incomplete: str) -> list[str]:
    """Return the presets of all methods that begin with a text."""
    return _beginning_with(incomplete, (preset for names in _presets_by_method().values() for preset in names))


def datasets(incomplete: str) -> list[str]:
    """Return lists of data sets, whose last name is completed."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in dataset(last)]


def dataset(incomplete: str) -> list[str]:
    """Return the data sets that begin with a text."""
    from bench.data.cards import card_names

    return _beginning_with(incomplete, card_names())


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _presets_by_method() -> dict[str, list[str]]:
    """Return the presets of each method by its name; of an installed package's method only the name is known."""
    announced: dict[str, list[str]] = {entry.name: [] for entry in entry_points(group="deepclustbench.methods")}
    spec = find_spec("methods")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in Path(folder).glob("*.py"):
            announced |= dict(_declarations(path))
    return announced


def _declarations(path: Path) -> Iterable[tuple[str, list[str]]]:
    """Read the names and presets of ``info = MethodInfo(...)`` from a source file: importing it would take seconds."""
    for node in ast.parse(path.read_bytes()).body:
        value = node.value if isinstance(node, ast.Assign) else None
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "MethodInfo"):
            continue
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        name, presets = given.get("name"), given.get("presets")
        if isinstance(name, ast.Constant):
            keys = presets.keys if isinstance(presets, ast.Dict) else []
            texts = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            yield str(name.value), [text for text in texts if "@" not in text]

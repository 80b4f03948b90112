"""The modules that lie beside plugins' files: for the plugin that they lie beside, and for nobody else."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType
from typing import Any

from bench.errors import MethodError

_IMPORT_SYSTEM = ("<frozen importlib", importlib.__file__)


class _Beside:
    """Finds what lies beside a plugin's file, where code of that folder imports it and nothing else has the name."""

    def __init__(self) -> None:
        self.folders: list[str] = []  # the innermost first
        self.current: str | None = None

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module, as the import system asks."""
        del target
        folder = None if path is not None else self.current or self._asking()
        return PathFinder.find_spec(name, [folder]) if folder else None

    def _asking(self) -> str | None:
        """Return the folder of the code that imports."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            frame = frame.f_back
        asking = frame.f_code.co_filename if frame else ""
        return next((folder for folder in self.folders if asking.startswith(folder + os.sep)), None)


_FINDER = _Beside()
#: By name, the file that a plugin imports from its own folder, and that plugin.
_TAKEN: dict[str, tuple[Path, Path]] = {}


@contextmanager
def beside(plugin: Path) -> Iterator[None]:
    """Let a plugin's file import what lies beside it; ever after, that code alone.

    Raises
    ------
    MethodError
        If another plugin imports another module of one name from its own folder: Python has one module of a name.
    """
    for name, file in imported_beside(plugin).items():
        other, by = _TAKEN.setdefault(name, (file, plugin))
        if other != file and not _alike(other, file):
            raise MethodError(
                f"method {plugin}: it imports {name} from {file}, and {by} has imported another {name} from "
                f"{other.parent}: rename one of the two, or run the plugins by commands of their own"
            )
    folder = str(plugin.parent)
    if folder not in _FINDER.folders:
        _FINDER.folders = sorted([*_FINDER.folders, folder], key=len, reverse=True)
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)  # last, so that it hides nothing
    before, _FINDER.current = _FINDER.current, folder
    try:
        yield
    finally:
        _FINDER.current = before


@cache  # a plugin is run once, whatever becomes of its file
def imported_beside(plugin: Path) -> dict[str, Path]:
    """Return the modules that a plugin imports from its own folder, also by way of each other, and their files.

    What is installed under the same name goes first, and is not among them.
    """
    found: dict[str, Path] = {}
    open_files = [plugin]
    while open_files:
        for name in _imports(open_files.pop()):
            if name in found:
                continue
            here = PathFinder.find_spec(name, [str(plugin.parent)])
            if here is None or here.origin is None or _is_installed(name):
                continue
            found[name] = Path(here.origin)
            folders = here.submodule_search_locations
            inside = [file for folder in folders or () for file in Path(folder).rglob("*.py")]
            open_files += inside if folders else [found[name]]
    return found


def _imports(file: Path) -> set[str]:
    """Return the first parts of what a file imports, wherever it does; nothing of what is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _is_installed(name: str) -> bool:
    finders = [finder for finder in sys.meta_path if finder is not _FINDER]
    return any(finder.find_spec(name, None) is not None for finder in finders if hasattr(finder, "find_spec"))


def _alike(a: Path, b: Path) -> bool:
    """Tell whether two modules are copies of one file; packages never are."""
    return a.name == b.name != "__init__.py" and a.read_bytes() == b.read_bytes()

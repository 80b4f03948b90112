"""The files of a new method, written from templates under one name."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from bench.errors import InputError
from bench.text import one_line

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 36  # what is written stays within 88 columns


@dataclass(frozen=True)
class Names:
    """What a method called ``my_method`` is called elsewhere.

    Attributes
    ----------
    name : str
        On the command line, and of its module: ``my_method``.
    class_name : str
        ``MyMethod``.
    title : str
        In tables: ``My method``.
    distribution : str
        Of its package where packages are published: ``my-method``.
    """

    name: str
    class_name: str
    title: str
    distribution: str


def names_of(name: str, methods: Collection[str]) -> Names:
    """Return the names of a new method.

    Parameters
    ----------
    name : str
    methods : collection of str
        The names of those that there are.

    Raises
    ------
    InputError
        If a method or its module cannot be called that; it says what would do.
    """
    fault = _fault(name, methods)
    if fault:
        raise InputError(
            f"a new method cannot be called {one_line(repr(name), 60)}: {fault}; write {_near(name, methods)}"
        )
    words = name.split("_")
    return Names(name, _class_name(words), " ".join(words).capitalize(), "-".join(words))


def _class_name(words: list[str]) -> str:
    """Return a name that hides none of what its file imports: k_means is no KMeans."""
    name = "".join(word.capitalize() for word in words)
    imported = " ".join(re.findall(r"import (.*)", template("method.py").template))
    return f"{name}Method" if name in re.findall(r"\w+", imported) or keyword.iskeyword(name) else name


def _fault(name: str, methods: Collection[str]) -> str:
    """Say why a name cannot be taken; nothing if it can."""
    if not _NAME.fullmatch(name):
        return "a name is lower-case letters and digits, from a letter on, in words joined by _"
    if len(name) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if keyword.iskeyword(name):
        return "it is a word of Python"
    if name in methods:
        return "there is a method of that name"
    if name in sys.modules or importlib.util.find_spec(name):
        return "it would hide the Python module of that name"
    return ""


def _near(name: str, methods: Collection[str]) -> str:
    """Return a name close to one that cannot be taken."""
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", ascii_)  # MyMethod: my_method
    words = re.sub(r"[^a-z0-9]+", "_", split.lower())[:30].strip("_") or "method"
    tried = [words, f"my_{words}", *(f"my_{words}_{i}" for i in range(2, 100))]
    return next((near for near in tried if not _fault(near, methods)), "another")


def template(name: str) -> Template:
    """Return the template of a file."""
    return Template((files("bench.scaffold") / "templates" / f"{name}.template").read_text(encoding="utf-8"))


#: The files of a package, and what they are made from.
_PACKAGE = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "src/{name}/__init__.py": "method.py",
    "tests/test_{name}.py": "test.py",
}


@dataclass(frozen=True)
class Start:
    """What was written, and what to do next.

    Attributes
    ----------
    written : list of Path
    commands : list of str
        To be typed in the folder in which it was started.
    """

    written: list[Path]
    commands: list[str]


def start_file(names: Names, folder: Path) -> Start:
    """Write a method as one file, ``NAME.py``.

    Raises
    ------
    InputError
        If the file is there already, or cannot be written.
    """
    file = f"{names.name}.py"
    written = _write({file: "method.py"}, names, folder)
    return Start(written, [f"deepclustbench run quick --methods kmeans,{file}", f"deepclustbench check-method {file}"])


def start_package(names: Names, folder: Path) -> Start:
    """Write a method as a project ``NAME/``: its package, the entry point that announces it, a test and a README.

    Raises
    ------
    InputError
        If the project's folder is there already, or cannot be written.
    """
    project = folder / names.name
    if project.exists():
        raise _there(project)
    made_of = {path.format(name=names.name): made_from for path, made_from in _PACKAGE.items()}
    written = _write(made_of, names, project)
    return Start(
        written,
        [
            f"uv pip install -e './{names.name}[test]'",
            f"deepclustbench run quick --methods kmeans,{names.name}",
            f"python -m pytest {names.name}",
        ],
    )


def _write(templates: Mapping[str, str], names: Names, folder: Path) -> list[Path]:
    """Write templates, filled in, to new files by their paths in a folder."""
    written = []
    for relative, made_from in templates.items():
        path = folder / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:  # never over another
                file.write(template(made_from).substitute(asdict(names)))
        except FileExistsError as error:
            raise _there(Path(error.filename)) from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); take another --out") from error
        written.append(path)
    return written


def _there(path: Path) -> InputError:
    return InputError(f"{path} is there already and is left as it is; take another name or --out")

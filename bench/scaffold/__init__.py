"""Write the files of a new method from templates: one file, or an installable package."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
import sys
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from string import Template

from bench.errors import InputError
from bench.text import one_line

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 36  # with longer names, lines of the templates exceed 88 columns


@dataclass(frozen=True)
class MethodNames:
    """The names of a new method, one for each place that names it.

    Attributes
    ----------
    name : str
        Name on the command line and of the module, such as ``my_method``.
    class_name : str
        Name of the estimator's class: ``MyMethod``.
    title : str
        Name in tables: ``My method``.
    distribution : str
        Name of the package in a package index: ``my-method``.
    """

    name: str
    class_name: str
    title: str
    distribution: str


def names_of(name: str, methods: Collection[str]) -> MethodNames:
    """Return the names of a new method.

    Parameters
    ----------
    name : str
    methods : collection of str
        Names of the existing methods.

    Raises
    ------
    InputError
        If the name is not valid for a method or its module; the message suggests one that is.
    """
    fault = _fault(name, methods)
    if fault:
        raise InputError(
            f"a new method cannot be called {one_line(repr(name), 60)}: {fault}; write {_suggestion(name, methods)}"
        )
    words = name.split("_")
    return MethodNames(name, _class_name(words), " ".join(words).capitalize(), "-".join(words))


def _class_name(words: list[str]) -> str:
    """Return the class's name, with a suffix where it equals a keyword or a name that the template imports."""
    name = "".join(word.capitalize() for word in words)
    imported = " ".join(re.findall(r"import (.*)", _template("method.py").template))
    return f"{name}Method" if name in re.findall(r"\w+", imported) or keyword.iskeyword(name) else name


def _fault(name: str, methods: Collection[str]) -> str:
    """Return why a name is not valid; an empty string if it is."""
    if not _NAME.fullmatch(name):
        return "a name consists of lower-case letters and digits, begins with a letter, and joins words by _"
    if len(name) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name in methods:
        return "a method of that name exists"
    if name in sys.modules or importlib.util.find_spec(name):
        return "it would hide the Python module of that name"
    return ""


def _suggestion(name: str, methods: Collection[str]) -> str:
    """Return a valid name that resembles an invalid one."""
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", ascii_)  # MyMethod: my_method
    words = re.sub(r"[^a-z0-9]+", "_", split.lower())[:30].strip("_") or "method"
    candidates = [words, f"my_{words}", *(f"my_{words}_{i}" for i in range(2, 100))]
    return next((candidate for candidate in candidates if not _fault(candidate, methods)), "another")


def _template(name: str) -> Template:
    """Return a template of the folder ``templates``."""
    return Template((files("bench.scaffold") / "templates" / f"{name}.template").read_text(encoding="utf-8"))


#: Path of each file of a package, and its template.
_PACKAGE = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "src/{name}/__init__.py": "method.py",
    "tests/test_{name}.py": "test.py",
}


@dataclass(frozen=True)
class NewMethod:
    """The files of a new method, and the commands that use it.

    Attributes
    ----------
    written : list of Path
    commands : list of str
        Commands to run in the folder that holds the file or package.
    """

    written: list[Path]
    commands: list[str]


def write_method_file(names: MethodNames, folder: Path) -> NewMethod:
    """Write a method as one file, ``NAME.py``.

    Raises
    ------
    InputError
        If the file exists or cannot be written.
    """
    file = f"{names.name}.py"
    written = _write({file: "method.py"}, names, folder)
    return NewMethod(
        written, [f"deepclustbench run quick --methods kmeans,{file}", f"deepclustbench check-method {file}"]
    )


def write_method_package(names: MethodNames, folder: Path) -> NewMethod:
    """Write a method as a project ``NAME/`` with a package, its entry point, a test and a README.

    Raises
    ------
    InputError
        If the project's folder exists or cannot be written.
    """
    project = folder / names.name
    if project.exists():
        raise _exists_error(project)
    templates = {path.format(name=names.name): template for path, template in _PACKAGE.items()}
    written = _write(templates, names, project)
    return NewMethod(
        written,
        [
            f"uv pip install --no-deps -e ./{names.name}",
            f"deepclustbench run quick --methods kmeans,{names.name}",
            "uv pip install pytest",
            f"python -m pytest {names.name}",
        ],
    )


def _write(templates: Mapping[str, str], names: MethodNames, folder: Path) -> list[Path]:
    """Write files, given the template of each by its path in the folder; no file is overwritten."""
    written = []
    for relative, template in templates.items():
        path = folder / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(_template(template).substitute(asdict(names), deepclustbench=requirement()))
        except FileExistsError as error:
            raise _exists_error(Path(error.filename)) from None
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
        written.append(path)
    return written


def requirement() -> str:
    """Return how a package depends on deepclustbench, which no package index has: by its git address.

    The address is the one that deepclustbench was installed from, else its repository's.
    """
    try:
        installed = distribution("deepclustbench")
    except PackageNotFoundError:
        return "deepclustbench"
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if origin.get("vcs_info", {}).get("vcs") == "git":
        return f"deepclustbench @ git+{origin['url']}"
    addresses = dict(url.split(", ", 1) for url in installed.metadata.get_all("Project-URL") or [])
    return f"deepclustbench @ git+{addresses['Repository']}" if "Repository" in addresses else "deepclustbench"


def _exists_error(path: Path) -> InputError:
    return InputError(f"{path} exists already and is left unchanged; choose another name or --out")

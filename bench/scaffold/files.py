"""The files of a new method, written from templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.errors import InputError
from bench.scaffold.names import Names
from bench.scaffold.templates import template

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

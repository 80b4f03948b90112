"""The options that commands share, and what is made of them."""

from __future__ import annotations

import math
import re
import shlex
import tomllib
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.errors import InputError
from bench.text import one_line

if TYPE_CHECKING:
    from bench.plan.suite import Suite

#: More than any machine has cores; each process holds a torch of its own.
MOST_PROCESSES = 1024


class Executor(StrEnum):
    """What runs the cells."""

    LOCAL = "local"
    RAY = "ray"


class Device(StrEnum):
    """Where the networks are trained."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class HeaderRow(StrEnum):
    """Whether the first row of a table names its columns."""

    FIRST = "first"
    NONE = "none"


SuiteName = Annotated[str, typer.Argument(help="A built-in suite or a .toml file.")]
Methods = Annotated[str | None, typer.Option(help="Methods instead of the suite's: dec,sdec@stable,pkg.mod:Class")]
Datasets = Annotated[
    str | None, typer.Option(help="Data sets instead of the suite's: names, cards, files, folders, hf:OWNER/NAME.")
]
Seeds = Annotated[str | None, typer.Option(help="10 (the seeds 0 to 9), 0-9 or 0,3,7")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE[,VALUE...]; repeatable.")]
Preset = Annotated[str | None, typer.Option(help="Preset instead of the suite's.")]
Limit = Annotated[int | None, typer.Option(help="Keep this many points of every data set.")]
Clusters = Annotated[int | None, typer.Option(help="Clusters to ask for, instead of the number of classes.")]
Label = Annotated[
    str | None,
    typer.Option(help="Labels of data given by path: the name of a column or array, or a column's position (0, -1)."),
]
Header = Annotated[HeaderRow | None, typer.Option(help="Whether a table given by path has a row of names.")]
Separator = Annotated[str | None, typer.Option(help="What separates the values of a text table given by path.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder of data sets. Default: $DEEPCLUSTBENCH_DATA, else the user's cache."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the run. Default: results/runs/SUITE, and how the suite was changed."),
]
Append = Annotated[
    bool, typer.Option("--append", help="Take a folder that holds another experiment; the report is of this one.")
]
Force = Annotated[bool, typer.Option("--force", help="Run every cell again.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Run the failed cells again.")]
Search = Annotated[
    int | None, typer.Option(min=1, help="Draw this many configurations of every method that has a search space.")
]
SelectionSeeds = Annotated[
    str | None, typer.Option(help="Seeds to choose hyper-parameters on, apart from --seeds: 100-104.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, max=MOST_PROCESSES, help="Processes (local). Default: one a core, on a GPU one.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_PROCESSES, help="Threads of a cell; results depend on it. Default: 1, with Ray its CPUs."
    ),
]


def suite_of_options(
    name: str,
    methods: str | None,
    datasets: str | None,
    seeds: str | None,
    settings: Sequence[str] | None,
    preset: str | None,
    search: int | None,
    selection_seeds: str | None,
    limit: int | None,
    clusters: int | None,
    label: str | None,
    header: HeaderRow | None,
    separator: str | None,
) -> Suite:
    """Return the suite with what the command line changes of it.

    Raises
    ------
    InputError
        If something is not valid; it begins with what the user typed.
    """
    from bench.plan.suite import load_suite

    told: dict[str, Any] = {"preset": preset, "search": search, "seeds": seeds}
    told |= {"selection_seeds": selection_seeds, "limit": limit, "clusters": clusters}
    told |= {"label": label, "header": header and header.value, "separator": separator}
    told |= {"methods": methods, "datasets": datasets}
    told = {key: value for key, value in told.items() if value is not None}
    typed: dict[Any, str] = {
        key: one_line(f"--{key.replace('_', '-')} {shlex.quote(str(value))}") for key, value in told.items()
    }
    changes = {key: _READ.get(key, lambda value: value)(value) for key, value in told.items()}
    chosen: dict[tuple[str, str], list[Any]] = {}
    for text in settings or ():
        place, values = _setting(text)
        if place in chosen:
            raise InputError(f"--set {text}: {'.'.join(place)} is set twice; give all its values in one, A,B")
        chosen[place], typed[place] = values, one_line(f"--set {text}")
    return load_suite(name, chosen, typed=typed, **changes)


def folder_of(out_folder: Path | None, name: str, asked: Suite) -> Path:
    """Return the folder of a run: what the user says, or one that tells the suite and how it was changed."""
    from bench.plan.suite import load_suite
    from bench.records.experiment import default_folder

    return out_folder or default_folder(load_suite(name), asked)


def _position_or_name(text: str | None) -> int | str | None:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,9}", text) else text


_READ: dict[str, Callable[[Any], Any]] = {
    "methods": lambda text: text.split(","),
    "datasets": lambda text: text.split(","),
    "label": _position_or_name,
}


def _setting(text: str) -> tuple[tuple[str, str], list[Any]]:
    """Return ((method, parameter), values) of METHOD.PARAMETER=VALUE[,VALUE...]; values are TOML or words."""
    from bench.plan.suite import split_parameter_key

    key, _, values = text.partition("=")
    place = split_parameter_key(key)
    if place is None or not values:
        raise InputError(f"--set {text}: write METHOD.PARAMETER=VALUE, such as sdec.beta=0.001,0.01")
    return place, values_of(values)


def values_of(text: str) -> list[Any]:
    """Return the values VALUE[,VALUE...]: each TOML, or a word."""
    try:
        return _toml(text)
    except ValueError:
        return [_value(part.strip()) for part in text.split(",")]


def _value(text: str) -> Any:
    try:
        (value,) = _toml(text)
    except ValueError:
        return text
    return value


def _toml(text: str) -> list[Any]:
    """Return the values of a list in TOML.

    Raises
    ------
    ValueError
        If they are none, or something comes after them.
    """
    try:
        found = tomllib.loads(f"v = [{text}]")
    except RecursionError:
        raise ValueError("too deep") from None
    if len(found) > 1:
        raise ValueError("more than a list")
    return found["v"]


def finite(value: float | None) -> float | None:
    """Refuse what compares as no number does, and would pass every bound."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no finite number")
    return value


def refuse_missing_gpu(device: Device, address: str | None) -> None:
    """Refuse a GPU where there is none; of another machine's, whoever joins its cluster learns.

    Raises
    ------
    InputError
        If CUDA is asked for and this machine has none.
    """
    if device is not Device.CUDA or address is not None:
        return
    import torch

    if not torch.cuda.is_available():
        raise InputError("--device cuda: this machine has no GPU that torch can use; write --device cpu or auto")


def refuse(options: dict[str, Any], where: str) -> None:
    """Refuse options that the other executor has, instead of leaving them unheard."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} belongs to {where}")


def default_jobs(device: Device) -> int:
    """One process a core: a core a cell is the best use of a CPU. A GPU is given to one cell at a time."""
    if device is not Device.CPU:
        import torch

        if torch.cuda.is_available():
            return 1
    from bench.run.execute import cores

    return cores()

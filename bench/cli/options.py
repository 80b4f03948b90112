"""The options that commands share, and what is made of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import InputError


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
Out = Annotated[Path | None, typer.Option("--out", help="Folder of the run. Default: results/runs/SUITE")]
Force = Annotated[bool, typer.Option("--force", help="Run every cell again.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Run the failed cells again.")]
Search = Annotated[
    int | None, typer.Option(min=1, help="Draw this many configurations of every method that has a search space.")
]
SelectionSeeds = Annotated[
    str | None, typer.Option(help="Seeds to choose hyper-parameters on, apart from --seeds: 100-104.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes (local). Default: one a core, on a GPU one.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of a cell; results depend on it. Default: 1, with Ray its CPUs.")
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
) -> Any:
    """Return the suite with what the command line changes of it."""
    from bench.suite import load_suite

    changes: dict[str, Any] = {"preset": preset, "search": search, "seeds": seeds}
    changes |= {"selection_seeds": selection_seeds, "limit": limit, "clusters": clusters}
    changes |= {"label": _position_or_name(label), "header": header and header.value, "separator": separator}
    changes |= {"methods": methods and methods.split(","), "datasets": datasets and datasets.split(",")}
    changes = {key: value for key, value in changes.items() if value is not None}
    return load_suite(name, dict(_setting(text) for text in settings or ()), **changes)


def _position_or_name(text: str | None) -> int | str | None:
    return int(text) if text and re.fullmatch(r"-?\d{1,9}", text) else text


def _setting(text: str) -> tuple[tuple[str, str], list[Any]]:
    """Return ((method, parameter), values) of METHOD.PARAMETER=VALUE[,VALUE...]; values are TOML or words."""
    name, equals, values = text.partition("=")
    method, dot, parameter = name.rpartition(".")
    if not (equals and dot and method and parameter and values):
        raise InputError(f"--set {text}: write METHOD.PARAMETER=VALUE, such as sdec.beta=0.001,0.01")
    return (method, parameter), values_of(values)


def values_of(text: str) -> list[Any]:
    """Return the values VALUE[,VALUE...]: TOML, or words."""
    try:
        return tomllib.loads(f"v = [{text}]")["v"]
    except tomllib.TOMLDecodeError:
        return text.split(",")


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
    from bench.runner.execute import cores

    return cores()

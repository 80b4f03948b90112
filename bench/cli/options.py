"""The options that commands share, and how they are read."""

from __future__ import annotations

import functools
import inspect
import math
import re
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import completion
from bench.errors import InputError
from bench.text import one_line

if TYPE_CHECKING:
    from bench.plan.suite import Suite

#: More than any machine has cores; each process holds a torch of its own.
MOST_PROCESSES = 1024


class Executor(StrEnum):
    """What executes the runs."""

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


#: Titles of the panels in which the help shows options.
DATA, METHODS, EXECUTION, OUTPUT = "Data", "Methods", "Execution", "Output"

DataRoot = Annotated[
    Path | None,
    typer.Option(
        help="Folder of data sets. Default: $DEEPCLUSTBENCH_DATA, else the user's cache.", rich_help_panel=DATA
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=MOST_PROCESSES,
        help="Processes (local). Default: one per core; one with a GPU.",
        rich_help_panel=EXECUTION,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_PROCESSES,
        help="Threads of a run; results depend on it. Default: 1; with Ray, the CPUs of a run.",
        rich_help_panel=EXECUTION,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print all tables.", rich_help_panel=OUTPUT)]


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """The options of every command that plans a suite, in the order in which its help lists them."""

    suite: Annotated[
        str, typer.Argument(help="A built-in suite or a .toml file.", autocompletion=completion.suites)
    ] = "quick"
    datasets: Annotated[
        str | None,
        typer.Option(
            "--datasets",
            "-d",
            help="Data sets instead of the suite's: names, cards, files, folders, hf:OWNER/NAME.",
            rich_help_panel=DATA,
            autocompletion=completion.datasets,
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option(help="Keep this many points of every data set.", rich_help_panel=DATA)
    ] = None
    clusters: Annotated[
        int | None, typer.Option(help="Number of clusters, instead of the number of classes.", rich_help_panel=DATA)
    ] = None
    label: Annotated[
        str | None,
        typer.Option(
            help="Labels of data given by path: the name of a column or array, or a column's position (0, -1).",
            rich_help_panel=DATA,
        ),
    ] = None
    header: Annotated[
        HeaderRow | None,
        typer.Option(help="Whether a table given by path has a row of names.", rich_help_panel=DATA),
    ] = None
    separator: Annotated[
        str | None,
        typer.Option(help="What separates the values of a text table given by path.", rich_help_panel=DATA),
    ] = None
    data_root: DataRoot = None
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            "-m",
            help="Methods instead of the suite's: dec,sdec@stable,lab/mine.py,pkg.mod:Class",
            rich_help_panel=METHODS,
            autocompletion=completion.method_lists,
        ),
    ] = None
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", "-s", help="10 (the seeds 0 to 9), 0-9 or 0,3,7", rich_help_panel=METHODS),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(help="Preset instead of the suite's.", rich_help_panel=METHODS, autocompletion=completion.presets),
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="METHOD.PARAMETER=VALUE[,VALUE...]; repeatable.", rich_help_panel=METHODS),
    ] = None
    search: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw this many configurations of every method that has a search space.",
            rich_help_panel=METHODS,
        ),
    ] = None
    selection_seeds: Annotated[
        str | None,
        typer.Option(
            help="Seeds on which hyper-parameters are chosen, none of --seeds: 100-104.", rich_help_panel=METHODS
        ),
    ] = None
    ablations: Annotated[
        str | None,
        typer.Option(
            help="Ablations beside stochastic methods: prior only,noise only (the default of suites), or none.",
            rich_help_panel=METHODS,
        ),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Repeat every run.", rich_help_panel=EXECUTION)] = False
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Repeat the failed runs.", rich_help_panel=EXECUTION)
    ] = False
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the runs. Default: results/runs/SUITE, and how the suite was changed.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    append: Annotated[
        bool,
        typer.Option(
            "--append",
            help="Accept a folder that holds another experiment; the report is of this one.",
            rich_help_panel=OUTPUT,
        ),
    ] = False

    def changed_suite(self) -> Suite:
        """Return the suite with what the options change of it.

        Raises
        ------
        InputError
            If something is not valid; the message begins with what the user typed.
        """
        from bench.plan.suite import load_suite

        values = {key: getattr(self, key) for key in _SUITE_KEYS}
        given = {key: getattr(value, "value", value) for key, value in values.items() if value is not None}
        typed: dict[Any, str] = {
            key: one_line(f"--{key.replace('_', '-')} {shlex.quote(str(value))}") for key, value in given.items()
        }
        changes = {key: _PARSERS.get(key, lambda value: value)(value) for key, value in given.items()}
        settings: dict[tuple[str, str], list[Any]] = {}
        for text in self.set_ or ():
            place, parsed = _setting(text)
            if place in settings:
                raise InputError(
                    f"--set {text}: {'.'.join(place)} is set twice; write all its values in one option: A,B"
                )
            settings[place], typed[place] = parsed, one_line(f"--set {text}")
        return load_suite(self.suite, settings, typed=typed, **changes)

    def folder(self, suite: Suite) -> Path:
        """Return the folder of the run: the user's, or one that names the suite and how it was changed."""
        from bench.plan.suite import load_suite
        from bench.records.experiment import default_folder

        return self.out_folder or default_folder(load_suite(self.suite), suite)


#: Options that change a key of the suite, in the order in which their faults are reported.
_SUITE_KEYS = (
    "preset", "search", "seeds", "selection_seeds", "ablations", "limit", "clusters", "label", "header", "separator",
    "methods", "datasets",
)  # fmt: skip


def with_suite_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the options of `SuiteOptions`, which it receives as its first argument.

    Typer reads the options of a command from its signature: this one gives it the fields of `SuiteOptions`, then the
    command's own parameters.
    """

    @functools.wraps(command)
    def call(**values: Any) -> None:
        names = [field.name for field in fields(SuiteOptions)]
        command(SuiteOptions(**{name: values.pop(name) for name in names}), **values)

    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    shared = inspect.signature(SuiteOptions, eval_str=True).parameters.values()
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*shared, *own)]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _position_or_name(text: str | None) -> int | str | None:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,9}", text) else text


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "methods": lambda text: text.split(","),
    "datasets": lambda text: text.split(","),
    "label": _position_or_name,
    "ablations": lambda text: [] if text == "none" else text.split(","),
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
        table = tomllib.loads(f"v = [{text}]")
    except RecursionError:
        raise ValueError("too deep") from None
    if len(table) > 1:
        raise ValueError("more than a list")
    return table["v"]


def finite_number(value: float | None) -> float | None:
    """Refuse NaN and infinity, which would pass every bound."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def refuse_missing_gpu(device: Device, address: str | None) -> None:
    """Refuse a GPU where this machine has none; a cluster's GPUs are known only after joining it.

    Raises
    ------
    InputError
        If CUDA is asked for and this machine has none.
    """
    if device is not Device.CUDA or address is not None:
        return
    import torch

    if not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU on this machine; write --device cpu or auto")


def refuse(options: dict[str, Any], where: str) -> None:
    """Refuse options of the other executor instead of ignoring them."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} belongs to {where}")


def default_jobs(device: Device) -> int:
    """Return one process per core, since a run uses a CPU best with one core; one process where there is a GPU."""
    if device is not Device.CPU:
        import torch

        if torch.cuda.is_available():
            return 1
    from bench.execution.resources import cores

    return cores()

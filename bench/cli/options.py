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


DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder of data sets. Default: $DEEPCLUSTBENCH_DATA, else the user's cache."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print every sentence and table.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, max=MOST_PROCESSES, help="Processes (local). Default: one a core, on a GPU one.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_PROCESSES, help="Threads of a cell; results depend on it. Default: 1, with Ray its CPUs."
    ),
]


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """The options of every command that plans a suite, in the order in which its help lists them."""

    suite: Annotated[str, typer.Argument(help="A built-in suite or a .toml file.")] = "quick"
    methods: Annotated[
        str | None, typer.Option(help="Methods instead of the suite's: dec,sdec@stable,pkg.mod:Class")
    ] = None
    datasets: Annotated[
        str | None,
        typer.Option(help="Data sets instead of the suite's: names, cards, files, folders, hf:OWNER/NAME."),
    ] = None
    seeds: Annotated[str | None, typer.Option(help="10 (the seeds 0 to 9), 0-9 or 0,3,7")] = None
    set_: Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE[,VALUE...]; repeatable.")] = (
        None
    )
    preset: Annotated[str | None, typer.Option(help="Preset instead of the suite's.")] = None
    search: Annotated[
        int | None, typer.Option(min=1, help="Draw this many configurations of every method that has a search space.")
    ] = None
    selection_seeds: Annotated[
        str | None, typer.Option(help="Seeds to choose hyper-parameters on, apart from --seeds: 100-104.")
    ] = None
    limit: Annotated[int | None, typer.Option(help="Keep this many points of every data set.")] = None
    clusters: Annotated[int | None, typer.Option(help="Clusters to ask for, instead of the number of classes.")] = None
    label: Annotated[
        str | None,
        typer.Option(
            help="Labels of data given by path: the name of a column or array, or a column's position (0, -1)."
        ),
    ] = None
    header: Annotated[HeaderRow | None, typer.Option(help="Whether a table given by path has a row of names.")] = None
    separator: Annotated[str | None, typer.Option(help="What separates the values of a text table given by path.")] = (
        None
    )
    data_root: DataRoot = None
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the run. Default: results/runs/SUITE, and how the suite was changed."),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Run every cell again.")] = False
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run the failed cells again.")] = False
    append: Annotated[
        bool,
        typer.Option("--append", help="Take a folder that holds another experiment; the report is of this one."),
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
                raise InputError(f"--set {text}: {'.'.join(place)} is set twice; give all its values in one, A,B")
            settings[place], typed[place] = parsed, one_line(f"--set {text}")
        return load_suite(self.suite, settings, typed=typed, **changes)

    def folder(self, suite: Suite) -> Path:
        """Return the folder of the run: the user's, or one that names the suite and how it was changed."""
        from bench.plan.suite import load_suite
        from bench.records.experiment import default_folder

        return self.out_folder or default_folder(load_suite(self.suite), suite)


#: Options that change a key of the suite, in the order in which their faults are reported.
_SUITE_KEYS = (
    "preset", "search", "seeds", "selection_seeds", "limit", "clusters", "label", "header", "separator", "methods",
    "datasets",
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
    from bench.run.resources import cores

    return cores()

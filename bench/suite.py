"""Suite files, and the cells that they stand for."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bench.cells import Cell, Configuration, OutlierSet, Part
from bench.configurations import configurations_of, with_twins
from bench.entries import concerns
from bench.errors import InputError
from bench.method import MethodInfo
from bench.metrics import METRICS
from bench.outliers import outlier_sets_of

if TYPE_CHECKING:
    from bench.dataset import Dataset

_FOLDER = Path(__file__).parent / "suites"


def parse_seeds(value: Any) -> Any:
    """Return the seeds for 10 (the seeds 0 to 9), "0-9", "0,3,7" or a list.

    Raises
    ------
    ValueError
        If the text is none of these.
    """
    if isinstance(value, list | tuple):
        return value
    text = str(value).strip()
    if text.isdigit():
        return list(range(int(text)))
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.strip().isdigit() or (dash and not last.strip().isdigit()):
            raise ValueError(f"{text!r} is no number of seeds (10), range (0-9) or list (0,3,7)")
        seeds += range(int(first), int(last) + 1) if dash else [int(first)]
    return seeds


Seeds = Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(parse_seeds), Field(min_length=1)]
SelectionSeeds = Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(parse_seeds)]


class Suite(BaseModel):
    """What to run, and what decides: a suite names its primary metric before it runs.

    Attributes
    ----------
    methods : list of str
        Names, each optionally with a preset of its own: ``sdec@stable``; plugins' files, ``lab/mine.py``; or bare
        classes, ``pkg.mod:Class``.
    preset : str
        Preset of the methods that do not name one.
    datasets : list of str
        Names of cards, with ``@split`` for some splits only, or paths.
    seeds : list of int, int or str
        See :func:`parse_seeds`.
    set : mapping
        Parameters by method (``sdec``) or entry (``sdec@stable``).
    grid : mapping
        Lists of values by method or entry; every combination is run.
    search : int or None
        How many configurations to draw from the search space of every method that declares one, the same for
        every data set and seed; all, if it has fewer. What ``set`` or ``grid`` name is not searched, and every
        combination of the grid is run with every draw. A larger number extends a smaller one.
    selection_seeds : list of int, int or str, or None
        Seeds on which one configuration of each method is chosen among those of ``grid`` and ``search``; the
        choices, and the presets beside them, are then run with ``seeds``. None runs every configuration instead.
    outliers : mapping of str to list of str
        By data set (a key without ``@split`` is of any split): other data sets, or "noise", whose points methods
        fitted to that one should tell from its own.
    limit, clusters : int or None
        Points to keep of every data set; clusters to ask for instead of the number of classes.
    label, header, separator : int or str, str, str, or None
        How data sets that are named by the path of their data are read; see `bench.cards.load_dataset`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = ""
    description: str = ""
    primary_metric: str = "acc"
    preset: str
    methods: list[str] = Field(min_length=1)
    datasets: list[str] = Field(min_length=1)
    seeds: Seeds
    set: dict[str, dict[str, Any]] = {}
    grid: dict[str, dict[str, list[Any]]] = {}
    search: Annotated[int, Field(ge=1)] | None = None
    selection_seeds: SelectionSeeds | None = None
    outliers: dict[str, list[str]] = {}
    limit: Annotated[int, Field(ge=2)] | None = None
    clusters: Annotated[int, Field(ge=1)] | None = None
    label: int | str | None = None
    header: Literal["first", "none"] | None = None
    separator: str | None = None

    @model_validator(mode="after")
    def _names(self) -> Suite:
        known = [metric.name for metric in METRICS]
        if self.primary_metric not in known:
            raise ValueError(f"primary_metric {self.primary_metric!r} is none of {', '.join(known)}")
        for table in ("set", "grid"):
            for name in getattr(self, table):
                if not concerns(name, self.methods):
                    raise ValueError(f"{table}.{name}: the suite has no such method; it has {self.methods}")
        for name in self.outliers:
            if not _is_of(name, self.datasets):
                raise ValueError(f"outliers.{name}: the suite has no such data set; it has {self.datasets}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed occurs twice in seeds")
        return self

    @model_validator(mode="after")
    def _choices(self) -> Suite:
        chosen_on = self.selection_seeds
        if chosen_on is None:
            return self
        if len(set(chosen_on)) < max(2, len(chosen_on)):
            raise ValueError(f"selection_seeds {chosen_on}: name two different seeds or more, to compare their runs")
        shared = sorted(set(chosen_on) & set(self.seeds))
        if shared:
            raise ValueError(
                f"selection_seeds and seeds share {shared}: a choice is reported on other seeds than it was made on; "
                'write a range of its own, such as "100-104"'
            )
        return self

    def with_settings(self, settings: Mapping[tuple[str, str], list[Any]]) -> Suite:
        """Return the suite with parameters set: one value goes to ``set``, several to ``grid``.

        Raises
        ------
        InputError
            If the suite has no such method.
        """
        content = self.model_dump()
        for (method, parameter), values in settings.items():
            several = len(values) > 1
            content["set"].get(method, {}).pop(parameter, None)
            content["grid"].get(method, {}).pop(parameter, None)
            table = content["grid" if several else "set"].setdefault(method, {})
            table[parameter] = values if several else values[0]
        return make_suite(content, source="--set")


def _is_of(name: str, entries: list[str]) -> bool:
    """Tell whether a key names one of the suite's data sets, or what stands before its ``@``."""
    return any(name in (entry, entry.partition("@")[0]) for entry in entries)


def suite_names() -> list[str]:
    """Return the names of the built-in suites."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_suite(name: str, settings: Mapping[tuple[str, str], list[Any]] | None = None, **changes: Any) -> Suite:
    """Read a built-in suite or a file, with some keys changed, and parameters set as by `Suite.with_settings`.

    Raises
    ------
    InputError
        If there is no such suite, or it is not valid; the file and the key are named.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not path.is_file():
        near = difflib.get_close_matches(name, suite_names(), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"no suite {name!r}; {hint}built-in: {', '.join(suite_names())}; a file ends with .toml")
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML ({error})") from error
    # Fewer methods or data sets than the suite's: what it says of the others has no object.
    if "methods" in changes:
        for table in ("set", "grid"):
            asked = {k: v for k, v in content.get(table, {}).items() if concerns(k, changes["methods"])}
            content[table] = asked
    if "datasets" in changes:
        of_others = content.get("outliers", {})
        content["outliers"] = {k: v for k, v in of_others.items() if _is_of(k, changes["datasets"])}
    suite = make_suite({**content, **changes}, source=str(path)).with_settings(settings or {})
    if "methods" in changes and "selection_seeds" not in changes and not (suite.grid or suite.search):
        suite = suite.model_copy(update={"selection_seeds": None})  # of what is left there is nothing to choose
    return suite


def make_suite(content: Mapping[str, Any], source: str) -> Suite:
    """Validate a suite's content; ``source`` is named in the error."""
    try:
        return Suite.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        hint = f" (keys: {', '.join(Suite.model_fields)})" if first["type"] == "extra_forbidden" else ""
        raise InputError(f"{source}: {key + ': ' if key else ''}{first['msg']}{hint}") from error


def plan_cells(suite: Suite, datasets: Mapping[str, Dataset], find: Callable[[str], MethodInfo]) -> list[Cell]:
    """Return the cells of a suite, each once, the twins of stochastic configurations included.

    All its configurations are run; :mod:`bench.selection.contest` has the cells of a suite that chooses among them.

    Parameters
    ----------
    suite : Suite
    datasets : mapping of str to Dataset
        The loaded data set of each of the suite's entries, and of those its outliers come from.
    find : callable
        Finds a method by name.

    Returns
    -------
    list of Cell
        By data set, configuration, seed: neighbours then pretrain different networks, so that no worker
        waits for another's.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist, or outliers do not fit the data.
    """
    cells: list[Cell] = []
    for spec in suite.datasets:
        dataset = datasets[spec]
        found = [pair for entry in suite.methods for pair in configurations_of(suite, entry, dataset, find)]
        cells += cells_of(
            spec, dataset, with_twins(found), suite.seeds, outliers=outlier_sets_of(suite, spec, datasets)
        )
    return unique(cells)


def cells_of(
    spec: str,
    dataset: Dataset,
    configurations: Iterable[Configuration],
    seeds: list[int],
    part: Part = "whole",
    outliers: tuple[OutlierSet, ...] = (),
) -> list[Cell]:
    """Return the cells of configurations on a data set; one that takes no seed has a single one on the same points."""
    return [
        Cell(spec, dataset.name, dataset.fingerprint, configuration, seed, part, outliers)
        for configuration in configurations
        for seed in (seeds if configuration.seeded or part == "selection" else seeds[:1])
    ]


def unique(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells without those whose key an earlier one has."""
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.key, cell)
    return list(first.values())

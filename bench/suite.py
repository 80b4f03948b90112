"""Suite files, and the cells that they stand for."""

from __future__ import annotations

import difflib
import inspect
import itertools
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bench.cells import Cell, Configuration
from bench.errors import InputError
from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.metrics import METRICS
from bench.search import draws

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


class Suite(BaseModel):
    """What to run, and what decides: a suite names its primary metric before it runs.

    Attributes
    ----------
    methods : list of str
        Names, each optionally with a preset of its own: ``sdec@stable``; or ``pkg.mod:Class``.
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
    limit, clusters : int or None
        Points to keep of every data set; clusters to ask for instead of the number of classes.
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
    limit: Annotated[int, Field(ge=2)] | None = None
    clusters: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _names(self) -> Suite:
        known = [metric.name for metric in METRICS]
        if self.primary_metric not in known:
            raise ValueError(f"primary_metric {self.primary_metric!r} is none of {', '.join(known)}")
        for table in ("set", "grid"):
            for name in getattr(self, table):
                if not _concerns(name, self.methods):
                    raise ValueError(f"{table}.{name}: the suite has no such method; it has {self.methods}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed occurs twice in seeds")
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


def _concerns(name: str, methods: list[str]) -> bool:
    """Tell whether a key of ``set`` or ``grid`` names one of the suite's entries, or its method."""
    return any(name in (entry, entry.partition("@")[0]) for entry in methods)


def suite_names() -> list[str]:
    """Return the names of the built-in suites."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_suite(name: str, **changes: Any) -> Suite:
    """Read a built-in suite or a file, with some keys changed.

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
    if "methods" in changes:  # fewer methods than the suite's: what it says of the others has no object
        for table in ("set", "grid"):
            asked = {k: v for k, v in content.get(table, {}).items() if _concerns(k, changes["methods"])}
            content[table] = asked
    return make_suite({**content, **changes}, source=str(path))


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

    Parameters
    ----------
    suite : Suite
    datasets : mapping of str to Dataset
        The loaded data set of each of the suite's entries.
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
        If a method, preset or parameter does not exist.
    """
    cells: dict[str, Cell] = {}
    for spec in suite.datasets:
        dataset = datasets[spec]
        for configuration in _configurations(suite, dataset, find):
            for seed in suite.seeds if configuration.seeded else suite.seeds[:1]:
                cell = Cell(spec, dataset.name, dataset.fingerprint, configuration, seed)
                cells.setdefault(cell.key, cell)
    return list(cells.values())


def _configurations(suite: Suite, dataset: Dataset, find: Callable[[str], MethodInfo]) -> list[Configuration]:
    """Return the suite's configurations on a data set; the ones asked for give twins their names."""
    asked: dict[str, Configuration] = {}
    twins: dict[str, Configuration] = {}
    for entry in suite.methods:
        name, _, preset = entry.partition("@") if ":" not in entry else (entry, "", "")
        info = find(name)
        preset = preset or suite.preset
        told = {**suite.set.get(name, {}), **suite.set.get(entry, {})}
        grid = suite.grid.get(entry, suite.grid.get(name, {}))
        base = {**info.preset(preset, dataset.name), **told}
        for chosen in _choices(info, told, grid, suite.search):
            overrides = {**told, **chosen}
            params = resolve(info, {**base, **chosen}, dataset.n_clusters)
            twin = _twin(info, params, overrides, find, dataset.n_clusters)
            configuration = Configuration(
                method=info.name,
                title=_named(info.title, preset, suite, overrides),
                kind=info.kind,
                version=info.version,
                preset=preset if info.presets else None,
                variant=_named(info.name, preset, suite, overrides),
                params=params,
                seeded=_takes_seed(info),
                twin=twin.id if twin else None,
                pretraining=_pretraining(info, params),
            )
            asked.setdefault(configuration.id, configuration)
            if twin:
                twins.setdefault(twin.id, twin)
    return list({**asked, **{i: c for i, c in twins.items() if i not in asked}}.values())


def _choices(
    info: MethodInfo, told: Mapping[str, Any], grid: Mapping[str, list[Any]], search: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the grid's combinations, each with every draw of what is left to search."""
    space = {p: values for p, values in info.search_space.items() if p not in told and p not in grid}
    drawn = draws(space, search) if search else [{}]
    for combination in _combinations(grid):
        for values in drawn:
            yield {**combination, **values}


def _combinations(grid: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _named(name: str, preset: str, suite: Suite, overrides: Mapping[str, Any]) -> str:
    parts = [name if preset == suite.preset else f"{name}@{preset}"]
    parts += [f"{parameter}={value}" for parameter, value in overrides.items()]
    return " ".join(parts)


def _twin(
    info: MethodInfo,
    params: Mapping[str, Any],
    overrides: Mapping[str, Any],
    find: Callable[[str], MethodInfo],
    n_clusters: int,
) -> Configuration | None:
    """Return the deterministic configuration that is left of a stochastic one without its noise."""
    if info.twin is None:
        return None
    name, twin_params = info.twin(params)
    twin = find(name)
    left = [f"{p}={v}" for p, v in overrides.items() if p in twin_params]
    resolved = resolve(twin, twin_params, n_clusters)
    return Configuration(
        method=twin.name,
        title=" ".join([twin.title, f"(twin of {info.title})", *left]),
        kind=twin.kind,
        version=twin.version,
        preset=None,
        variant=" ".join([twin.name, f"(twin of {info.name})", *left]),
        params=resolved,
        seeded=_takes_seed(twin),
        pretraining=_pretraining(twin, resolved),
        role="twin",
    )


def _pretraining(info: MethodInfo, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters that determine a method's pretrained network, None where it shares none.

    Raises
    ------
    InputError
        If the method names a parameter that its estimator lacks.
    """
    for name in info.pretraining:
        if name not in params:
            raise InputError(f"method {info.name}: pretraining names {name!r}, which is no parameter of it")
    return {name: params[name] for name in info.pretraining} or None


def _takes_seed(info: MethodInfo) -> bool:
    return "random_state" in inspect.signature(info.load()).parameters


def resolve(info: MethodInfo, params: Mapping[str, Any], n_clusters: int) -> dict[str, Any]:
    """Return every parameter of a method's estimator, defaults included.

    Raises
    ------
    InputError
        If the estimator lacks a parameter, or refuses to be made.
    """
    estimator_class = info.load()
    known = list(inspect.signature(estimator_class).parameters)
    for name in params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputError(f"method {info.name} has no parameter {name!r}; {hint}it has: {', '.join(known)}")
    try:
        resolved = estimator_class(**params).get_params(deep=False)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"method {info.name}: {info.estimator} cannot be made ({error})") from error
    if "n_clusters" in resolved:
        resolved["n_clusters"] = n_clusters
    return {p: v for p, v in resolved.items() if p == "n_clusters" or p not in RUNNER_PARAMETERS}

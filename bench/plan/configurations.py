"""The configurations of a suite's entries: every parameter resolved, each stochastic one with its twin."""

from __future__ import annotations

import difflib
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.canonical import canonical
from bench.errors import InputError, MethodError, plugin_faults
from bench.isolation import process_state_restored
from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.plan.cells import Configuration
from bench.plan.method_spec import is_ours, split_entry
from bench.plan.parameter_values import fault
from bench.plan.search import draws
from bench.text import one_line

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.plan.suite import Suite


#: Of a method; each has its runs, and they are compared in pairs.
MOST_CONFIGURATIONS = 10_000

#: Where what the runner sets is asked for.
_INSTEAD = {
    "n_clusters": "clusters = N in the suite, or --clusters N",
    "random_state": "seeds in the suite, or --seeds",
    "device": "--device",
    "memory": "$DEEPCLUSTBENCH_CACHE",
}


class Paired(NamedTuple):
    """A configuration, and the deterministic one that is left of it without noise; None where it has none."""

    configuration: Configuration
    twin: Configuration | None


def configurations_of(
    suite: Suite, entry: str, dataset: Dataset, find: Callable[[str], MethodInfo], *, fixed: bool = False
) -> list[Paired]:
    """Return the configurations that a suite asks for with one entry of ``methods``.

    Parameters
    ----------
    entry : str
        ``sdec``, ``sdec@stable`` or ``pkg.mod:Class``.
    fixed : bool
        Leave out ``grid`` and ``search``: the preset and ``set`` alone, a single configuration.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist.
    """
    finds, preset = name_and_preset(entry, suite)
    info = find(finds)
    with nullcontext() if is_ours(info.source) else process_state_restored():  # a plugin's constructor may set anything
        return _configurations(suite, entry, finds, preset, info, dataset, find, fixed)


def _configurations(
    suite: Suite,
    entry: str,
    finds: str,
    preset: str,
    info: MethodInfo,
    dataset: Dataset,
    find: Callable[[str], MethodInfo],
    fixed: bool,
) -> list[Paired]:
    names = (entry, finds, info.name)
    told = {**suite.set.get(info.name, {}), **suite.set.get(finds, {}), **suite.set.get(entry, {})}
    grid = next((suite.grid[name] for name in names if name in suite.grid), {})
    _refuse_wrong(info, told, grid, lambda parameter: suite.said(names, parameter))
    preset_params = info.preset(preset, dataset.name)
    _refuse_wrong_preset(info, preset, preset_params)
    base = {**preset_params, **told}
    found: dict[str, Paired] = {}
    for chosen in [{}] if fixed else _choices(info, told, grid, suite.search):
        overrides = {**told, **chosen}
        try:
            params = resolve(info, {**base, **chosen}, dataset.n_clusters)
        except MethodError as error:
            asked = [suite.said(names, parameter) for parameter in overrides if parameter in {**told, **grid}]
            if not asked or not _can_be_made(info, preset_params, dataset.n_clusters):
                raise
            raise InputError(f"{', '.join(asked)}: {error}") from error  # the user's fault, not the method's
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
            source=info.source,
        )
        if twin and twin.id == configuration.id:  # its noise is switched off: it is its own twin, and needs none
            configuration, twin = replace(configuration, kind="deterministic", twin=None), None
        found.setdefault(configuration.id, Paired(configuration, twin))
    return list(found.values())


def name_and_preset(entry: str, suite: Suite) -> tuple[str, str]:
    """Return what an entry of ``methods`` asks for, the suite's preset where it names none."""
    name, preset = split_entry(entry)
    return name, preset or suite.preset


def with_twins(pairs: Iterable[Paired]) -> list[Configuration]:
    """Return the configurations, each once, and then their twins; the ones asked for give twins their names."""
    asked: dict[str, Configuration] = {}
    twins: dict[str, Configuration] = {}
    for configuration, twin in pairs:
        asked.setdefault(configuration.id, configuration)
        if twin:
            twins.setdefault(twin.id, twin)
    return list({**asked, **{i: c for i, c in twins.items() if i not in asked}}.values())


def _choices(
    info: MethodInfo, told: Mapping[str, Any], grid: Mapping[str, list[Any]], search: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the grid's combinations, each with every draw of what is left to search.

    Raises
    ------
    InputError
        If they are more than `MOST_CONFIGURATIONS`.
    """
    space = {p: values for p, values in info.search_space.items() if p not in told and p not in grid}
    drawn = draws(space, search) if search else [{}]
    n = math.prod(len(values) for values in grid.values()) * len(drawn)
    if n > MOST_CONFIGURATIONS:
        made = f"grid and search make {n:,} configurations"
        raise InputError(f"method {info.name}: its {made}; ask for {MOST_CONFIGURATIONS:,} at most")
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

    def explain(error: BaseException) -> str:
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {one_line(error)}"
        return f"method {info.name}: its twin cannot be made: {reason}"

    with plugin_faults(explain):
        name, twin_params = info.twin(params)
        twin = find(name)
        left = [f"{p}={v}" for p, v in overrides.items() if p in twin_params]
        resolved = resolve(twin, twin_params, n_clusters)
    return Configuration(
        method=twin.name,
        title=" ".join([twin.title, f"(twin of {info.title})", *left]),
        kind="deterministic",  # also where the twin is the method itself, with its noise switched off
        version=twin.version,
        preset=None,
        variant=" ".join([twin.name, f"(twin of {info.name})", *left]),
        params=resolved,
        seeded=_takes_seed(twin),
        pretraining=_pretraining(twin, resolved),
        role="twin",
        source=twin.source,
    )


def _pretraining(info: MethodInfo, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters that determine a method's pretrained network, None where it shares none.

    Raises
    ------
    MethodError
        If the method names a parameter that its estimator lacks.
    """
    for name in info.pretraining:
        if name not in params:
            raise MethodError(f"method {info.name}: pretraining names {name!r}, which is no parameter of it")
    return {name: params[name] for name in info.pretraining} or None


def _takes_seed(info: MethodInfo) -> bool:
    return "random_state" in _parameters(info) and not info.seed_free


def _parameters(info: MethodInfo) -> list[str]:
    """Return the names of all parameters of a method's estimator."""
    with plugin_faults(
        lambda error: f"method {info.name}: its constructor has no parameters to read ({one_line(error)})"
    ):
        return list(inspect.signature(info.load()).parameters)


def resolve(info: MethodInfo, params: Mapping[str, Any], n_clusters: int) -> dict[str, Any]:
    """Return every parameter of a method's estimator, defaults included.

    Raises
    ------
    MethodError
        If the estimator lacks a parameter, refuses to be made, or has a value that cannot be written down.
    """
    estimator_class = info.load()
    unknown = _unknown(info, params)
    if unknown:
        raise MethodError(unknown)

    def explain(error: BaseException) -> str:
        what = f"method {info.name}: {estimator_class.__qualname__}"
        return f"{what} cannot be made ({type(error).__name__}: {one_line(error)})"

    with plugin_faults(explain):
        resolved = dict(estimator_class(**params).get_params(deep=False))
    if "n_clusters" in resolved:
        resolved["n_clusters"] = n_clusters
    found = {p: v for p, v in resolved.items() if p == "n_clusters" or p not in RUNNER_PARAMETERS}
    for parameter, value in found.items():
        try:
            canonical({parameter: value})
        except MethodError as error:
            raise MethodError(f"method {info.name}: parameter {parameter}: {error}") from error
    return found


def _refuse_wrong(
    info: MethodInfo, told: Mapping[str, Any], grid: Mapping[str, list[Any]], said: Callable[[str], str]
) -> None:
    """Refuse what the user sets that a method has not, or that cannot be a value of it.

    Raises
    ------
    InputError
        It begins with how the user wrote it.
    """
    for parameter, values in {**{p: [value] for p, value in told.items()}, **grid}.items():
        if parameter in RUNNER_PARAMETERS:
            alike = f"{info.name}.{parameter} is set for every method alike: write {_INSTEAD[parameter]}"
            raise InputError(f"{said(parameter)}: {alike}")
        unknown = _unknown(info, [parameter])
        if unknown:
            raise InputError(f"{said(parameter)}: {unknown}")
        for value in values:
            wrong = fault(info.load(), parameter, value)
            if wrong:
                raise InputError(f"{said(parameter)}: {parameter} of {info.name} {wrong}")


def _refuse_wrong_preset(info: MethodInfo, preset: str, params: Mapping[str, Any]) -> None:
    for parameter, value in params.items():
        wrong = fault(info.load(), parameter, value)
        if wrong:
            raise MethodError(f"method {info.name}: preset {preset!r}: {parameter} {wrong}")


def _can_be_made(info: MethodInfo, params: Mapping[str, Any], n_clusters: int) -> bool:
    try:
        resolve(info, params, n_clusters)
    except MethodError:
        return False
    return True


def _unknown(info: MethodInfo, params: Iterable[str]) -> str:
    """Say which parameter a method has not, and which it has; nothing where it has all."""
    known = _parameters(info)
    for name in params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            return f"method {info.name} has no parameter {name!r}; {hint}it has: {', '.join(known)}"
    return ""

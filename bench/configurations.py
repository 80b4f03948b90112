"""The configurations of a suite's entries: every parameter resolved, each stochastic one with its twin."""

from __future__ import annotations

import difflib
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.cells import Configuration
from bench.errors import InputError
from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.search import draws

if TYPE_CHECKING:
    from bench.dataset import Dataset
    from bench.suite import Suite


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
    name, preset = name_and_preset(entry, suite)
    info = find(name)
    told = {**suite.set.get(name, {}), **suite.set.get(entry, {})}
    grid = suite.grid.get(entry, suite.grid.get(name, {}))
    for parameter in {**told, **grid}:
        if parameter in RUNNER_PARAMETERS:
            raise InputError(f"{name}.{parameter} is set for every method alike: write {_INSTEAD[parameter]}")
    base = {**info.preset(preset, dataset.name), **told}
    found: dict[str, Paired] = {}
    for chosen in [{}] if fixed else _choices(info, told, grid, suite.search):
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
        found.setdefault(configuration.id, Paired(configuration, twin))
    return list(found.values())


def name_and_preset(entry: str, suite: Suite) -> tuple[str, str]:
    """Return what an entry of ``methods`` asks for, the suite's preset where it names none."""
    name, _, preset = entry.partition("@") if ":" not in entry else (entry, "", "")
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

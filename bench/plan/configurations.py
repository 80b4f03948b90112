"""Configurations of a suite: every parameter resolved, each stochastic one with its counterpart and its ablations."""

from __future__ import annotations

import difflib
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.canonical import canonical
from bench.errors import InputError, MethodError, plugin_faults
from bench.isolation import process_state_restored
from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.plan.cells import LINKED_ABLATIONS, Configuration
from bench.plan.method_spec import MethodSpec
from bench.plan.parameter_values import value_fault
from bench.plan.search import MOST_CONFIGURATIONS, draws
from bench.text import one_line

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.plan.suite import Suite


#: The option by which the user sets what the runner passes to every method.
_RUNNER_OPTIONS = {
    "n_clusters": "clusters = N in the suite, or --clusters N",
    "random_state": "seeds in the suite, or --seeds",
    "device": "--device",
    "memory": "$DEEPCLUSTBENCH_CACHE",
}


class Paired(NamedTuple):
    """A configuration, its deterministic counterpart, None where it has none, and its ablations."""

    configuration: Configuration
    twin: Configuration | None
    ablations: tuple[Configuration, ...] = ()


def resolve_configurations(
    suite: Suite, spec: MethodSpec, dataset: Dataset, find: Callable[[str], MethodInfo], *, fixed: bool = False
) -> list[Paired]:
    """Return the configurations that a suite asks for with one entry of ``methods``, every parameter resolved.

    Parameters
    ----------
    suite : Suite
    spec : MethodSpec
        The entry.
    dataset : Dataset
    find : callable
        Finds a method by name.
    fixed : bool
        Leave out ``grid`` and ``search``: the preset and ``set`` alone, a single configuration.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist.
    """
    info = find(spec.method)
    # The constructor of a plugin may change anything in this process.
    with nullcontext() if MethodSpec.parse(info.source).is_built_in else process_state_restored():
        return _resolve(suite, spec, info, dataset, find, fixed)


def _resolve(
    suite: Suite,
    spec: MethodSpec,
    info: MethodInfo,
    dataset: Dataset,
    find: Callable[[str], MethodInfo],
    fixed: bool,
) -> list[Paired]:
    preset = spec.preset or suite.preset
    names = (spec.entry, spec.method, info.name)
    chosen: dict[str, Any] = {}  # the more specific name overrides
    for name in reversed(names):
        chosen |= suite.set.get(name, {})
    grid = next((suite.grid[name] for name in names if name in suite.grid), {})
    _refuse_wrong(info, chosen, grid, lambda parameter: suite.as_typed(names, parameter))
    preset_params = info.preset(preset, dataset.name)
    _refuse_wrong_preset(info, preset, preset_params)
    base = {**preset_params, **chosen}
    resolved: dict[str, Paired] = {}
    for combination in [{}] if fixed else _combinations(info, chosen, grid, suite.search):
        overrides = {**chosen, **combination}
        try:
            params = resolve_params(info, {**base, **combination}, dataset.n_clusters)
        except MethodError as error:
            asked = [suite.as_typed(names, parameter) for parameter in overrides if parameter in {**chosen, **grid}]
            if not asked or not _can_be_made(info, preset_params, dataset.n_clusters):
                raise
            raise InputError(f"{', '.join(asked)}: {error}") from error  # the user's fault, not the method's
        made = {
            name: _derived(info, name, params, overrides, find, dataset.n_clusters)
            for name in ("twin", *suite.ablations)
            if name in info.ablations or (name == "twin" and info.twin)
        }
        twin = made.pop("twin", None)
        configuration = Configuration(
            method=info.name,
            title=_named(info.title_with(params), preset, suite, overrides),
            kind=info.kind,
            version=info.version,
            preset=preset if info.presets else None,
            variant=_named(info.name, preset, suite, overrides),
            params=params,
            seeded=_takes_seed(info),
            twin=twin.config if twin else None,
            pretraining=_pretraining(info, params),
            source=info.source,
        )
        if twin and twin.config == configuration.config:  # its noise is switched off: it is its own counterpart
            configuration, twin, made = configuration.changed(kind="deterministic", twin=None), None, {}
        if {ablation.config for ablation in made.values()} & {configuration.config, twin and twin.config}:
            made = {}  # without noise or without prior there is nothing to take apart
        links = {link: made[name].config for name, link in LINKED_ABLATIONS.items() if name in made}
        configuration = configuration.changed(**links)
        resolved.setdefault(configuration.config, Paired(configuration, twin, tuple(made.values())))
    return list(resolved.values())


def with_twins(pairs: Iterable[Paired]) -> list[Configuration]:
    """Return the configurations, each once, then their counterparts and ablations; what is asked for keeps its name."""
    pairs = list(pairs)
    asked = [pair.configuration for pair in pairs]
    twins = [pair.twin for pair in pairs if pair.twin]
    ablations = [ablation for pair in pairs for ablation in pair.ablations]
    first: dict[str, Configuration] = {}
    for configuration in (*asked, *twins, *ablations):
        first.setdefault(configuration.config, configuration)
    return list(first.values())


def differing_params(configurations: list[Configuration]) -> list[str]:
    """Return the parameters in which configurations of a method differ."""
    names = dict.fromkeys(name for c in configurations for name in c.params)
    return [n for n in names if len({canonical({n: c.params.get(n)}) for c in configurations}) > 1]


def _combinations(
    info: MethodInfo, chosen: Mapping[str, Any], grid: Mapping[str, list[Any]], search: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the grid's combinations, each with every draw of the parameters that neither ``set`` nor ``grid`` names.

    Raises
    ------
    InputError
        If they are more than `MOST_CONFIGURATIONS`.
    """
    space = {p: values for p, values in info.search_space.items() if p not in chosen and p not in grid}
    drawn = draws(space, search) if search else [{}]
    n = math.prod(len(values) for values in grid.values()) * len(drawn)
    if n > MOST_CONFIGURATIONS:
        made = f"grid and search make {n:,} configurations"
        raise InputError(f"method {info.name}: its {made}; ask for {MOST_CONFIGURATIONS:,} at most")
    for values in itertools.product(*grid.values()):
        for draw in drawn:
            yield {**dict(zip(grid, values, strict=True)), **draw}


def _named(name: str, preset: str, suite: Suite, overrides: Mapping[str, Any]) -> str:
    parts = [name if preset == suite.preset else f"{name}@{preset}"]
    parts += [f"{parameter}={value}" for parameter, value in overrides.items()]
    return " ".join(parts)


def _derived(
    info: MethodInfo,
    which: str,
    params: Mapping[str, Any],
    overrides: Mapping[str, Any],
    find: Callable[[str], MethodInfo],
    n_clusters: int,
) -> Configuration:
    """Return the counterpart ("twin") or an ablation of a stochastic configuration."""
    is_twin = which == "twin"

    def explain(error: BaseException) -> str:
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {one_line(error)}"
        what = "counterpart" if is_twin else f"ablation {which!r}"
        return f"method {info.name}: its {what} cannot be made: {reason}"

    with plugin_faults(explain):
        derive = info.twin if is_twin else info.ablations[which]
        name, own = derive(params)  # type: ignore[misc]
        other = find(name)
        left = [f"{p}={v}" for p, v in overrides.items() if p in own and (is_twin or own[p] == params[p])]
        resolved = resolve_params(other, own, n_clusters)
        title = other.title_with(resolved)
    # Its noise is switched off, also where it is the method itself.
    without_noise = is_twin or which == "prior only"
    return Configuration(
        method=other.name,
        title=" ".join([title if is_twin else f"{title}, {which}", *left]),
        kind="deterministic" if without_noise else other.kind,
        version=other.version,
        preset=None,
        variant=" ".join([other.name, f"(twin of {info.name})" if is_twin else f"({which})", *left]),
        params=resolved,
        seeded=_takes_seed(other),
        pretraining=_pretraining(other, resolved),
        role="twin" if is_twin else "ablation",
        source=other.source,
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
            raise MethodError(f"method {info.name}: pretraining names {name!r}, which is not one of its parameters")
    return {name: params[name] for name in info.pretraining} or None


def _takes_seed(info: MethodInfo) -> bool:
    return "random_state" in _parameters(info) and not info.seed_free


def _parameters(info: MethodInfo) -> list[str]:
    """Return the names of all parameters of a method's estimator."""
    with plugin_faults(
        lambda error: f"method {info.name}: its constructor has no parameters to read ({one_line(error)})"
    ):
        return list(inspect.signature(info.load()).parameters)


def resolve_params(info: MethodInfo, params: Mapping[str, Any], n_clusters: int) -> dict[str, Any]:
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
    kept = {p: v for p, v in resolved.items() if p == "n_clusters" or p not in RUNNER_PARAMETERS}
    for parameter, value in kept.items():
        try:
            canonical({parameter: value})
        except MethodError as error:
            raise MethodError(f"method {info.name}: parameter {parameter}: {error}") from error
    return kept


def _refuse_wrong(
    info: MethodInfo, chosen: Mapping[str, Any], grid: Mapping[str, list[Any]], as_typed: Callable[[str], str]
) -> None:
    """Refuse a parameter that the method does not have, or a value that it cannot take.

    Raises
    ------
    InputError
        The message begins with what the user typed.
    """
    for parameter, values in {**{p: [value] for p, value in chosen.items()}, **grid}.items():
        if parameter in RUNNER_PARAMETERS:
            alike = f"{info.name}.{parameter} applies to all methods: write {_RUNNER_OPTIONS[parameter]}"
            raise InputError(f"{as_typed(parameter)}: {alike}")
        unknown = _unknown(info, [parameter])
        if unknown:
            raise InputError(f"{as_typed(parameter)}: {unknown}")
        for value in values:
            wrong = value_fault(info.load(), parameter, value)
            if wrong:
                raise InputError(f"{as_typed(parameter)}: {parameter} of {info.name} {wrong}")


def _refuse_wrong_preset(info: MethodInfo, preset: str, params: Mapping[str, Any]) -> None:
    for parameter, value in params.items():
        wrong = value_fault(info.load(), parameter, value)
        if wrong:
            raise MethodError(f"method {info.name}: preset {preset!r}: {parameter} {wrong}")


def _can_be_made(info: MethodInfo, params: Mapping[str, Any], n_clusters: int) -> bool:
    try:
        resolve_params(info, params, n_clusters)
    except MethodError:
        return False
    return True


def _unknown(info: MethodInfo, params: Iterable[str]) -> str:
    """Return which parameter a method lacks and which it has; empty where it lacks none."""
    known = _parameters(info)
    for name in params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            return f"method {info.name} has no parameter {name!r}; {hint}it has: {', '.join(known)}"
    return ""

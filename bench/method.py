"""The declaration of a clustering method: a scikit-learn clusterer and its `MethodInfo`.

Methods import this module and nothing else of the package, and importing it is cheap.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bench.errors import InputError, MethodError, plugin_faults
from bench.text import import_fault, one_line, shown

Parameters = Mapping[str, Any]


#: The name of a method, or ``pkg.mod:Class`` for a class without a `MethodInfo`.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}|[A-Za-z_][\w.]{0,199}:[A-Za-z_]\w{0,99}", re.ASCII)
_LONGEST_TITLE = 80
_RIGHT = {
    "title": f"write the name that tables show, {_LONGEST_TITLE} characters at most",
    "title_of": "write a function from parameters to a title",
    "kind": "write 'deterministic', or 'stochastic' for a method that draws its latent code",
    "version": "write a whole number from 1",
    "twin": "write a function from parameters to (name, parameters)",
    "ablations": "write by name, such as 'prior only', a function from parameters to (name, parameters)",
    "presets": "write the parameters of each preset as a mapping, all by their names",
    "search_space": "write by parameter a tuple of values, or a distribution with ppf",
    "pretraining": "write a tuple of parameters' names",
    "resources": "write cpus above 0, or gpus from 0, as a mapping",
    "seed_free": "write True or False",
    "reference": "write text",
}

#: Parameters that the runner sets where an estimator has them. Only ``n_clusters`` is part of a configuration's
#: key; the others select the seed and where the computation runs.
RUNNER_PARAMETERS = ("n_clusters", "random_state", "device", "memory")


class Distribution(Protocol):
    """A distribution of numbers; SciPy's frozen continuous distributions satisfy this protocol."""

    def ppf(self, q: float, /) -> Any:
        """Return the quantile of probability ``q``."""


class Diverged(RuntimeError):  # noqa: N818 - the name of a run's status
    """Training diverged: a loss is not finite.

    Parameters
    ----------
    phase : str
        The phase of training, such as "pretraining".
    epoch : int
        The epoch of the loss, counted from 1.
    """

    def __init__(self, phase: str, epoch: int) -> None:
        super().__init__(phase, epoch)
        self.phase = phase
        self.epoch = epoch

    def __str__(self) -> str:
        return f"the loss of {self.phase} was not finite in epoch {self.epoch}"


@dataclass(frozen=True, kw_only=True)
class MethodInfo:
    """Declaration of a method for the suite.

    Attributes
    ----------
    name : str
        Name on the command line and in suite files.
    title : str
        Name in tables.
    title_of : callable or None
        Maps all parameters of a configuration to its title, where that is not ``title``: DEC with its decoder kept is
        IDEC.
    kind : {"deterministic", "stochastic"}
        Stochastic methods sample their latent code. A random seed alone does not make a method stochastic.
    estimator : type or str
        The scikit-learn clusterer, or its import path ("pkg.mod:Class").
    presets : mapping of str to mapping
        Parameters by name of the preset. ``"paper@usps"`` holds the parameters that differ from ``"paper"`` on the
        data set ``usps``.
    search_space : mapping of str to tuple or distribution
        For each searched parameter, a tuple of values or a distribution with ``ppf``, such as SciPy's frozen
        ``loguniform(1e-4, 1e-1)``. A suite's ``search`` draws from it.
    twin : callable or None
        Maps the parameters of a stochastic configuration to ``(name, parameters)`` of its deterministic counterpart:
        the method without noise and without prior, with the same number of steps over the data.
    ablations : mapping of str to callable
        As ``twin``, by name: "prior only" is the method with its noise switched off, "noise only" the one with its
        prior switched off. Other names, such as "start", run where a suite's ``ablations`` name them.
    pretraining : tuple of str
        Parameters that determine the pretrained network, which runs share through ``memory``. Runs of one data set
        and seed with equal values train it once. Empty if no network is shared.
    resources : mapping of str to float
        Resources of one run, such as ``{"cpus": 2, "gpus": 0}``. They take precedence over the command line.
    reference : str
        Citation of the paper.
    version : int
        Increased when the same parameters and seed give other labels than before.
    seed_free : bool
        Whether the result is the same for every ``random_state``. Such a method runs once.
    source : str
        Import path or file of the declaration, from which other processes load it. The registry sets it.

    Raises
    ------
    MethodError
        If an attribute is invalid.
    """

    name: str
    title: str
    kind: Literal["deterministic", "stochastic"]
    estimator: type | str
    presets: Mapping[str, Parameters] = field(default_factory=dict)
    search_space: Mapping[str, tuple[Any, ...] | Distribution] = field(default_factory=dict)
    twin: Callable[[Parameters], tuple[str, dict[str, Any]]] | None = None
    ablations: Mapping[str, Callable[[Parameters], tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    pretraining: tuple[str, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    version: int = 1
    seed_free: bool = False
    source: str = ""
    title_of: Callable[[Parameters], str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise MethodError(
                f"a method is named {shown(self.name)}: write a letter, then letters, digits, _ - and ., 64 at most"
            )
        wrong = {
            "title": not _is_title(self.title),
            "title_of": self.title_of is not None and not callable(self.title_of),
            "kind": self.kind not in ("deterministic", "stochastic"),
            "version": not isinstance(self.version, int) or self.version < 1,
            "twin": self.twin is not None and not callable(self.twin),
            "ablations": not (_is_by_name(self.ablations) and all(map(callable, self.ablations.values()))),
            "presets": not (_is_by_name(self.presets) and all(map(_is_by_name, self.presets.values()))),
            "search_space": not (_is_by_name(self.search_space) and all(map(_has_values, self.search_space.values()))),
            "pretraining": not (isinstance(self.pretraining, tuple | list) and _are_names(self.pretraining)),
            "resources": not (
                _is_by_name(self.resources) and all(_is_resource(name, n) for name, n in self.resources.items())
            ),
            "seed_free": not isinstance(self.seed_free, bool),
            "reference": not isinstance(self.reference, str),
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise MethodError(f"method {self.name}: {name} is {shown(getattr(self, name))}; {_RIGHT[name]}")

    def load(self) -> type:
        """Return the estimator's class.

        Raises
        ------
        MethodError
            If the class cannot be imported or is not a clusterer.
        """
        estimator: Any = self.estimator
        if isinstance(self.estimator, str):
            module, _, name = self.estimator.partition(":")
            place = f"method {self.name}: its estimator {self.estimator}"
            with plugin_faults(lambda error: f"{place}: {import_fault(error)}"):
                estimator = getattr(importlib.import_module(module), name)
        fault = _clusterer_fault(estimator)
        if fault:
            class_name = getattr(estimator, "__qualname__", self.estimator)
            raise MethodError(f"method {self.name}: {class_name} is no clusterer: {fault}")
        return estimator

    def title_with(self, params: Parameters) -> str:
        """Return the title of a configuration.

        Parameters
        ----------
        params : mapping
            All parameters of the estimator.

        Raises
        ------
        MethodError
            If ``title_of`` fails or returns no title.
        """
        if self.title_of is None:
            return self.title
        with plugin_faults(lambda error: f"method {self.name}: title_of fails ({_reason(error)})"):
            title = self.title_of(params)
        if not _is_title(title):
            raise MethodError(f"method {self.name}: title_of returns {shown(title)}; {_RIGHT['title']}")
        return title

    def preset(self, name: str, dataset: str) -> dict[str, Any]:
        """Return the parameters of a preset on a data set.

        Raises
        ------
        InputError
            If the method has no such preset.
        """
        if not self.presets:  # a class without presets: the defaults of its parameters
            return {}
        if name not in self.presets:
            known = ", ".join(p for p in self.presets if "@" not in p) or "none"
            raise InputError(f"method {self.name} has no preset {name!r}; it has: {known}")
        base = re.split(r"[@\[]", dataset)[0]
        return {**self.presets[name], **self.presets.get(f"{name}@{base}", {})}


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error)}"


def _is_title(title: Any) -> bool:
    return isinstance(title, str) and 0 < len(title.strip()) <= _LONGEST_TITLE


def _are_names(names: Any) -> bool:
    return all(isinstance(name, str) for name in names)


def _is_by_name(table: Any) -> bool:
    return isinstance(table, Mapping) and _are_names(table)


def _has_values(space: Any) -> bool:
    return len(space) > 0 if isinstance(space, tuple | list) else callable(getattr(space, "ppf", None))


def _is_resource(name: str, n: Any) -> bool:
    return isinstance(n, int | float) and ((name == "cpus" and n > 0) or (name == "gpus" and n >= 0))


def _clusterer_fault(estimator: Any) -> str:
    """Return why an object is not the class of a clusterer; an empty string if it is."""
    if not isinstance(estimator, type):
        return "it is no class; name a class"
    required = ("fit", "fit_predict", "get_params", "set_params")
    missing = [member for member in required if not hasattr(estimator, member)]
    if missing:
        return f"it has no {', '.join(missing)}; derive it from sklearn.base's ClusterMixin and BaseEstimator"
    other = {"ClassifierMixin", "RegressorMixin", "OutlierMixin"} & {base.__name__ for base in estimator.__mro__}
    return f"it has {min(other)}; its labels_ must be clusters" if other else ""

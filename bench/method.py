"""What a method declares about itself, and the contract its estimator keeps.

A method is a scikit-learn clusterer plus a :class:`MethodInfo`. Nothing here knows how cells are run,
and importing it is cheap: methods import this module and nothing else of the package.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bench.errors import InputError, MethodError, foreign
from bench.text import import_fault, shown

Parameters = Mapping[str, Any]


class Distribution(Protocol):
    """A distribution of numbers that can be searched; scipy's frozen ones are."""

    def ppf(self, q: float, /) -> Any:
        """Return the value below which a fraction ``q`` of the distribution lies."""


#: A name, or the ``pkg.mod:Class`` of a bare class.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}|[A-Za-z_][\w.]{0,199}:[A-Za-z_]\w{0,99}", re.ASCII)
_LONGEST_TITLE = 80
_RIGHT = {
    "title": f"write the name that tables show, {_LONGEST_TITLE} characters at most",
    "kind": "write 'deterministic', or 'stochastic' for a method that draws its latent code",
    "version": "write a whole number from 1",
    "twin": "write a function from parameters to (name, parameters)",
    "presets": "write the parameters of each preset as a mapping, all by their names",
    "search_space": "write by parameter a tuple of values, or a distribution with ppf",
    "pretraining": "write a tuple of parameters' names",
    "resources": "write cpus above 0, or gpus from 0, as a mapping",
    "seed_free": "write True or False",
    "reference": "write text",
}

#: Parameters the runner sets where an estimator has them. Only ``n_clusters`` changes what is asked
#: for; the others say where the numbers come from and where they are computed, so no key holds them.
RUNNER_PARAMETERS = ("n_clusters", "random_state", "device", "memory")


class Diverged(RuntimeError):  # noqa: N818 - a status, as "collapsed" is
    """Training met a loss that is not finite.

    Parameters
    ----------
    phase : str
        What was being trained, such as "pretraining".
    epoch : int
        The epoch, counted from 1, in which it happened.
    """

    def __init__(self, phase: str, epoch: int) -> None:
        super().__init__(phase, epoch)
        self.phase = phase
        self.epoch = epoch

    def __str__(self) -> str:
        return f"the loss of {self.phase} was not finite in epoch {self.epoch}"


@dataclass(frozen=True, kw_only=True)
class MethodInfo:
    """What the suite must know of a method.

    Attributes
    ----------
    name : str
        Name on the command line and in suite files.
    title : str
        Name in tables.
    kind : {"deterministic", "stochastic"}
        Stochastic methods draw their latent code at random; seeds alone make no method stochastic.
    estimator : type or str
        The scikit-learn clusterer, or where to import it from ("pkg.mod:Class").
    presets : mapping of str to mapping
        Named parameters. ``"paper@usps"`` holds what differs from ``"paper"`` on the data set ``usps``.
    search_space : mapping of str to tuple or distribution
        Values worth searching, by parameter; or a distribution of numbers with ``ppf``, such as scipy's
        frozen ``loguniform(1e-4, 1e-1)``. A suite's ``search`` draws from it.
    twin : callable or None
        Maps all parameters of a stochastic configuration to ``(name, parameters)`` of the deterministic
        method that is left when the noise is switched off.
    pretraining : tuple of str
        The parameters that determine the network it pretrains and shares through ``memory``: cells of one
        data set and seed that agree in them wait for one of them to train it. Empty if it shares none.
    resources : mapping of str to float
        ``{"cpus": 2, "gpus": 0}``: what a cell of this method asks for, whatever the command line says.
    reference : str
        The paper.
    version : int
        Raised when the same parameters and seed no longer give the same labels.
    seed_free : bool
        The estimator has a ``random_state`` and the same result for all: it is run once, as one without it is.
    source : str
        By what another process finds it; set by whoever found it.

    Raises
    ------
    MethodError
        If an attribute is not what it must be.
    """

    name: str
    title: str
    kind: Literal["deterministic", "stochastic"]
    estimator: type | str
    presets: Mapping[str, Parameters] = field(default_factory=dict)
    search_space: Mapping[str, tuple[Any, ...] | Distribution] = field(default_factory=dict)
    twin: Callable[[Parameters], tuple[str, dict[str, Any]]] | None = None
    pretraining: tuple[str, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    version: int = 1
    seed_free: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise MethodError(
                f"a method is named {shown(self.name)}: write a letter, then letters, digits, _ - and ., 64 at most"
            )
        wrong = {
            "title": not isinstance(self.title, str) or not 0 < len(self.title.strip()) <= _LONGEST_TITLE,
            "kind": self.kind not in ("deterministic", "stochastic"),
            "version": not isinstance(self.version, int) or self.version < 1,
            "twin": self.twin is not None and not callable(self.twin),
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
            If the class cannot be imported, or is no clusterer.
        """
        found: Any = self.estimator
        if isinstance(self.estimator, str):
            module, _, name = self.estimator.partition(":")
            with foreign(lambda error: f"method {self.name}: its estimator {self.estimator}: {import_fault(error)}"):
                found = getattr(importlib.import_module(module), name)
        fault = _no_clusterer(found)
        if fault:
            what = getattr(found, "__qualname__", self.estimator)
            raise MethodError(f"method {self.name}: {what} is no clusterer: {fault}")
        return found

    def preset(self, name: str, dataset: str) -> dict[str, Any]:
        """Return the parameters of a preset on a data set.

        Raises
        ------
        InputError
            If the method has no such preset.
        """
        if not self.presets:  # a bare class: its defaults are all there is
            return {}
        if name not in self.presets:
            known = ", ".join(p for p in self.presets if "@" not in p) or "none"
            raise InputError(f"method {self.name} has no preset {name!r}; it has: {known}")
        base = re.split(r"[@\[]", dataset)[0]
        return {**self.presets[name], **self.presets.get(f"{name}@{base}", {})}


def _are_names(names: Any) -> bool:
    return all(isinstance(name, str) for name in names)


def _is_by_name(table: Any) -> bool:
    return isinstance(table, Mapping) and _are_names(table)


def _has_values(space: Any) -> bool:
    return len(space) > 0 if isinstance(space, tuple | list) else callable(getattr(space, "ppf", None))


def _is_resource(name: str, n: Any) -> bool:
    return isinstance(n, int | float) and ((name == "cpus" and n > 0) or (name == "gpus" and n >= 0))


def _no_clusterer(found: Any) -> str:
    """Say why something is no clusterer's class; nothing if it is one."""
    if not isinstance(found, type):
        return "it is no class; name a class"
    missing = [member for member in ("fit", "fit_predict", "get_params", "set_params") if not hasattr(found, member)]
    if missing:
        return f"it has no {', '.join(missing)}; derive it from sklearn.base's ClusterMixin and BaseEstimator"
    other = {"ClassifierMixin", "RegressorMixin", "OutlierMixin"} & {base.__name__ for base in found.__mro__}
    return f"it has {min(other)}; its labels_ must be clusters" if other else ""

"""What a metric declares: its name, its range, its inputs and the function that computes it."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, get_args

from bench.errors import InputError, plugin_faults
from bench.text import import_fault, shown

Need = Literal["labels", "classes", "points", "embedding", "soft assignment", "scores", "draws"]

NEEDS: tuple[Need, ...] = get_args(Need)
UNCERTAINTY_NEEDS: frozenset[Need] = frozenset({"soft assignment", "scores", "draws"})
"""Inputs that mean nothing in a collapsed run: metrics that need one of them have no value there."""

RESERVED_NAMES = frozenset(
    {
        *("dataset", "fingerprint", "method", "version", "preset", "variant", "title", "config", "twin", "role"),
        *("prior_only", "noise_only"),
        *("kind", "seeded", "seed", "key", "run", "status", "flags", "unlabelled", "error", "hardware", "planned"),
        *("revised", "order", "partner", "wall_time", "peak_memory", "health", "health_epoch", "health_advice"),
        *("n_clusters_asked", "stability"),
    }
)
"""Columns of a report's table of runs, beside which each metric has a column."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TITLE = re.compile(r"[^\W_](?:[^\W_]|[ ()\[\]+−–.,:/'-]){0,79}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_RIGHT = {
    "title": "write letters, digits, spaces and ()[]+-.,:/', 80 characters at most",
    "description": "write one line of text",
    "greater_is_better": "write True, False, or None where neither end is better",
    "worst": "write a number, -math.inf or math.inf",
    "best": "write a number, -math.inf or math.inf",
    "comparable": "write True or False",
    "on_boards": "write True or False",
    "whole_run": "write True or False",
    "needs": f"write a tuple of some of {', '.join(NEEDS)}",
    "function": 'write a function, or where it is imported from: "pkg.mod:function"',
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of a run.

    Attributes
    ----------
    name : str
        Key in a record's ``metrics`` and column of tables: lower-case letters, digits and ``_``.
    function : callable or str
        Computes the metric, or where it is imported from ("pkg.mod:function"). Its arguments are the ``needs``, passed
        by keyword: ``labels`` (n_samples,), ``classes`` (n_samples,), ``points`` (n_samples, n_features),
        ``embedding`` (n_samples, n_latent), ``soft_assignment`` (n_samples, n_clusters), ``scores`` (the scores of
        uncertainty by name, each (n_samples,)) and ``draws`` (labels of latent draws, (n_draws, n_samples)). All are
        read-only. With ``classes`` among them the points without a class are left out of all.

        It returns a number, or a text that says why there is none. Several metrics may have one function and the same
        ``needs``: it is called once and returns a mapping from the name of each to its number or text.
    needs : tuple of str
        What it is computed from: predicted "labels" (-1 is noise), true "classes", the data set's "points", the
        method's "embedding", its "soft assignment", its "scores" of uncertainty (`bench.metrics.registry.SCORES`), its
        latent "draws". A run without one of them has no value, for that reason.
    title : str
        Column heading; the name where it is left out.
    description : str
        One line for a reader who knows clustering.
    greater_is_better : bool or None
        None where neither end is better.
    worst, best : float
        The ends of the range; infinite where there is none.
    comparable : bool
        Whether two methods may be ranked by it. An internal index in a method's own embedding may not: it
        measures how the embedding is stretched (DEC reaches a silhouette of .93 where VaDE, .11 of accuracy
        ahead, has .23).
    on_boards : bool
        Whether leaderboards show its mean beside the primary metric's.
    whole_run : bool
        Whether the function takes ``(outputs, dataset, seed)``, all raw outputs, the `Dataset` and the seed of the run,
        in place of the needs. It then checks them itself, and returns a mapping.

    Raises
    ------
    InputError
        If an attribute is not what it must be.
    """

    name: str
    function: Callable[..., Any] | str = field(compare=False, repr=False)
    needs: tuple[Need, ...]
    title: str = ""
    description: str = ""
    greater_is_better: bool | None = True
    worst: float = -math.inf
    best: float = math.inf
    comparable: bool = True
    on_boards: bool = True
    whole_run: bool = False

    def __post_init__(self) -> None:
        name: Any = self.name
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(
                f"a metric is named {shown(name)}: write a lower-case letter, then letters, digits and _, 64 at most"
            )
        if name in RESERVED_NAMES:
            raise InputError(f"a metric is named {name!r}, which is a column of every report; give it another name")
        object.__setattr__(self, "title", self.title or name.replace("_", " "))
        if isinstance(self.needs, list):
            object.__setattr__(self, "needs", tuple(self.needs))
        for attribute, is_wrong in self._faults().items():
            if is_wrong:
                raise InputError(
                    f"metric {name}: {attribute} is {shown(getattr(self, attribute))}; {_RIGHT[attribute]}"
                )

    def _faults(self) -> dict[str, bool]:
        function: Any = self.function
        named = isinstance(function, str) and _FUNCTION.fullmatch(function)
        return {
            "title": not isinstance(self.title, str) or not _TITLE.fullmatch(self.title),
            "description": not isinstance(self.description, str) or not (self.description or " ").isprintable(),
            "greater_is_better": self.greater_is_better not in (True, False, None),
            "worst": not _is_number(self.worst),
            "best": not _is_number(self.best),
            "comparable": not isinstance(self.comparable, bool),
            "on_boards": not isinstance(self.on_boards, bool),
            "whole_run": not isinstance(self.whole_run, bool),
            "needs": not _are_needs(self.needs),
            "function": not (callable(function) or named),
        }

    @property
    def unit_scale(self) -> bool:
        """Whether values lie in [-1, 1], so three decimals and a margin of .01 mean something."""
        return min(self.worst, self.best) >= -1 and max(self.worst, self.best) <= 1

    @property
    def is_of_labels(self) -> bool:
        """Whether predicted labels and true classes are all that it is computed from."""
        return set(self.needs) <= {"labels", "classes"} and not self.whole_run

    def load(self) -> Callable[..., Any]:
        """Return the function, imported where it is named by its place.

        Raises
        ------
        InputError
            If it cannot be imported.
        """
        if not isinstance(self.function, str):
            return self.function
        module, _, member = self.function.partition(":")
        with plugin_faults(
            lambda error: f"metric {self.name}: its function {self.function}: {import_fault(error)}", InputError
        ):
            function = getattr(importlib.import_module(module), member)
        if not callable(function):
            raise InputError(f"metric {self.name}: {self.function} is no function")
        return function


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def _are_needs(needs: Any) -> bool:
    return isinstance(needs, tuple) and 0 < len(needs) == len({n for n in needs if n in NEEDS})

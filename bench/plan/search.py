"""Configurations drawn from a search space: reproducible, and the same for methods that share parameters."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from bench.canonical import canonical
from bench.errors import InputError
from bench.method import Distribution

# A discrete distribution has an end that `ppf` does not tell: this many draws in a row without news are it.
_PATIENCE = 1000


Space: TypeAlias = Mapping[str, "tuple[Any, ...] | Distribution"]


def quantile(parameter: str, i: int) -> float:
    """Return the quantile in [0, 1) of a parameter's i-th draw, from its name and ``i`` alone.

    Neither method, data set nor seed enter, so that methods are compared at the same values.
    """
    digest = hashlib.sha256(json.dumps(["search", parameter, i]).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def draw(space: Space, i: int) -> dict[str, Any]:
    """Return the i-th draw: a value of every parameter of the space."""
    return {parameter: _value(values, quantile(parameter, i)) for parameter, values in space.items()}


def draws(space: Space, n: int) -> list[dict[str, Any]]:
    """Return the first ``n`` distinct draws, or all combinations where the space has fewer.

    Parameters
    ----------
    space : mapping of str to tuple or distribution
        Values, or a distribution with ``ppf``, by parameter.
    n : int
        How many; the draws for a smaller number are the first of those for a larger one.

    Returns
    -------
    list of dict
        In the order in which they were drawn; a space without parameters has the one draw ``{}``.

    Raises
    ------
    InputError
        If a parameter has no values.
    """
    size = _size(space)
    found: dict[str, dict[str, Any]] = {}
    last = 0
    for i in itertools.count():
        if len(found) >= min(n, size) or (size == math.inf and i - last > _PATIENCE):
            break
        drawn = draw(space, i)
        key = canonical(drawn)
        if key not in found:
            found[key] = drawn
            last = i
    return list(found.values())


def _value(values: tuple[Any, ...] | Distribution, u: float) -> Any:
    if isinstance(values, tuple | list):
        return values[int(u * len(values))]
    return float(f"{values.ppf(u):.6g}")  # names of configurations show it


def _size(space: Space) -> float:
    """Return the number of distinct combinations, infinite with a distribution."""
    size: float = 1
    for parameter, values in space.items():
        if not isinstance(values, tuple | list):
            size = math.inf
        elif not values:
            raise InputError(f"the search space of {parameter} has no values")
        else:
            size *= len({canonical({parameter: value}) for value in values})
    return size

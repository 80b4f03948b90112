"""The text that equal parameters share: what keys are hashes of, and what records hold."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.errors import MethodError
from bench.text import storable

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


def canonical(content: Mapping[str, Any]) -> str:
    """Return the JSON text that equal contents share; tuples are lists, other objects what `plain` says of them.

    Raises
    ------
    MethodError
        If a value has no text that another process would give it too.
    """
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), default=plain)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, MethodError):
            raise
        raise MethodError(f"it cannot be written down ({error}); take plain values") from None


def stored(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a record holds them: JSON, in text that every encoder takes, infinity and NaN by name."""
    text = json.dumps(json.loads(canonical(params), parse_constant=str), ensure_ascii=False)
    return json.loads(storable(text, longest=len(text)))


def plain(value: Any) -> Any:
    """Return what stands in JSON for an object: the same in every process, and different for different objects.

    Arrays by their content, functions and classes by where they are defined, estimators by their parameters, the
    rest by ``repr``.

    Raises
    ------
    MethodError
        If all that could be said of it is an address in memory.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"array": [str(value.dtype), list(value.shape), content]}
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    name = getattr(value, "__qualname__", None)
    if name is not None:
        if "<" in name:  # a lambda, or defined inside a function: another may have the same name
            raise MethodError(
                f"{value!r} has no name of its own, so no key could tell it from another; define it in a module"
            )
        return f"{getattr(value, '__module__', None)}:{name}"
    if hasattr(value, "get_params"):
        return {"class": plain(type(value)), "params": value.get_params(deep=False)}
    text = repr(value)
    if _ADDRESS.search(text):
        raise MethodError(
            f"{text} is told from others by its address alone, which the next run does not share; take plain values"
        )
    return text

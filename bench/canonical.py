"""The text that equal parameters share: what keys are hashes of, and what records hold."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import fractions
import hashlib
import json
import pickle
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

from bench.errors import MethodError
from bench.text import one_line, storable

#: How the names of the modules begin as which plugins' files are run.
PLUGIN_MODULE = "deepclustbench_plugin_"

#: Whose ``repr`` tells all there is of a value.
_TOLD_BY_REPR = (
    bytes, complex, range, slice, PurePath, np.dtype, decimal.Decimal, fractions.Fraction, datetime.date,
    datetime.time, datetime.timedelta,
)  # fmt: skip
_ALSO_TOLD_BY_REPR = ("torch.dtype", "torch.device")  # importing torch takes longer than planning


def canonical(content: Mapping[str, Any]) -> str:
    """Return the JSON text that equal contents share; tuples are lists, other objects what `plain` says of them.

    Raises
    ------
    MethodError
        If a value has no text that another process would give it too.
    """
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), default=plain)
    except MethodError:
        raise
    except Exception as error:  # an object may go wrong in any way when it is asked what it is
        raise MethodError(f"it cannot be written down ({one_line(error)}); take plain values") from None


def stored(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a record holds them: JSON, in text that every encoder takes, infinity and NaN by name."""
    text = json.dumps(json.loads(canonical(params), parse_constant=str), ensure_ascii=False)
    return json.loads(storable(text, longest=len(text)))


def plain(value: Any) -> Any:
    """Return what stands in JSON for an object: the same in every process, and different for different objects.

    Arrays by their content, functions and classes by where they are defined, estimators by their parameters.

    Raises
    ------
    MethodError
        If it is of a kind of which that cannot be said.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is np.ndarray and not value.dtype.hasobject:  # a masked array would hide its mask
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"array": [str(value.dtype), list(value.shape), content]}
    if isinstance(value, set | frozenset):
        return sorted(canonical({"item": item}) for item in value)
    if isinstance(value, Enum):
        return f"{_place(type(value))}.{value.name}"
    if isinstance(value, type) or hasattr(value, "__name__"):
        return _place(value)
    if hasattr(value, "get_params"):
        return {"class": _place(type(value)), "params": value.get_params(deep=False)}
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"class": _place(type(value)), "fields": fields}
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, _TOLD_BY_REPR) or name in _ALSO_TOLD_BY_REPR:
        return repr(value)
    raise MethodError(f"it is a {name}, which no key tells from another; take plain values, and make it of them in fit")


def _place(value: Any) -> str:
    """Return where a function or class is defined.

    Raises
    ------
    MethodError
        If another process would not find it there: a lambda, what is defined inside a function or bound to an object,
        or in a plugin's file, which is no module until the plugin is looked for.
    """
    module = str(getattr(value, "__module__", None))
    name = getattr(value, "__qualname__", None) or value.__name__
    if module.startswith(PLUGIN_MODULE):
        raise MethodError(
            f"{name} is defined in the plugin's own file, where no worker looks for a value; move it to a module "
            "beside that file, or take a word for it"
        )
    try:
        is_found = pickle.loads(pickle.dumps(value)) is value  # noqa: S301 - what was pickled here
    except Exception:
        is_found = False
    if not is_found:
        raise MethodError(
            f"{name} is found in no module, so no key could tell it from another; define it in one, by a name"
        )
    return f"{module}:{name}"

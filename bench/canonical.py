"""Canonical JSON of parameters: keys are hashes of it, and records store it."""

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

#: Prefix of the modules that plugin files are imported as; only a process that has loaded the plugin has them.
PLUGIN_MODULE = "deepclustbench_plugin_"

#: Types whose ``repr`` determines the value.
_REPR_TYPES = (
    bytes, complex, range, slice, PurePath, np.dtype, decimal.Decimal, fractions.Fraction, datetime.date,
    datetime.time, datetime.timedelta,
)  # fmt: skip
_REPR_TYPE_NAMES = ("torch.dtype", "torch.device")  # by name, because importing torch is slow


def canonical(content: Mapping[str, Any]) -> str:
    """Return the canonical JSON of a mapping: equal mappings have equal text, in every process.

    Keys are sorted, tuples become lists, and other objects are converted by `plain`.

    Raises
    ------
    MethodError
        If a value has no text that is the same in every process.
    """
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), default=plain)
    except MethodError:
        raise
    except Exception as error:  # the methods of a plugin's object may raise anything
        raise MethodError(f"it cannot be written down ({one_line(error)}); take plain values") from None


def stored(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a record stores them: JSON values, with infinity and NaN as strings."""
    text = json.dumps(json.loads(canonical(params), parse_constant=str), ensure_ascii=False)
    return json.loads(storable(text, longest=len(text)))


def plain(value: Any) -> Any:
    """Return a JSON-serializable representation of an object, equal in every process and for equal objects only.

    Arrays are represented by a hash of their content, functions and classes by their module and name, estimators by
    their class and parameters.

    Raises
    ------
    MethodError
        If objects of this type have no such representation.
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
    if isinstance(value, _REPR_TYPES) or name in _REPR_TYPE_NAMES:
        return repr(value)
    raise MethodError(f"it is a {name}, which no key tells from another; take plain values, and make it of them in fit")


def _place(value: Any) -> str:
    """Return the module and qualified name of a function or class.

    Raises
    ------
    MethodError
        If another process could not import it: a lambda, a local function, a bound method, or a definition in a
        plugin's file, which is not an importable module.
    """
    module = str(getattr(value, "__module__", None))
    name = getattr(value, "__qualname__", None) or value.__name__
    if module.startswith(PLUGIN_MODULE):
        raise MethodError(
            f"{name} is defined in the plugin's own file, where no worker looks for a value; move it to a module "
            "beside that file, or take a word for it"
        )
    try:
        is_found = pickle.loads(pickle.dumps(value)) is value  # noqa: S301 - pickled by this process
    except Exception:
        is_found = False
    if not is_found:
        raise MethodError(
            f"{name} is found in no module, so no key could tell it from another; define it in one, by a name"
        )
    return f"{module}:{name}"

"""Checks a parameter's value against what the estimator declares of it, before anything runs.

An estimator declares it by annotations, with bounds in ``typing.Annotated`` (pydantic's ``Field``), or in
``_parameter_constraints`` as scikit-learn's estimators do. A parameter without either is not checked.
"""

from __future__ import annotations

import inspect
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from bench.canonical import canonical
from bench.text import one_line, shown

#: Annotations of which a value from a suite can be judged; an array or another object might be made of anything.
_SCALARS = (int, float, str, bool, type(None), Path)
_COLLECTIONS = (list, tuple, dict, Sequence, Mapping)


def value_fault(estimator: type, parameter: str, value: Any) -> str | None:
    """Return what is wrong with a parameter's value and what would be right; None where nothing is known to be.

    Parameters
    ----------
    estimator : type
    parameter : str
    value : object
        The default is always right.

    Returns
    -------
    str or None
        Such as "should be greater than or equal to 1, not 0".
    """
    if _is_default(estimator, parameter, value):
        return None
    wanted = _by_annotation(estimator, parameter, value) or _by_constraint(estimator, parameter, value)
    return f"should be {wanted}, not {shown(value)}" if wanted else None


def _is_default(estimator: type, parameter: str, value: Any) -> bool:
    try:
        default = inspect.signature(estimator).parameters[parameter].default
        return type(default) is type(value) and canonical({"v": default}) == canonical({"v": value})
    except Exception:  # a signature that cannot be read, a value that cannot be written down
        return False


def _by_annotation(estimator: type, parameter: str, value: Any) -> str | None:
    annotation = _annotations(estimator).get(parameter)
    adapter = _adapter(estimator, parameter)
    if adapter is None:
        return None
    from pydantic import ValidationError

    value = value.item() if hasattr(value, "item") and not getattr(value, "ndim", 1) else value
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # an object: no file and no command line says it
        text = None
    try:
        # As JSON a list may stand for a tuple, as it must in a suite file; everything else is taken strictly.
        if text is None:
            adapter.validate_python(value)
        else:
            adapter.validate_json(text)
    except ValidationError as error:
        lines = error.errors()
        wanted = [_wanted(line) for line in lines if line["type"] != "too_short" or len(lines) == 1]
        return " or ".join(dict.fromkeys(wanted))
    if isinstance(value, float) and math.isnan(value) and "nan" not in str(annotation).lower():
        return "a number"
    return None


def _wanted(line: Mapping[str, Any]) -> str:
    if line["type"] == "too_short":
        return f"of length {line['ctx']['min_length']} or more"
    where = "".join(f"at position {step} " for step in line["loc"] if isinstance(step, int))
    return where + line["msg"].removeprefix("Input should be ").replace("a valid boolean", "true or false")


@cache
def _annotations(estimator: type) -> dict[str, Any]:
    """Return the annotations of a constructor's parameters and of dataclass fields, those that can be evaluated."""
    annotations: dict[str, Any] = {}
    for base in reversed(estimator.__mro__):
        for holder in (base, vars(base).get("__init__")):
            try:
                declared = inspect.get_annotations(holder)  # type: ignore[arg-type]
                names = getattr(holder, "__globals__", None) or vars(inspect.getmodule(base))
            except Exception:  # noqa: S112 - nothing that has any, or names that only a type checker knows
                continue
            annotations |= dict(_evaluated(declared, names))
    return annotations


def _evaluated(annotations: Mapping[str, Any], names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for parameter, annotation in annotations.items():
        holder = types.SimpleNamespace(__annotations__={parameter: annotation})
        try:
            yield from typing.get_type_hints(holder, names, include_extras=True).items()
        except Exception:  # noqa: S112 - a name that only a type checker knows
            continue


def _is_judged(annotation: Any) -> bool:
    """Tell whether an annotation is made of plain values alone."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _is_judged(arguments[0])
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType) or origin in _COLLECTIONS:
        return all(_is_judged(argument) for argument in arguments if argument is not Ellipsis)
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return is_enum or any(annotation is kind for kind in (*_SCALARS, *_COLLECTIONS))


@cache
def _adapter(estimator: type, parameter: str) -> Any:
    """Return what validates values of a parameter; None where its annotation says nothing of plain values."""
    annotation: Any = _annotations(estimator).get(parameter)
    if not _is_judged(annotation):
        return None
    from pydantic import ConfigDict, TypeAdapter

    try:
        return TypeAdapter(annotation, config=ConfigDict(strict=True))
    except Exception:  # metadata of a plugin that does not fit its type
        return None


def _by_constraint(estimator: type, parameter: str, value: Any) -> str | None:
    constraints = getattr(estimator, "_parameter_constraints", None)
    if not isinstance(constraints, Mapping) or isinstance(constraints.get(parameter, ""), str):
        return None
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    allowed = list(constraints[parameter])

    def refusal(allowed: list[Any], value: Any) -> str:
        try:
            validate_parameter_constraints({parameter: allowed or [None]}, {parameter: value}, estimator.__name__)
        except InvalidParameterError as error:
            return one_line(error).partition(" must be ")[2].rpartition(" Got ")[0].rstrip(". ") or "another value"
        return ""

    try:
        # scikit-learn takes True for the number 1, which nobody means.
        numbers = [c for c in allowed if hasattr(c, "closed") or c in (int, float, Integral, Real)]
        judged = [c for c in allowed if c not in numbers] if isinstance(value, bool) else allowed
        return refusal(allowed, object()) if refusal(judged, value) else None
    except Exception:  # constraints of another kind: not ours to judge
        return None

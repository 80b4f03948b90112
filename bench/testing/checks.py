"""All checks of a method."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.registry import find_method
from bench.testing import declared, draws, fitting, members, points, suite
from bench.testing.check import Check, MethodCheckError, Result
from bench.testing.subject import Subject

#: In the order in which they are told; the one that runs a cell is last, so that it can refer to the others.
ALL = (*declared.CHECKS, *fitting.CHECKS, *points.CHECKS, *members.CHECKS, *draws.CHECKS, *suite.CHECKS)


def method_checks(
    method: MethodInfo | str | type | object, *, preset: str = "quick", params: Mapping[str, Any] | None = None
) -> list[Check]:
    """Return the checks of a method, to be run one by one.

    Parameters
    ----------
    method : MethodInfo, str, type or object
        What a method declares; its name, its file ``lab/mine.py`` or ``pkg.mod:Class``; a clusterer's class, or one
        made with the parameters to try it with.
    preset : str
        Of a method that has presets.
    params : mapping, optional
        Parameters beside the preset's, such as those that make it quick.

    Raises
    ------
    InputError
        If there is no such method, preset or parameter, or the method cannot be used.
    """
    info, own = _declared(method)
    subject = Subject(info, preset, {**own, **(params or {})})
    return [Check(check.__name__, (check.__doc__ or "").strip(), check, subject) for check in ALL]


def check_method(
    method: MethodInfo | str | type | object, *, preset: str = "quick", params: Mapping[str, Any] | None = None
) -> list[Result]:
    """Run every check of a method.

    Parameters
    ----------
    method, preset, params
        As for `method_checks`.

    Returns
    -------
    list of Result
        None of them failed.

    Raises
    ------
    MethodCheckError
        If a check failed; it tells all that did.
    InputError
        If there is no such method, preset or parameter, or the method cannot be used.
    """
    results = [check.result() for check in method_checks(method, preset=preset, params=params)]
    failures = [result for result in results if result.verdict == "failed"]
    if failures:
        raise MethodCheckError(_declared(method)[0].name, failures)
    return results


def _declared(method: Any) -> tuple[MethodInfo, dict[str, Any]]:
    """Return what a method declares, and the parameters of one that comes made."""
    if isinstance(method, MethodInfo):
        method.load()
        return method, {}
    if isinstance(method, str):
        return find_method(method), {}
    kind = method if isinstance(method, type) else type(method)
    name = re.sub(r"^[^A-Za-z]+|[^A-Za-z0-9_]+", "", kind.__name__)[:64] or "method"
    info = MethodInfo(name=name, title=kind.__name__, kind="deterministic", estimator=kind)
    info.load()
    if isinstance(method, type):
        return info, {}
    own = method.get_params(deep=False)
    return info, {p: value for p, value in own.items() if p not in RUNNER_PARAMETERS}

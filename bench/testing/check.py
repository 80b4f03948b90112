"""Run the checks of a method and report their results."""

from __future__ import annotations

import re
import sys
import traceback
import unittest
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from threadpoolctl import ThreadpoolController

from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.plan.registry import find_method
from bench.testing import declared, fitting, members, suite
from bench.testing.subject import CheckFailed, NotApplicable, Subject, generators_restored
from bench.text import one_line

#: Longest text shown of a method's values and of the messages of other libraries.
_LONGEST = 400


@dataclass(frozen=True)
class Result:
    """Result of one check.

    Attributes
    ----------
    name, proves : str
        Name and claim of the check.
    verdict : {"passed", "failed", "not applicable"}
    seen : str
        What a failed check observed, or why a check is not applicable.
    change : str
        How to fix the method; empty unless the check failed.
    """

    name: str
    proves: str
    verdict: Literal["passed", "failed", "not applicable"]
    seen: str = ""
    change: str = ""


class MethodCheckError(AssertionError):
    """A method fails checks; the message gives the claim, the observation and the fix of each.

    Parameters
    ----------
    method : str
    failures : sequence of Result
    """

    def __init__(self, method: str, failures: Sequence[Result]) -> None:
        super().__init__(method, failures)
        self.method = method
        self.failures = list(failures)

    def __str__(self) -> str:
        count = "a check" if len(self.failures) == 1 else f"{len(self.failures)} checks"
        lines = [f"method {self.method} fails {count}"]
        for failure in self.failures:
            lines += [f"{failure.name}: {failure.proves}", f"  seen:   {failure.seen}", f"  change: {failure.change}"]
        return "\n".join(lines)


@cache
def _libraries() -> ThreadpoolController:
    """Return the controller of the numerical libraries' threads; creating it takes longer than most checks."""
    return ThreadpoolController()


@dataclass(frozen=True, eq=False)
class Check:
    """One claim about a method. The checks of a method share a fit, so they should run in one process.

    Attributes
    ----------
    name : str
        Name of the check, which pytest uses as the id in ``parametrize``.
    proves : str
        The claim, one sentence.
    """

    name: str
    proves: str
    _function: Callable[[Subject], None] = field(repr=False)
    _subject: Subject = field(repr=False)

    @property
    def __name__(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.name

    def result(self) -> Result:
        """Run the check as a worker executes a run: on one thread, with warnings ignored."""
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            with generators_restored(), _libraries().limit(limits=1), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._function(self._subject)
        except NotApplicable as reason:
            return Result(self.name, self.proves, "not applicable", one_line(reason, _LONGEST))
        except CheckFailed as fault:
            seen, change = fault.seen, fault.change
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            seen, change = self._describe(error), "correct what raises it"
        else:
            return Result(self.name, self.proves, "passed")
        finally:
            torch.set_num_threads(threads)
        self._subject.failures.append(self.name)
        return Result(self.name, self.proves, "failed", one_line(seen, _LONGEST), one_line(change, _LONGEST))

    def run(self) -> None:
        """Run the check as a test.

        Raises
        ------
        MethodCheckError
            If the check fails.
        unittest.SkipTest
            If the check is not applicable; pytest reports the test as skipped, with the reason.
        """
        result = self.result()
        if result.verdict == "not applicable":
            raise unittest.SkipTest(result.seen)
        if result.verdict == "failed":
            raise MethodCheckError(self._subject.info.name, [result])

    def _describe(self, error: BaseException) -> str:
        """Return the exception and the last line of the method's own file in its traceback."""
        frames = traceback.extract_tb(error.__traceback__)
        own = sys.modules.get(self._subject.info.load().__module__)
        frame = next((f for f in reversed(frames) if f.filename == getattr(own, "__file__", None)), frames[-1])
        where = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
        return f"{type(error).__name__}: {one_line(error)} ({where})"


#: In the order of the report. The check of a whole run is last, because it refers to checks that failed before.
_CHECKS = (*declared.CHECKS, *fitting.CHECKS, *members.CHECKS, *suite.CHECKS)


def method_checks(
    method: MethodInfo | str | type | object, *, preset: str = "quick", params: Mapping[str, Any] | None = None
) -> list[Check]:
    """Return the checks of a method.

    Parameters
    ----------
    method : MethodInfo, str, type or object
        The declaration of a method; its name, its file ``lab/mine.py`` or ``pkg.mod:Class``; the class of a clusterer;
        or an estimator, whose parameters are used.
    preset : str
        Name of the preset; ignored for a method without presets.
    params : mapping, optional
        Parameters that override those of the preset, for example to make the checks fast.

    Raises
    ------
    InputError
        If the method, preset or parameter does not exist, or the method cannot be used.
    """
    info, own = _declared(method)
    subject = Subject(info, preset, {**own, **(params or {})})
    return [Check(check.__name__, (check.__doc__ or "").strip(), check, subject) for check in _CHECKS]


def check_method(
    method: MethodInfo | str | type | object, *, preset: str = "quick", params: Mapping[str, Any] | None = None
) -> list[Result]:
    """Run all checks of a method.

    Parameters
    ----------
    method, preset, params
        As for `method_checks`.

    Returns
    -------
    list of Result
        Each passed or is not applicable.

    Raises
    ------
    MethodCheckError
        If a check fails; it lists all failed checks.
    InputError
        As for `method_checks`.
    """
    results = [check.result() for check in method_checks(method, preset=preset, params=params)]
    failures = [result for result in results if result.verdict == "failed"]
    if failures:
        raise MethodCheckError(_declared(method)[0].name, failures)
    return results


def _declared(method: Any) -> tuple[MethodInfo, dict[str, Any]]:
    """Return the declaration of a method, and the parameters of an estimator that is given as an object."""
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

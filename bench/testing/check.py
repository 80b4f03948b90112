"""The checks of a method, and what comes of each."""

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
from bench.testing import declared, draws, fitting, generators, members, points, suite
from bench.testing.subject import Failed, NotApplicable, Subject
from bench.text import one_line

#: What is shown of an author's values and of other libraries' messages.
_LONGEST = 400


@dataclass(frozen=True)
class Result:
    """What came of a check.

    Attributes
    ----------
    name, proves : str
        The check's.
    verdict : {"passed", "failed", "not applicable"}
    seen : str
        What was seen of one that failed; why one is not applicable.
    change : str
        What to change, of one that failed.
    """

    name: str
    proves: str
    verdict: Literal["passed", "failed", "not applicable"]
    seen: str = ""
    change: str = ""


class MethodCheckError(AssertionError):
    """A method does not pass: each failed check with what it proves, what was seen and what to change.

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
        what = "a check" if len(self.failures) == 1 else f"{len(self.failures)} checks"
        lines = [f"method {self.method} fails {what}"]
        for failure in self.failures:
            lines += [f"{failure.name}: {failure.proves}", f"  seen:   {failure.seen}", f"  change: {failure.change}"]
        return "\n".join(lines)


@cache
def _libraries() -> ThreadpoolController:
    """Return what limits the threads of the libraries that compute; looking for them takes longer than most checks."""
    return ThreadpoolController()


@dataclass(frozen=True, eq=False)
class Check:
    """One claim about one method. Checks of one method share a fit, so run them in one process.

    Attributes
    ----------
    name : str
        Also what pytest calls it in the ids of ``parametrize``.
    proves : str
        A sentence.
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
        """Run the check as a worker runs a cell: on one thread, warnings being no errors."""
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            with generators.kept(), _libraries().limit(limits=1), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._function(self._subject)
        except NotApplicable as reason:
            return Result(self.name, self.proves, "not applicable", one_line(reason, _LONGEST))
        except Failed as fault:
            seen, change = fault.seen, fault.change
        except (Exception, SystemExit) as error:  # a plugin may go wrong in any way
            seen, change = self._said(error), "mend what raises it"
        else:
            return Result(self.name, self.proves, "passed")
        finally:
            torch.set_num_threads(threads)
        self._subject.failures.append(self.name)
        return Result(self.name, self.proves, "failed", one_line(seen, _LONGEST), one_line(change, _LONGEST))

    def run(self) -> None:
        """Run the check, as a test does.

        Raises
        ------
        MethodCheckError
            If it failed.
        unittest.SkipTest
            If it is not applicable; pytest shows the test as skipped, with the reason.
        """
        result = self.result()
        if result.verdict == "not applicable":
            raise unittest.SkipTest(result.seen)
        if result.verdict == "failed":
            raise MethodCheckError(self._subject.info.name, [result])

    def _said(self, error: BaseException) -> str:
        """Say what was raised, and the last line of the method's own file that led to it."""
        frames = traceback.extract_tb(error.__traceback__)
        own = sys.modules.get(self._subject.info.load().__module__)
        frame = next((f for f in reversed(frames) if f.filename == getattr(own, "__file__", None)), frames[-1])
        where = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
        return f"{type(error).__name__}: {one_line(error)} ({where})"


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

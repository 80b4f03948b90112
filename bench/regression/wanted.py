"""Which variants of a baseline a run is compared with."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bench.errors import InputError
from bench.regression.baseline import Baseline, MethodScores
from bench.regression.variants import Variant

#: How `bench.configurations` names the parameters that were set, and `bench.results` what shares a name.
_ADDED = re.compile(r"(@\S+| v\d+| #\w+| \w+=.*)+")
_TWIN = re.compile(r"\(twin of (.+?)\)")


@dataclass(frozen=True)
class Wanted:
    """What is to be compared; None is everything.

    Attributes
    ----------
    variants : collection of str or None
        These alone.
    asked : collection of str or None
        What the baseline holds of these methods and of their twins alone.
    """

    variants: Collection[str] | None = None
    asked: Collection[str] | None = None

    def of(self, expected: dict[str, MethodScores]) -> dict[str, MethodScores]:
        """Return what is to be compared of a data set's variants."""
        return {
            name: scores
            for name, scores in expected.items()
            if (self.variants is None or name in self.variants)
            and (self.asked is None or asked_by(name, scores.method) in self.asked)
        }

    def is_news(self, variant: Variant, baseline: Baseline) -> bool:
        """Say whether a reader asked for a variant that the baseline does not have."""
        methods = self.asked
        if self.variants is not None:
            methods = {asked_by(name, s.method) for _, name, s in baseline.scores() if name in self.variants}
        return methods is None or asked_by(variant.name, variant.method) in methods


def asked_by(variant: str, method: str) -> str:
    """Return the method for whose sake a variant is there: a twin goes where its partner goes."""
    twin = _TWIN.search(variant)
    return twin[1] if twin else method


def methods_of(baseline: Baseline) -> set[str]:
    """Return the methods that a baseline holds, those aside that are there as twins alone."""
    return {asked_by(name, scores.method) for _, name, scores in baseline.scores()}


def alike(name: str, others: Iterable[str]) -> list[str]:
    """Return the names that say of a variant which preset, parameters, version or contents it has."""
    return [other for other in others if other.startswith(name) and _ADDED.fullmatch(other[len(name) :])]


def refuse_unknown(what: str, names: Collection[str] | None, known: Collection[str]) -> None:
    """Refuse names that a baseline does not have, and a choice of nothing, which every run would pass.

    Raises
    ------
    InputError
        If one is unknown, or there is none.
    """
    if names is not None and not names:
        raise InputError(f"{what}s: none is named; name one or more, or leave it out for all")
    for name in names or ():
        if name not in known:
            raise InputError(f"the baseline has no {what} {name!r}; it has {', '.join(known) or 'none'}")

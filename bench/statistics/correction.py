"""Families of paired comparisons, corrected for their number."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from bench.statistics.paired import PairedComparison, one_sample_comparison, paired_comparison, smallest_p

Outcome = Literal["better", "worse", "no difference shown", "cannot be significant", "not compared"]

#: Scores by what they are matched by, seeds or data sets; or the one score of a method that has no seed.
Scores = Mapping[Any, float] | float


@dataclass(frozen=True)
class MethodComparison:
    """One pair of a family: A against B on what both have.

    Attributes
    ----------
    a, b : str
        Names of the two.
    matched : tuple
        The seeds, or data sets, that both have, ascending.
    result : PairedComparison or None
        None with fewer than two of them.
    p_adjusted : float or None
        Holm-adjusted p over the family.
    family_size : int
        Number of comparisons that could be made in the family.
    outcome : str
        "better" or "worse" (A than B, by the adjusted p), "no difference shown", "cannot be significant"
        where even the smallest p that n pairs can reach is too large for the family, or "not compared".
    reason : str or None
        Why there is no comparison.
    """

    a: str
    b: str
    matched: tuple[Hashable, ...]
    result: PairedComparison | None
    p_adjusted: float | None
    family_size: int
    outcome: Outcome
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """The outcome in words, with n where n is what forbids a better one."""
        if self.outcome == "cannot be significant":
            return f"cannot be significant with n = {len(self.matched)}"
        return self.outcome

    @property
    def n(self) -> str:
        """How many scores are compared, as it is printed: ``n = 10``, or ``n = 1 against n = 10``."""
        return f"n = 1 against n = {len(self.matched)}" if self.one_against_many else f"n = {len(self.matched)}"

    @property
    def one_against_many(self) -> bool:
        """Whether one of the two has a single score for all seeds."""
        return self.result is not None and self.result.form == "one-sample"


def holm(p_values: ArrayLike) -> np.ndarray:
    r"""Adjust p-values by Holm's step-down procedure.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1)\, p_{(j)})

    Parameters
    ----------
    p_values : array-like of shape (m,)

    Returns
    -------
    ndarray of shape (m,)
        In the order given.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6(2), 1979.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError(f"p-values must lie in [0, 1]; got {p_values}")
    return multipletests(p_values, method="holm")[1] if len(p_values) else p_values


def smallest_n(family_size: int, alpha: float = 0.05) -> int:
    """Return the fewest pairs with which every comparison of a family could become significant."""
    return next(n for n in itertools.count(2) if smallest_p(n) * family_size <= alpha)


def compare_methods(
    scores: Mapping[str, Scores],
    family: Sequence[tuple[str, str]],
    *,
    unit: str = "seed",
    greater_is_better: bool = True,
    alpha: float = 0.05,
    rope: float | None = 0.01,
    random_state: int = 0,
) -> list[MethodComparison]:
    """Compare pairs of methods as one family.

    Parameters
    ----------
    scores : mapping of str to (mapping of hashable to float) or float
        Of each method its finite score for each seed, or for each data set; a plain number for a method that
        gives one score whatever the seed. Such a one is compared by the one-sample test with methods that
        have several, and not at all with its like.
    family : sequence of (str, str)
        (A, B) asks about A − B. All of them are adjusted together.
    unit : str
        What scores are matched by, for the reasons in words.
    greater_is_better : bool
        Direction of the score; it turns only the words.
    alpha : float
        Level of the tests.
    rope : float or None
        Half the width of the region of practical equivalence; None where no size of difference is known to
        matter.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    list of MethodComparison
        One for each pair, in order.
    """
    unknown = sorted({name for pair in family for name in pair} - set(scores))
    if unknown:
        raise ValueError(f"no scores for {', '.join(unknown)}; there are scores for {', '.join(scores)}")
    compared = [_compare(a, scores[a], b, scores[b], unit, rope, random_state) for a, b in family]
    adjusted = iter(holm([c.result.p_value for c in compared if c.result is not None]).tolist())
    size = sum(c.result is not None for c in compared)
    family_of = []
    for comparison in compared:
        changes: dict[str, Any] = {"family_size": size}
        if comparison.result is not None:
            p = next(adjusted)
            outcome = _outcome(comparison.result, p, size, alpha, greater_is_better)
            changes |= {"p_adjusted": p, "outcome": outcome}
        family_of.append(replace(comparison, **changes))
    return family_of


def all_pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return every two names, each pair once."""
    return list(itertools.combinations(names, 2))


def _compare(
    a: str, scores_a: Scores, b: str, scores_b: Scores, unit: str, rope: float | None, random_state: int
) -> MethodComparison:
    """Compare two methods; the family is not yet known."""

    def made(matched: tuple[Hashable, ...], result: PairedComparison | None, reason: str | None) -> MethodComparison:
        return MethodComparison(a, b, matched, result, None, 0, "not compared", reason)

    one_a, one_b = isinstance(scores_a, float | int), isinstance(scores_b, float | int)
    if one_a and one_b:
        return made((), None, f"both give one score whatever the {unit}, so nothing varies that could be tested")
    several = [set(s) for s in (scores_a, scores_b) if isinstance(s, Mapping)]
    matched = tuple(sorted(set.intersection(*several)))
    if len(matched) < 2:
        reason = f"{len(matched)} matched {unit}{'s' * (len(matched) != 1)}; a comparison needs at least 2"
        return made(matched, None, reason)

    def values(scores: Scores) -> float | list[float]:
        return [scores[key] for key in matched] if isinstance(scores, Mapping) else scores

    compare = one_sample_comparison if one_a or one_b else paired_comparison
    return made(matched, compare(values(scores_a), values(scores_b), rope=rope, random_state=random_state), None)


def _outcome(
    result: PairedComparison, p_adjusted: float, family_size: int, alpha: float, greater_is_better: bool
) -> Outcome:
    # The adjusted p goes first: in a family of unequal n, step-down can still reach a pair that the plain
    # product rules out.
    if p_adjusted <= alpha:
        return "better" if (result.rank_biserial > 0) == greater_is_better else "worse"
    if result.smallest_p * family_size > alpha:
        return "cannot be significant"
    return "no difference shown"

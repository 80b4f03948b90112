"""Families of paired comparisons, their p-values adjusted by Holm's procedure."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.paired import PairedComparison, one_sample_comparison, paired_comparison, smallest_p

Outcome = Literal["better", "worse", "not significant", "too few", "not compared"]

#: Scores by what they are matched by, seeds or data sets; or the one score of a method that has no seed. NaN is a run
#: that ended without a score.
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
    lost : (int, int)
        Seeds on which A alone, and B alone, ended without a score. They are not in the result.
    p_value : float or None
        Of Wilcoxon's signed-rank test (`bench.statistics.wilcoxon.signed_rank_test`). With losses the larger of that
        and the p of a test in which each counts as the worst difference there is, and 1 if the two tests point to
        different sides. To leave failures out would compare the survivors: equal methods of which one fails where it
        does badly were called different in 28 % of simulated comparisons.
    p_adjusted : float or None
        Holm-adjusted p over the family.
    family_size : int
        Number of comparisons in the family; those that lack scores so far count, so that none that is made now
        changes its verdict when they are.
    outcome : str
        "better" or "worse" (A than B, by the adjusted p), "not significant", "too few" where even the smallest p that
        n pairs can reach is too large for the family, or "not compared".
    reason : str or None
        Why there is no comparison.
    unit : str
        What scores are matched by: "seed" or "data set".
    """

    a: str
    b: str
    matched: tuple[Hashable, ...]
    result: PairedComparison | None
    lost: tuple[int, int]
    p_value: float | None
    p_adjusted: float | None
    family_size: int
    outcome: Outcome
    reason: str | None = None
    unit: str = "seed"

    @property
    def n_needed(self) -> int:
        """The fewest pairs with which every comparison of the family could become significant."""
        return smallest_n(max(1, self.family_size))

    @property
    def verdict(self) -> str:
        """The outcome in words, with the number of pairs where they are too few."""
        if self.outcome == "too few":
            return f"too few {self.unit}s ({len(self.matched)}; {self.n_needed} needed)"
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
    # statsmodels does the same, and collects garbage in every call: .2 s once torch is imported.
    order = np.argsort(p_values)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, np.arange(len(p_values), 0, -1) * p_values[order]))
    return adjusted


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
    """Compare pairs of methods by signed-rank tests, their p-values adjusted by Holm's procedure over the family.

    Parameters
    ----------
    scores : mapping of str to (mapping of hashable to float) or float
        Of each method its score for each seed, or for each data set, NaN for a run that ended without one; a
        plain number for a method that gives one score whatever the seed. Such a method is compared with methods of
        several scores by the one-sample test, and not compared with another of its kind.
    family : sequence of (str, str)
        (A, B) asks about A − B. All of them are adjusted together.
    unit : str
        What scores are matched by, as the texts of reasons name it.
    greater_is_better : bool
        Direction of the score; it decides between "better" and "worse" alone.
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
    compared = [_compare(a, scores[a], b, scores[b], unit, rope, random_state, greater_is_better) for a, b in family]
    testable = [not (isinstance(scores[a], Real) and isinstance(scores[b], Real)) for a, b in family]
    adjusted = np.ones(len(compared))
    adjusted[testable] = holm([1.0 if c.p_value is None else c.p_value for c in itertools.compress(compared, testable)])
    made = []
    for comparison, p in zip(compared, adjusted.tolist(), strict=True):
        changes: dict[str, Any] = {"family_size": sum(testable)}
        if comparison.result is not None:
            outcome = _outcome(comparison.result, p, sum(testable), alpha, greater_is_better)
            changes |= {"p_adjusted": p, "outcome": outcome}
        made.append(replace(comparison, **changes))
    return made


def all_pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return every two names, each pair once."""
    return list(itertools.combinations(names, 2))


def _compare(
    a: str,
    scores_a: Scores,
    b: str,
    scores_b: Scores,
    unit: str,
    rope: float | None,
    random_state: int,
    greater_is_better: bool,
) -> MethodComparison:
    """Compare two methods; the family is not yet known."""
    one_a, one_b = isinstance(scores_a, Real), isinstance(scores_b, Real)
    if one_a and one_b:
        reason = f"both give one score whatever the {unit}, so nothing varies that could be tested"
        return MethodComparison(a, b, (), None, (0, 0), None, None, 0, "not compared", reason, unit)
    several = [set(s) for s in (scores_a, scores_b) if isinstance(s, Mapping)]
    common = sorted(set.intersection(*several))

    def values(scores: Scores) -> np.ndarray:
        return np.array([scores[key] for key in common] if isinstance(scores, Mapping) else scores, dtype=np.float64)

    scored_a, scored_b = (np.broadcast_to(np.isfinite(values(s)), len(common)) for s in (scores_a, scores_b))
    both = scored_a & scored_b
    matched = tuple(key for key, kept in zip(common, both, strict=True) if kept)
    lost = int((~scored_a & scored_b).sum()), int((scored_a & ~scored_b).sum())
    if len(matched) < 2:
        reason = f"{len(matched)} matched {unit}{'s' * (len(matched) != 1)}; a comparison needs at least 2"
        return MethodComparison(a, b, matched, None, lost, None, None, 0, "not compared", reason, unit)
    first, second = (v[both] if v.ndim else v for v in (values(scores_a), values(scores_b)))
    compare = one_sample_comparison if one_a or one_b else paired_comparison
    result = compare(first, second, rope=rope, random_state=random_state)
    p = result.p_value if lost == (0, 0) else _p_with_losses(first - second, lost, result, greater_is_better)
    return MethodComparison(a, b, matched, result, lost, p, None, 0, "not compared", unit=unit)


def _p_with_losses(
    differences: np.ndarray, lost: tuple[int, int], result: PairedComparison, greater_is_better: bool
) -> float:
    """Return the larger p-value of two tests: without the losses, and with each as the worst difference.

    References
    ----------
    Lachin, "Worst-rank score analysis with informatively missing observations in clinical trials", Controlled
    Clinical Trials 20(5), 1999.
    """
    worst = (np.abs(differences).max() + 1) * (-1 if greater_is_better else 1)
    with_losses = one_sample_comparison(np.concatenate([differences, [worst] * lost[0], [-worst] * lost[1]]), 0.0)
    if np.sign(with_losses.rank_biserial) != np.sign(result.rank_biserial):
        return 1.0
    return max(result.p_value, with_losses.p_value)


def _outcome(
    result: PairedComparison, p_adjusted: float, family_size: int, alpha: float, greater_is_better: bool
) -> Outcome:
    # The adjusted p decides first: with unequal n, step-down may reject where n alone seems too small.
    if p_adjusted <= alpha:
        return "better" if (result.rank_biserial > 0) == greater_is_better else "worse"
    if result.smallest_p * family_size > alpha:
        return "too few"
    return "not significant"

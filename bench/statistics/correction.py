"""Families of paired comparisons, corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from bench.statistics.paired import PairedComparison, paired_comparison

Outcome = Literal["better", "worse", "no difference shown", "cannot be significant", "not compared"]

ScoresBySeed = Mapping[int, float]


@dataclass(frozen=True)
class MethodComparison:
    """One pair of a family: A against B on the seeds both have.

    Attributes
    ----------
    a, b : str
        Names of the two.
    seeds : tuple of int
        Matched seeds, ascending.
    result : PairedComparison or None
        None with fewer than two matched seeds.
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
    seeds: tuple[int, ...]
    result: PairedComparison | None
    p_adjusted: float | None
    family_size: int
    outcome: Outcome
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """The outcome in words, with n where n is what forbids a better one."""
        if self.outcome == "cannot be significant":
            return f"cannot be significant with n = {len(self.seeds)}"
        return self.outcome


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


def compare_methods(
    scores: Mapping[str, ScoresBySeed],
    pairs: Sequence[tuple[str, str]],
    *,
    greater_is_better: bool = True,
    alpha: float = 0.05,
    rope: float = 0.01,
    random_state: int = 0,
) -> list[MethodComparison]:
    """Compare pairs of methods as one family.

    Parameters
    ----------
    scores : mapping of str to (mapping of int to float)
        Finite score of each seed of each method.
    pairs : sequence of (str, str)
        The family: (A, B) asks about A − B. All of them are adjusted together.
    greater_is_better : bool
        Direction of the score; it turns only the words.
    alpha, rope : float
        Level of the tests; half the width of the region of practical equivalence.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    list of MethodComparison
        One for each pair, in order.
    """
    unknown = sorted({name for pair in pairs for name in pair} - set(scores))
    if unknown:
        raise ValueError(f"no scores for {', '.join(unknown)}; there are scores for {', '.join(scores)}")
    matched = [tuple(sorted(set(scores[a]) & set(scores[b]))) for a, b in pairs]
    results = [
        paired_comparison(
            [scores[a][seed] for seed in seeds],
            [scores[b][seed] for seed in seeds],
            rope=rope,
            random_state=random_state,
        )
        if len(seeds) >= 2
        else None
        for (a, b), seeds in zip(pairs, matched, strict=True)
    ]
    adjusted = iter(holm([result.p_value for result in results if result is not None]).tolist())
    family_size = sum(result is not None for result in results)

    comparisons = []
    for (a, b), seeds, result in zip(pairs, matched, results, strict=True):
        if result is None:
            reason = f"{len(seeds)} matched seed{'s' * (len(seeds) != 1)}; a comparison needs at least 2"
            comparisons.append(MethodComparison(a, b, seeds, None, None, family_size, "not compared", reason))
            continue
        p = next(adjusted)
        outcome = _outcome(result, p, family_size, alpha, greater_is_better)
        comparisons.append(MethodComparison(a, b, seeds, result, p, family_size, outcome))
    return comparisons


def compare_to_reference(
    scores: Mapping[str, ScoresBySeed],
    reference: str,
    *,
    greater_is_better: bool = True,
    alpha: float = 0.05,
    rope: float = 0.01,
    random_state: int = 0,
) -> list[MethodComparison]:
    """Compare every other method with one reference, as one family of (other, reference) pairs.

    The parameters are those of `compare_methods`.
    """
    return compare_methods(
        scores,
        [(name, reference) for name in scores if name != reference],
        greater_is_better=greater_is_better,
        alpha=alpha,
        rope=rope,
        random_state=random_state,
    )


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

"""Compares two methods over matched scores: signed-rank test, Hodges-Lehmann difference, effect sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.wilcoxon import (
    TestMethod,
    hodges_lehmann_with_interval,
    rank_sums,
    signed_rank_test,
)

Form = Literal["paired", "one-sample"]
PracticalVerdict = Literal["greater", "smaller", "equivalent", "undecided"]

_DECIMALS = 6  # float noise breaks ties: the same scores gave p = .125 unrounded and .219 rounded
_BOOTSTRAP_SAMPLES = 10_000


@dataclass(frozen=True)
class PairedComparison:
    """What matched scores of A and B say about A − B.

    Attributes
    ----------
    form : {"paired", "one-sample"}
        Whether both have a score for each seed, or one of them a single score for all.
    n, n_zero : int
        Differences, and how many of them are zero to six decimals.
    statistic, p_value : float
        Two-sided Wilcoxon signed-rank test, by `bench.statistics.wilcoxon.signed_rank_test`.
    method : {"exact", "permutation", "asymptotic"}
        How its null distribution was computed.
    hodges_lehmann : float
        Estimated difference A − B.
    hodges_lehmann_interval : tuple of float or None
        Its exact 95 % confidence interval; None where none exists, which is up to n = 5.
    rank_biserial : float
        Matched-pairs rank-biserial correlation (W+ − W−) / (W+ + W−), in [-1, 1]; 0 if all pairs are equal (Kerby,
        "The simple difference formula", Comprehensive Psychology 3, 2014).
    prob_superiority : float
        Share of pairs in which A is greater, an equal pair counting half.
    prob_superiority_interval : tuple of float
        95 % percentile bootstrap interval over pairs. It has no width where all pairs agree.
    rope : float or None
        Half the width of the region of practical equivalence.
    practical : {"greater", "smaller", "equivalent", "undecided"}
        Where the interval of the difference lies: wholly above, below or within the region, or none of these.
        Always "undecided" without a region: nothing is called equivalent before it is said what would matter.
    smallest_p : float
        Smallest two-sided p that n pairs can reach, 2 / 2^n.
    """

    form: Form
    n: int
    n_zero: int
    statistic: float
    p_value: float
    method: TestMethod
    hodges_lehmann: float
    hodges_lehmann_interval: tuple[float, float] | None
    rank_biserial: float
    prob_superiority: float
    prob_superiority_interval: tuple[float, float]
    rope: float | None
    practical: PracticalVerdict
    smallest_p: float


def paired_comparison(
    a: ArrayLike, b: ArrayLike, *, rope: float | None = 0.01, random_state: int = 0
) -> PairedComparison:
    """Compare two methods by Wilcoxon's signed-rank test of their scores on the same seeds, or on the same data sets.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        Scores of A and B; entry i of both belongs to the same seed. At least two, all finite.
    rope : float or None
        Differences up to this size do not matter in practice; None where no such size is known.
    random_state : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If the scores do not pair up, are fewer than two or not finite, or if rope is negative.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"a and b must be two rows of matched scores; their shapes are {a.shape}, {b.shape}")
    return _comparison("paired", a - b, rope, random_state)


def one_sample_comparison(
    a: ArrayLike, b: ArrayLike, *, rope: float | None = 0.01, random_state: int = 0
) -> PairedComparison:
    """Compare n scores of one method with the single score of a deterministic one by the one-sample signed-rank test.

    The single score counts once, not as n runs: the test is of whether the scores of the other method are symmetric
    about it.

    Parameters
    ----------
    a, b : array-like of shape (n,), and float
        Scores of A and B, in any order: the n scores of the one, at least two and all finite, and the score
        that the other gives whatever the seed.
    rope, random_state
        As for `paired_comparison`.

    Raises
    ------
    ValueError
        As `paired_comparison` does.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim + b.ndim != 1:
        raise ValueError(f"one of a and b must be a row of scores, the other a number; shapes: {a.shape}, {b.shape}")
    return _comparison("one-sample", a - b, rope, random_state)


def _comparison(form: Form, differences: np.ndarray, rope: float | None, random_state: int) -> PairedComparison:
    if len(differences) < 2:
        raise ValueError(f"a comparison needs at least 2 matched scores; got {len(differences)}")
    if not np.isfinite(differences).all():
        raise ValueError("scores must be finite; leave out the pairs in which one is missing")
    if rope is not None and not rope >= 0:
        raise ValueError(f"rope must be 0 or more, or None; got {rope}")

    differences = np.round(differences, _DECIMALS)
    statistic, p_value, method = signed_rank_test(differences)
    estimate, interval = hodges_lehmann_with_interval(differences)
    positive, negative = rank_sums(differences)
    superiority, superiority_interval = prob_superiority(differences, random_state)
    return PairedComparison(
        form=form,
        n=len(differences),
        n_zero=int((differences == 0).sum()),
        statistic=statistic,
        p_value=p_value,
        method=method,
        hodges_lehmann=estimate,
        hodges_lehmann_interval=interval,
        rank_biserial=(positive - negative) / (positive + negative) if positive + negative else 0.0,
        prob_superiority=superiority,
        prob_superiority_interval=superiority_interval,
        rope=rope,
        practical=practical_verdict(interval, rope),
        smallest_p=smallest_p(len(differences)),
    )


def smallest_p(n: int) -> float:
    """Return the smallest two-sided p of a signed-rank test of n pairs: all signs equal, 2 / 2^n."""
    return 2.0 ** (1 - n)


def prob_superiority(differences: np.ndarray, random_state: int) -> tuple[float, tuple[float, float]]:
    r"""Return the probability of superiority P(A > B) + P(A = B) / 2 over pairs, and its 95 % interval.

    The interval is that of the percentile bootstrap over pairs.

    Parameters
    ----------
    differences : ndarray of shape (n,)
    random_state : int

    Notes
    -----
    A resample of pairs matters only through its counts of wins, ties and losses, which are multinomial: they
    are drawn as such.
    """
    wins, ties, losses = (int((differences > 0).sum()), int((differences == 0).sum()), int((differences < 0).sum()))
    return (wins + ties / 2) / len(differences), _superiority_interval(wins, ties, losses, random_state)


@lru_cache(maxsize=4096)  # the pairs of a board share few counts, and the bootstrap is the slowest part of a comparison
def _superiority_interval(wins: int, ties: int, losses: int, random_state: int) -> tuple[float, float]:
    counts, worth = np.array([wins, ties, losses]), np.array([1.0, 0.5, 0.0])
    n = counts.sum()
    resampled = np.random.default_rng(random_state).multinomial(n, counts / n, size=_BOOTSTRAP_SAMPLES)
    low, high = np.quantile(resampled @ worth / n, [0.025, 0.975])
    return float(low), float(high)


def practical_verdict(interval: tuple[float, float] | None, rope: float | None) -> PracticalVerdict:
    """Return where a confidence interval lies relative to the region of practical equivalence [-rope, rope].

    An interval of 95 % makes "equivalent" stricter than two one-sided tests at 5 %, which need one of 90 %.

    References
    ----------
    Kruschke, "Rejecting or accepting parameter values in Bayesian estimation", AMPPS 1(2), 2018.
    """
    if interval is None or rope is None:
        return "undecided"
    low, high = interval
    if -rope <= low and high <= rope:
        return "equivalent"
    if low > rope:
        return "greater"
    if high < -rope:
        return "smaller"
    return "undecided"

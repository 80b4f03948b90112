"""The Wilcoxon signed-rank test of paired differences and the estimates that belong to it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import rankdata, wilcoxon

TestMethod = Literal["exact", "permutation", "asymptotic"]

LARGEST_EXACT_N = 50


def signed_rank_null(ranks: np.ndarray) -> np.ndarray:
    r"""Distribution of twice the positive rank sum when every sign is a fair coin.

    .. math:: 2 W^+ = \sum_i 2 r_i s_i, \qquad s_i \sim \mathrm{Bernoulli}(1/2)

    Mid-ranks are halves, so their doubles are integers and all 2^n sign patterns can be counted one
    difference at a time instead of one by one.

    Parameters
    ----------
    ranks : ndarray of shape (n,)
        Ranks or mid-ranks of the absolute differences.

    Returns
    -------
    ndarray of shape (2 * sum(ranks) + 1,)
        Entry s is P(2 W+ = s). Exact up to n = 50: each is a multiple of 2^-n.
    """
    doubled = np.rint(2 * np.asarray(ranks)).astype(np.int64)
    probability = np.zeros(int(doubled.sum()) + 1)
    probability[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(probability)
        shifted[rank:] = probability[: len(probability) - rank]
        probability = (probability + shifted) / 2
    return probability


def signed_rank_test(differences: np.ndarray) -> tuple[float, float, TestMethod]:
    """Test two-sided whether paired differences are symmetric about zero.

    Zero differences are dropped (Wilcoxon's own treatment). Up to 50 others the null is exact: scipy's for
    untied differences, the permutation distribution of the mid-ranks for tied ones, where scipy's table
    would be wrong.

    Parameters
    ----------
    differences : ndarray of shape (n,)
        Already rounded, so that equal differences are equal floats.

    Returns
    -------
    statistic : float
        The smaller of the two rank sums.
    p_value : float
        1.0 if all differences are zero.
    method : {"exact", "permutation", "asymptotic"}
        How the null distribution was got.

    References
    ----------
    Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1(6), 1945.
    """
    nonzero = differences[differences != 0]
    if len(nonzero) == 0:
        return 0.0, 1.0, "exact"
    if len(nonzero) > LARGEST_EXACT_N:
        # The stubs know this method only by its old name.
        result = wilcoxon(nonzero, zero_method="wilcox", method="asymptotic")  # type: ignore[call-overload]
        return float(result.statistic), float(result.pvalue), "asymptotic"
    if len(np.unique(np.abs(nonzero))) == len(nonzero):
        result = wilcoxon(nonzero, zero_method="wilcox", method="exact")
        return float(result.statistic), float(result.pvalue), "exact"
    positive, negative = rank_sums(nonzero)
    smaller = min(positive, negative)
    null = signed_rank_null(rankdata(np.abs(nonzero)))
    tail = null[: round(2 * smaller) + 1].sum()
    return smaller, float(min(1.0, 2 * tail)), "permutation"


def rank_sums(differences: np.ndarray) -> tuple[float, float]:
    """Return the rank sums of the positive and of the negative differences; zeros are dropped first.

    Parameters
    ----------
    differences : ndarray of shape (n,)
    """
    nonzero = differences[differences != 0]
    ranks = rankdata(np.abs(nonzero))
    return float(ranks[nonzero > 0].sum()), float(ranks[nonzero < 0].sum())


def walsh_averages(differences: np.ndarray) -> np.ndarray:
    """Return the means of all pairs of differences, each with itself too, in ascending order.

    Parameters
    ----------
    differences : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n (n + 1) / 2,)
    """
    first, second = np.triu_indices(len(differences))
    return np.sort((differences[first] + differences[second]) / 2)


def hodges_lehmann(differences: np.ndarray) -> float:
    r"""Estimate the centre of the differences: the median of their Walsh averages.

    .. math:: \hat\theta = \operatorname{median}_{i \le j} \frac{d_i + d_j}{2}

    Parameters
    ----------
    differences : ndarray of shape (n,)

    References
    ----------
    Hodges and Lehmann, "Estimates of location based on rank tests", Ann. Math. Statist. 34(2), 1963.
    """
    return float(np.median(walsh_averages(differences)))


def hodges_lehmann_interval(differences: np.ndarray, confidence: float = 0.95) -> tuple[float, float] | None:
    r"""Exact confidence interval of the Hodges-Lehmann estimate: the shifts that the test does not reject.

    .. math:: [w_{(k)},\; w_{(M+1-k)}], \qquad k = \max\{c : P(W^+ \le c - 1) \le \alpha/2\}

    over the M Walsh averages in ascending order.

    Parameters
    ----------
    differences : ndarray of shape (n,)
    confidence : float
        Coverage, at least this much: only some levels exist at small n.

    Returns
    -------
    tuple of float or None
        None where even the widest interval covers less, which at 95 % is up to five differences.

    References
    ----------
    Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3rd ed., section 3.3.
    """
    averages = walsh_averages(differences)
    null = signed_rank_null(np.arange(1, len(differences) + 1))[::2]  # whole ranks: odd doubles cannot occur
    k = int(np.searchsorted(np.cumsum(null), (1 - confidence) / 2 + 1e-12, side="right"))
    if k == 0:
        return None
    return float(averages[k - 1]), float(averages[len(averages) - k])

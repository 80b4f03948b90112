"""Wilcoxon's rank-sum test of two independent samples (Mann-Whitney), turned into an estimate and its interval."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def rank_sum_null(m: int, n: int) -> np.ndarray:
    r"""Distribution of the Mann-Whitney statistic when both samples come from one continuous distribution.

    .. math:: U = \#\{(i, j) : a_i > b_j\}, \qquad
        p_{m,n}(u) = \tfrac{m}{m+n}\, p_{m-1,n}(u-n) + \tfrac{n}{m+n}\, p_{m,n-1}(u)

    by whether the largest of all m + n values is one of the first sample, and then above all n of the second.

    Parameters
    ----------
    m, n : int
        Sizes of the samples, 1 or more.

    Returns
    -------
    ndarray of shape (m * n + 1,)
        Entry u is P(U = u), read-only.
    """
    return _null(m, n)


@lru_cache(maxsize=64)
def _null(m: int, n: int) -> np.ndarray:
    row = [np.ones(1)] * (n + 1)  # no first sample: U is 0, however large the second
    for i in range(1, m + 1):
        made = [np.ones(1)]
        for j in range(1, n + 1):
            probability = np.zeros(i * j + 1)
            probability[j:] += i / (i + j) * row[j]
            probability[: i * (j - 1) + 1] += j / (i + j) * made[j - 1]
            made.append(probability)
        row = made
    row[n].flags.writeable = False
    return row[n]


def shift_estimate(a: np.ndarray, b: np.ndarray) -> float:
    r"""Estimate by how much A lies above B: the median of all differences (Hodges and Lehmann).

    .. math:: \hat\Delta = \operatorname{median}_{i, j} (a_i - b_j)

    Parameters
    ----------
    a : ndarray of shape (m,)
    b : ndarray of shape (n,)
    """
    return float(np.median(_differences(a, b)))


def shift_interval(a: np.ndarray, b: np.ndarray, confidence: float = 0.95) -> tuple[float, float] | None:
    r"""Exact confidence interval of the shift: the shifts that the rank-sum test does not reject.

    .. math:: [d_{(k)},\; d_{(mn+1-k)}], \qquad k = \max\{c : P(U \le c - 1) \le \alpha/2\}

    over the mn differences in ascending order. Equal differences only widen what it covers, as both ends belong
    to it.

    Parameters
    ----------
    a : ndarray of shape (m,)
    b : ndarray of shape (n,)
    confidence : float
        Coverage, at least this much: only some levels exist for small samples.

    Returns
    -------
    tuple of float or None
        None where even the widest interval covers less, which at 95 % is with three in each sample.

    References
    ----------
    Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3rd ed., section 4.3.
    """
    k = _interval_rank(len(a), len(b), confidence)
    if k == 0:
        return None
    differences = _differences(a, b)
    return float(differences[k - 1]), float(differences[-k])


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sort(np.subtract.outer(a, b), axis=None)


@lru_cache(maxsize=64)
def _interval_rank(m: int, n: int, confidence: float) -> int:
    tails = np.cumsum(rank_sum_null(m, n))
    return int(np.searchsorted(tails, (1 - confidence) / 2 + 1e-12, side="right"))

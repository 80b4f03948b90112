"""What theory says the simulations must find, counted without the code under test."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm


def signed_rank_cdf(n: int) -> np.ndarray:
    """Return P(W+ ≤ w) for w = 0 ... n (n + 1) / 2, by counting the sign patterns of each sum.

    The count of sum w is the coefficient of x^w in (1 + x)(1 + x²)...(1 + x^n).
    """
    counts = np.ones(1, dtype=np.int64)
    for rank in range(1, n + 1):
        counts = np.convolve(counts, np.eye(1, rank + 1, 0, dtype=np.int64)[0] + np.eye(1, rank + 1, rank, np.int64)[0])
    return np.cumsum(counts) / 2**n


def attainable_level(n: int, alpha: float) -> float:
    """Return the largest size up to alpha of a two-sided signed-rank test of n untied pairs; 0 where there is none."""
    levels = 2 * signed_rank_cdf(n)
    return float(levels[levels <= alpha].max(initial=0.0))


def attainable_coverage(n: int) -> float:
    """Return the coverage of the exact 95 % interval of n untied pairs; from n = 6 on."""
    return 1 - attainable_level(n, 0.05)


def family_wise_bound(n: int, n_pairs: int) -> float:
    """Return what the family-wise error of n_pairs untied comparisons cannot exceed.

    Where nothing is true, Holm makes a claim exactly if the smallest p is at most .05 / n_pairs.
    """
    return n_pairs * attainable_level(n, 0.05 / n_pairs)


def power_of_six(effect: float) -> float:
    """Return the power of n = 6 normal differences with this mean in standard deviations: all signs must agree."""
    return float(norm.cdf(effect) ** 6)

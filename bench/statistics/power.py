"""Power of the signed-rank test: how large a difference must be for n pairs to show it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from bench.statistics.wilcoxon import LARGEST_EXACT_N, interval_rank, walsh_averages

#: Simulated comparisons; the effect found has a Monte-Carlo error of about .5 %.
_TRIALS = 20_000
#: Walsh averages held at one time.
_BLOCK = 1_000_000
#: Asymptotic relative efficiency of the signed-rank test to Student's t under normal differences, 3/π.
_EFFICIENCY = 3 / math.pi


def signed_rank_power(n: int, effect: float, alpha: float = 0.05) -> float:
    r"""Return the probability that the two-sided signed-rank test of n pairs finds the direction of an effect.

    The differences are normal. Up to n = 50 the test is the exact one and its power is simulated, always with the same
    draws z: a difference of :math:`\delta` is found where zero lies below the interval of the Hodges-Lehmann estimate,
    that is where :math:`\delta` is larger than minus the lower end of the interval of z. For more pairs the power is
    that of Student's t with :math:`3n/\pi` of them,

    .. math:: \Phi\left(\delta \sqrt{3n/\pi - z_{1-\alpha/2}^2 / 2} - z_{1-\alpha/2}\right)

    Parameters
    ----------
    n : int
        Pairs, at least two.
    effect : float
        Mean of the differences in their standard deviations, 0 or more.
    alpha : float
        Level of the test; of a family of m comparisons Holm's first step takes alpha / m.

    References
    ----------
    Hodges and Lehmann, "The efficiency of some nonparametric competitors of the t-test", Ann. Math. Statist. 27(2),
    1956. Guenther, "Sample size formulas for normal theory t tests", The American Statistician 35(4), 1981.
    """
    if n > LARGEST_EXACT_N:
        critical = float(-ndtri(alpha / 2))
        return float(ndtr(effect * _root_of_pairs(n, critical) - critical))
    return float(np.searchsorted(_effects_needed(n, alpha), effect, side="right") / _TRIALS)


def detectable_effect(n: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Return the smallest effect that the two-sided signed-rank test of n pairs finds with some power.

    Parameters
    ----------
    n : int
        Pairs, at least two.
    alpha : float
        Level of the test; of a family of m comparisons Holm's first step takes alpha / m.
    power : float
        Probability with which it is to be found, in (0, 1).

    Returns
    -------
    float or None
        Mean of the differences in their standard deviations, as of `signed_rank_power`; None where n pairs cannot be
        significant at this level, whatever they are.
    """
    if n > LARGEST_EXACT_N:
        critical = float(-ndtri(alpha / 2))
        return (critical + float(ndtri(power))) / _root_of_pairs(n, critical)
    effect = float(_effects_needed(n, alpha)[math.ceil(power * _TRIALS) - 1])
    return effect if math.isfinite(effect) else None


def _root_of_pairs(n: int, critical: float) -> float:
    return math.sqrt(_EFFICIENCY * n - critical**2 / 2)


@lru_cache(maxsize=64)
def _effects_needed(n: int, alpha: float) -> np.ndarray:
    """Return of each simulated comparison the effect from which on it is significant, ascending; infinite for none."""
    rank = interval_rank(n, 1 - alpha)
    if rank == 0:
        return np.full(_TRIALS, math.inf)
    draws = np.random.default_rng(0).standard_normal((_TRIALS, n))
    blocks = np.array_split(draws, math.ceil(_TRIALS * n * (n + 1) / 2 / _BLOCK))
    lower_ends = [np.partition(walsh_averages(block), rank - 1, axis=-1)[..., rank - 1] for block in blocks]
    return np.sort(-np.concatenate(lower_ends))

"""Many data sets in one number: what is averaged, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import rankdata, trim_mean

N_RESAMPLES = 1000
#: With fewer data sets an interval over data sets like these would be one over hardly more than themselves.
FEWEST_DATASETS = 5

Interval = tuple[float, float]


@dataclass(frozen=True)
class InterquartileMean:
    """The mean of the middle half of all scores, with two intervals.

    Attributes
    ----------
    value : float
    interval_fixed : (float, float)
        95 %, over other seeds on these very data sets.
    interval_resampled : (float, float) or None
        95 %, over other seeds and other data sets like these; None with fewer than five.
    """

    value: float
    interval_fixed: Interval
    interval_resampled: Interval | None


def interquartile_mean(scores: Sequence[np.ndarray], random_state: int = 0) -> InterquartileMean:
    """Average the middle half of the scores on all data sets, with stratified bootstrap intervals.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_seeds,)
        The scores on each data set. Where data sets have unequal numbers of seeds, a resample draws from each
        as many as the one with the fewest has: the interval is then too wide rather than too narrow.
    random_state : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If there is no data set, or one without scores.

    References
    ----------
    Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021.
    """
    if not scores or not all(len(row) for row in scores):
        raise ValueError("every data set needs at least one score")
    fixed = _quantiles(_resampled(scores, random_state, other_datasets=False))
    enough = len(scores) >= FEWEST_DATASETS
    resampled = _quantiles(_resampled(scores, random_state, other_datasets=True)) if enough else None
    return InterquartileMean(float(trim_mean(np.concatenate(scores), 0.25)), fixed, resampled)


def _resampled(scores: Sequence[np.ndarray], random_state: int, *, other_datasets: bool) -> np.ndarray:
    """Return the interquartile mean of each resample, of shape (N_RESAMPLES,)."""
    lengths = tuple(map(len, scores))
    padded = np.zeros((len(scores), max(lengths)))
    for row, values in zip(padded, scores, strict=True):
        row[: len(values)] = values
    return trim_mean(padded.ravel()[_draws(lengths, random_state, other_datasets)], 0.25, axis=1)


@lru_cache(maxsize=8)  # the variants of a board have equal numbers of seeds, and so the same draws
def _draws(lengths: tuple[int, ...], random_state: int, other_datasets: bool) -> np.ndarray:
    """Return which scores each resample holds, of shape (N_RESAMPLES, n_datasets * n_draws), counted row by row."""
    rng = np.random.default_rng(random_state)
    n_datasets, n_draws = len(lengths), min(lengths)
    dataset = np.broadcast_to(np.arange(n_datasets), (N_RESAMPLES, n_datasets))
    if other_datasets:
        dataset = rng.integers(n_datasets, size=(N_RESAMPLES, n_datasets))
    seed = rng.random((N_RESAMPLES, n_datasets, n_draws)) * np.array(lengths)[dataset][:, :, None]
    return (dataset[:, :, None] * max(lengths) + seed.astype(np.int64)).reshape(N_RESAMPLES, -1)


def _quantiles(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def mean_ranks(means: Mapping[str, Sequence[float]], *, greater_is_better: bool = True) -> dict[str, float]:
    """Rank the methods on each data set, ties sharing their ranks, and average.

    Parameters
    ----------
    means : mapping of str to sequence of float
        Of each method its mean on each data set: the same data sets, in the same order.
    greater_is_better : bool

    Returns
    -------
    dict of str to float
        1 is best.

    Raises
    ------
    ValueError
        If a method lacks a data set: ranks over unequal sets of data sets mean nothing.
    """
    table = [list(row) for row in means.values()]
    if len({len(row) for row in table}) > 1 or not all(np.isfinite(row).all() for row in table):
        raise ValueError("a total rank needs every method on every data set")
    if not table:
        return {}
    signed = np.round(np.array(table), 6) * (-1 if greater_is_better else 1)
    return dict(zip(means, rankdata(signed, axis=0).mean(axis=1).tolist(), strict=True))


def wins_ties_losses(a: Sequence[float], b: Sequence[float], *, greater_is_better: bool = True) -> tuple[int, int, int]:
    """Count the data sets on which A's mean is better than B's, equal to six decimals, and worse."""
    difference = np.round(np.asarray(a) - np.asarray(b), 6) * (1 if greater_is_better else -1)
    return int((difference > 0).sum()), int((difference == 0).sum()), int((difference < 0).sum())

"""How often the comparisons of the suite claim what is not so, miss what is, and cover the truth."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from bench.statistics.correction import compare_methods
from bench.statistics.paired import paired_comparison
from bench.statistics.wilcoxon import hodges_lehmann_interval
from tests.simulation.noise import NOISES, equal_methods, generator

N_METHODS = 6
N_PAIRS = 15


@dataclass(frozen=True)
class Rate:
    """A share of independent trials.

    Attributes
    ----------
    count, trials : int
    """

    count: int
    trials: int

    @property
    def value(self) -> float:
        return self.count / self.trials

    @property
    def standard_error(self) -> float:
        return float(np.sqrt(self.value * (1 - self.value) / self.trials))


def family_wise_error(
    n_seeds: int, noise: str = "normal", step: float | None = None, *, families: int, n_datasets: int = 1
) -> tuple[Rate, Rate]:
    """Compare six equally good methods pair by pair and count the families with a claim.

    Parameters
    ----------
    n_seeds : int
    noise : str
        One of `NOISES`.
    step : float or None
        Scores are rounded to multiples of this.
    families : int
        Number of boards; each has one family of 15 comparisons for every data set.
    n_datasets : int

    Returns
    -------
    per_family : Rate
        Families with a claim: what Holm holds.
    anywhere : Rate
        Boards with a claim on any of their data sets: what it does not.
    """
    rng = generator("family-wise error", n_seeds, noise, step, n_datasets)
    claims = np.zeros((families, n_datasets), dtype=bool)
    with frozen_heap():
        for board in np.ndindex(claims.shape):
            scores = equal_methods(rng, N_METHODS, n_seeds, noise, step)
            outcomes = {c.outcome for c in compare_methods(scores, list(itertools.combinations(scores, 2)))}
            claims[board] = bool(outcomes & {"better", "worse"})
    return Rate(int(claims.sum()), claims.size), Rate(int(claims.any(axis=1).sum()), families)


def coverage(n: int, noise: str = "normal", step: float | None = None, *, intervals: int) -> Rate:
    """Count the Hodges-Lehmann intervals that hold the true difference.

    Parameters
    ----------
    n : int
        Matched pairs, at least six.
    noise : str
        One of `NOISES`.
    step : float or None
        Scores are rounded to multiples of this many scales of their noise.
    intervals : int
    """
    rng = generator("coverage", n, noise, step)
    a, b = NOISES[noise](rng, (2, intervals, n)) / (step or 1.0)
    truth = 7.0  # whole, in steps: an interval that ends on it holds it, with no float noise in between
    differences = (a - b if step is None else np.rint(a) - np.rint(b)) + truth
    held = 0
    for row in differences:
        low, high = hodges_lehmann_interval(row) or (np.nan, np.nan)
        held += low <= truth <= high
    return Rate(int(held), intervals)


def power(n: int, effect: float = 0.8, *, comparisons: int) -> Rate:
    """Count the single comparisons, with nothing to correct for, that find a method to be better.

    Parameters
    ----------
    n : int
        Matched pairs.
    effect : float
        True mean of the differences in standard deviations of the differences, which are normal.
    comparisons : int
    """
    differences = generator("power", n, effect).normal(effect, 1, (comparisons, n))
    results = (paired_comparison(row, np.zeros(n)) for row in differences)
    return Rate(sum(r.p_value <= 0.05 and r.rank_biserial > 0 for r in results), comparisons)


def pooling_error(n_datasets: int, n_seeds: int, interaction: float, *, comparisons: int) -> tuple[Rate, Rate]:
    """Compare two methods that differ on each data set and not on average over such data sets.

    Parameters
    ----------
    n_datasets, n_seeds : int
    interaction : float
        Standard deviation over data sets of the true difference, in those of the noise of one difference.
    comparisons : int

    Returns
    -------
    pooled : Rate
        Significant with every seed of every data set taken for a pair of its own.
    of_means : Rate
        Significant with one pair a data set, the mean over its seeds.
    """
    rng = generator("pooling", n_datasets, n_seeds, interaction)
    true = rng.normal(0, interaction, (comparisons, n_datasets, 1))
    differences = true + rng.standard_normal((comparisons, n_datasets, n_seeds))
    return _significant(differences.reshape(comparisons, -1)), _significant(differences.mean(axis=2))


def _significant(differences: np.ndarray) -> Rate:
    zeros = np.zeros(differences.shape[1])
    return Rate(sum(paired_comparison(row, zeros).p_value <= 0.05 for row in differences), len(differences))


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Keep what is imported out of garbage collection, which would walk over all of it."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

"""How often the interval of the mean agreement between runs holds the expected agreement of two runs.

Of each model there are a thousand runs and the ARI of every two of them: the truth is the mean over all pairs, and what
a user has are a few of these runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from bench.metrics.stability import jackknife_interval, pairwise_agreement
from tests.simulation.claims import Rate
from tests.simulation.noise import generator

N_RUNS = 1_000
_CLUSTERS = 10
_TRUE = np.arange(300) % _CLUSTERS
#: Another local optimum: clusters 0 and 1 are one, and half of cluster 2 is a cluster of its own.
_OTHER = np.where(_TRUE == 1, 0, np.where((_TRUE == 2) & (np.arange(300) < 150), 1, _TRUE))

Labelings = np.ndarray


def _noisy(rng: np.random.Generator, partitions: np.ndarray, wrong: np.ndarray) -> Labelings:
    """Return a partition for each run, of whose points a share is put into clusters at random."""
    drawn = rng.integers(_CLUSTERS, size=(N_RUNS, len(_TRUE)))
    return np.where(rng.random(drawn.shape) < wrong[:, None], drawn, partitions)


def _unequal(a: float, b: float) -> Callable[[np.random.Generator], Labelings]:
    return lambda rng: _noisy(rng, _TRUE, rng.beta(a, b, N_RUNS))


def _two_optima(share: float) -> Callable[[np.random.Generator], Labelings]:
    def draw(rng: np.random.Generator) -> Labelings:
        optimum = np.where(rng.random((N_RUNS, 1)) < share, _TRUE, _OTHER)
        return _noisy(rng, optimum, rng.uniform(0.02, 0.08, N_RUNS))

    return draw


def _one_in_ten_fails(rng: np.random.Generator) -> Labelings:
    return _noisy(rng, _TRUE, np.where(rng.random(N_RUNS) < 0.1, 0.6, rng.uniform(0.02, 0.08, N_RUNS)))


def _k_means(rng: np.random.Generator) -> Labelings:
    x, seeds = load_digits().data, rng.integers(2**31, size=N_RUNS)
    return np.array([KMeans(10, init="random", n_init=1, random_state=int(seed)).fit(x).labels_ for seed in seeds])


#: Where 93 to 97 % are promised. The shares of points at random have mean 29 % and 2 %.
MODELS: dict[str, Callable[[np.random.Generator], Labelings]] = {
    "runs of unequal quality": _unequal(2, 5),
    "runs that agree closely": _unequal(1, 40),
    "two local optima, 7 to 3": _two_optima(0.7),
    "two local optima, even": _two_optima(0.5),
    "k-means on digits": _k_means,
}
#: Where they are not.
LIMITS: dict[str, Callable[[np.random.Generator], Labelings]] = {
    "one run in ten fails": _one_in_ten_fails,
    "runs that agree by chance": lambda rng: _noisy(rng, _TRUE, np.ones(N_RUNS)),
}


@lru_cache(maxsize=1)
def pairwise_ari(model: str) -> np.ndarray:
    """Return the ARI of every two runs of a model, shape (N_RUNS, N_RUNS)."""
    rng = generator("agreement", model)
    return pairwise_agreement(list((MODELS | LIMITS)[model](rng)))[0]


def agreement_coverage(model: str, n: int, *, intervals: int) -> Rate:
    """Count the intervals of the mean pairwise ARI of n runs that hold the expected ARI of two runs.

    Parameters
    ----------
    model : str
        One of `MODELS` or `LIMITS`.
    n : int
        Runs of each interval, at least three.
    intervals : int
    """
    ari = pairwise_ari(model)
    truth = (ari.sum() - N_RUNS) / (N_RUNS * (N_RUNS - 1))
    rng, held = generator("coverage of agreement", model, n), 0
    for _ in range(intervals):
        runs = rng.choice(N_RUNS, n, replace=False)
        low, high = jackknife_interval(ari[np.ix_(runs, runs)]) or (np.nan, np.nan)
        held += low <= truth <= high
    return Rate(int(held), intervals)

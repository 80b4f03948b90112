"""How far partitions of the same held-out points agree, and how good they look in the same spaces. No labels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from bench.metrics.external import contingency_table
from bench.metrics.internal import internal_scores
from bench.metrics.table import NOISE

#: Internal indices, and whether more is better.
_INDICES = (("silhouette", True), ("davies_bouldin", False), ("calinski_harabasz", True))
#: Decimals that count in a comparison: the rest is the noise of sums.
DECIMALS = 6


def prediction_strength(labels_a: np.ndarray, labels_b: np.ndarray) -> float:
    """Return how well partition *a* predicts the clusters of partition *b*.

    For each cluster of *b*, the share of the pairs of its points that *a* puts together as well; of these the
    smallest. A cluster of one point has no pair and is left out: nothing can be said of it, neither 0 nor 1. Noise of
    *b* is no cluster to predict, and noise of *a* puts no points together.

    Parameters
    ----------
    labels_a, labels_b : ndarray of shape (n_points,)
        Clusters of the same points, any integers; -1 is noise.

    Returns
    -------
    float
        In [0, 1]; NaN if all clusters of *b* are single points, or it has none.

    References
    ----------
    After Tibshirani and Walther, "Cluster validation by prediction strength", Journal of Computational and
    Graphical Statistics 14(3), 2005. They cluster the test points anew and choose a number of clusters; here two fits
    predict points that neither has seen, as in Wang, "Consistent selection of the number of clusters via
    crossvalidation", Biometrika 97(4), 2010, and the number is given.
    """
    counts = contingency_table(labels_a, labels_b).astype(np.float64)
    sizes = counts.sum(axis=0)
    told = (sizes > 1) & (np.unique(labels_b) != NOISE)
    counts, sizes = counts[np.unique(labels_a) != NOISE][:, told], sizes[told]
    if not len(sizes):
        return float("nan")
    return float(((counts * (counts - 1)).sum(axis=0) / (sizes * (sizes - 1))).min())


def mean_prediction_strength(labelings: Sequence[np.ndarray]) -> float:
    """Return the mean prediction strength over all ordered pairs of labelings of the same points.

    Returns
    -------
    float
        NaN for fewer than two labelings, and where a pair has none.
    """
    pairs = list(itertools.permutations(labelings, 2))
    return float(np.mean([prediction_strength(a, b) for a, b in pairs])) if pairs else float("nan")


def effective_clusters(labels: np.ndarray) -> float:
    """Return the effective number of clusters, exp of the entropy of their shares: k for k equal clusters.

    Noise is none of them, and takes its share off their number: who refuses half of the points has half the clusters.
    """
    sizes = np.unique(labels[labels != NOISE], return_counts=True)[1]
    shares = sizes / sizes.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()) * sizes.sum() / len(labels))


def ranked(values: Sequence[float] | np.ndarray, *, greater_is_better: bool) -> np.ndarray:
    """Rank values from 1 for the best; equal ones share the mean of their ranks, NaN is worst.

    Returns
    -------
    ndarray of shape (n_values,)
    """
    found = np.round(np.asarray(values, dtype=np.float64), DECIMALS)
    return rankdata(np.where(np.isnan(found), np.inf, -found if greater_is_better else found))


def aggregated_ranks(partitions: Sequence[Sequence[np.ndarray]], spaces: Sequence[np.ndarray]) -> np.ndarray:
    """Rank candidates by internal indices of their partitions, all taken in the same spaces.

    An index compares partitions of one space only. So in each space the candidates are ranked by each of
    silhouette, Davies-Bouldin and Calinski-Harabasz, and these ranks, which have no unit, are averaged.

    Parameters
    ----------
    partitions : sequence of sequence of ndarray of shape (n_points,)
        For each candidate the labels of its runs; their indices are averaged before they are ranked.
    spaces : sequence of ndarray of shape (n_points, n_features)
        Finite.

    Returns
    -------
    ndarray of shape (n_candidates,)
        The mean rank, smaller is better.
    """
    ranks = []
    with threadpool_limits(1):  # sums over threads would make the last digits depend on the machine's load
        for space in spaces:
            scores = [[internal_scores(space, labels) for labels in runs] for runs in partitions]
            for index, up in _INDICES:
                # A text stands for an index that does not exist: then the candidate comes last in it.
                values = [float(np.mean([_number(s[index]) for s in runs])) for runs in scores]
                ranks.append(ranked(values, greater_is_better=up))
    return np.mean(ranks, axis=0)


def _number(score: float | str) -> float:
    return float("nan") if isinstance(score, str) else score

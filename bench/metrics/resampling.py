"""Metrics of labels on bootstrap resamples of the points: how a score of one run would move with other points."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from bench.generators import generator
from bench.metrics.external import with_class
from bench.metrics.registry import DRAWN, NOISE
from bench.metrics.uncertainty import labeling_scores

N_POINT_RESAMPLES = 200
"""Resamples of the points: the ends of a 95 % interval then have an error of about a tenth of its width."""
#: Counts of points that are floating-point numbers at one time.
_AT_ONCE = 2**22


def point_counts(fingerprint: str, n: int, n_resamples: int = N_POINT_RESAMPLES) -> np.ndarray:
    """Return how often each point occurs in each resample, drawn with replacement from the data set's name.

    All runs of all methods share them, so that differences of scores are paired.

    Returns
    -------
    ndarray of shape (n_resamples, n), uint8
    """
    random = generator("points", fingerprint)
    counts = np.empty((n_resamples, n), np.uint8)
    for row in counts:
        row[:] = np.bincount(random.integers(n, size=n), minlength=n)
    return counts


def resampled_scores(labels: np.ndarray, classes: np.ndarray, counts: np.ndarray, metric: str) -> np.ndarray:
    """Return a metric of the labels of one run on each resample.

    Clusters are matched to classes anew on each resample. Points without a class are left out; noise is no cluster in
    the accuracy and one more group in the others, as in the metric of the whole data.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    classes : ndarray of shape (n,)
    counts : ndarray of shape (n_resamples, n)
        As `point_counts` returns them.
    metric : {"acc", "nmi", "ari"}

    Returns
    -------
    ndarray of shape (n_resamples,)

    Raises
    ------
    ValueError
        If the metric is another one.
    """
    if metric not in DRAWN:
        raise ValueError(f"metric={metric!r} is none of {DRAWN}")
    judged = with_class(classes)
    class_names, y = np.unique(classes[judged], return_inverse=True)
    names, cluster = np.unique(labels[judged], return_inverse=True)
    # One row a pair of class and cluster: the tables of many resamples are one product.
    place = y * len(names) + cluster
    shape = len(class_names) * len(names), len(judged)
    pairs = csr_array((np.ones(len(judged), np.float32), (place, np.arange(len(judged)))), shape)
    at_once = max(1, _AT_ONCE // len(judged))
    blocks = (counts[start : start + at_once, judged] for start in range(0, len(counts), at_once))
    flat = np.concatenate([(pairs @ block.T.astype(np.float32)).T for block in blocks])
    tables = flat.reshape(len(counts), len(class_names), len(names))
    if metric == "acc":
        clusters = tables[:, :, names != NOISE]
        matched = [table[linear_sum_assignment(table, maximize=True)].sum() for table in clusters]
        return np.array(matched) / tables.sum(axis=(1, 2))
    return np.array([labeling_scores(table.astype(np.float64))[metric] for table in tables])

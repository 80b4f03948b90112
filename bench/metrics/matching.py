"""Naming the clusters of one labeling after the classes, or the clusters, of another."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench.metrics.external import cluster_table, clusters_of, with_class
from bench.metrics.table import NOISE


def matched_classes(labels: np.ndarray, classes: np.ndarray) -> dict[int, int]:
    r"""Return the class of each cluster under the best one-to-one matching.

    .. math:: \max_\pi \sum_i [y_i = \pi(c_i)]

    Parameters
    ----------
    labels, classes : ndarray of shape (n_samples,)
        Any integers. Points without a class match nothing.

    Returns
    -------
    dict of int to int
        By cluster. With more clusters than classes some clusters have none, and noise never has one; a match may
        share no point.
    """
    judged = with_class(classes)
    classes, labels = classes[judged], labels[judged]
    counts = cluster_table(classes, labels)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    class_values, clusters = np.unique(classes), clusters_of(labels)
    return dict(zip(clusters[columns].tolist(), class_values[rows].tolist(), strict=True))


def aligned(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return a labeling with its clusters named as those of another that they match best.

    Parameters
    ----------
    labels, reference : ndarray of shape (n_samples,)
        Two labelings of the same points.

    Returns
    -------
    ndarray of shape (n_samples,)
        Clusters that match none have numbers of their own, above all of the reference. Noise stays noise, and no
        cluster is named after that of the reference.
    """
    known = reference != NOISE
    match = matched_classes(labels[known], reference[known]) | {NOISE: NOISE}
    values, position = np.unique(labels, return_inverse=True)
    spare = int(reference.max(initial=-1)) + 1
    names = [match.get(int(value), spare + i) for i, value in enumerate(values)]
    return np.array(names, dtype=np.int64)[position]

"""Agreement of predicted clusters with the true classes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from bench.metrics.table import NOISE, UNLABELLED

ONE_CLASS = "the data set has one class only"


def contingency_table(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the points of each class in each cluster.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Any integers.

    Returns
    -------
    ndarray of shape (n_classes, n_clusters)
        Rows and columns in ascending order of the values that occur.
    """
    class_values, row = np.unique(classes, return_inverse=True)
    label_values, column = np.unique(labels, return_inverse=True)
    shape = (len(class_values), len(label_values))
    return np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)


def clusters_of(labels: np.ndarray) -> np.ndarray:
    """Return the clusters that labels name, ascending; noise is none."""
    return np.unique(labels[labels != NOISE])


def cluster_table(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the points of each class in each cluster, as `contingency_table` does but for noise.

    Returns
    -------
    ndarray of shape (n_classes, n_clusters)
        Rows are all classes; columns as `clusters_of` gives them, none where all points are noise.
    """
    return contingency_table(classes, labels)[:, np.unique(labels) != NOISE]


def clustering_accuracy(classes: np.ndarray, labels: np.ndarray) -> float:
    r"""Accuracy under the best one-to-one matching of clusters to classes.

    .. math:: \max_\pi \frac{1}{n} \sum_i [y_i = \pi(c_i)]

    The maximum is found by the Hungarian method. With more clusters than classes the points of unmatched
    clusters are wrong; with fewer, so are those of unmatched classes. Noise is matched to no class: it is wrong.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)

    References
    ----------
    Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, equation 10.
    """
    counts = cluster_table(classes, labels)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / len(labels))


def external_scores(classes: np.ndarray | None, labels: np.ndarray) -> dict[str, float | str]:
    """Compute ``acc``, ``nmi``, ``ari`` and ``ami``; a text stands for a value that does not exist.

    A single cluster is a legitimate, bad answer and scores 0 on the last three; so is noise alone. A single class
    leaves them nothing to measure: scikit-learn would call agreement with it perfect or absent by convention.

    Parameters
    ----------
    classes : ndarray of shape (n_samples,) or None
    labels : ndarray of shape (n_samples,)
        Noise (-1) is always wrong in the first, and one more group in the others.
    """
    if classes is None:
        return dict.fromkeys(("acc", "nmi", "ari", "ami"), UNLABELLED)
    scores: dict[str, float | str] = {"acc": clustering_accuracy(classes, labels)}
    if (classes == classes[0]).all():
        return scores | dict.fromkeys(("nmi", "ari", "ami"), ONE_CLASS)
    scores["nmi"] = float(normalized_mutual_info_score(classes, labels, average_method="arithmetic"))
    scores["ari"] = float(adjusted_rand_score(classes, labels))
    scores["ami"] = float(adjusted_mutual_info_score(classes, labels, average_method="arithmetic"))
    return scores

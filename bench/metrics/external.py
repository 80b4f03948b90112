"""Agreement of predicted clusters with the true classes, and of two labelings with each other."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from bench.data.dataset import NO_CLASS
from bench.metrics.registry import NOISE, UNLABELLED

ONE_CLASS = "the data set has one class only"
_NAMES = ("acc", "nmi", "ari", "ami", "mean_class_recall", "classes_lost")


def with_class(classes: np.ndarray) -> np.ndarray:
    """Return the points that have a class, as indices (n_with_class,) in ascending order."""
    return np.flatnonzero(classes != NO_CLASS)


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


def label_usage(labels: np.ndarray) -> dict[str, float | str]:
    """Compute ``n_clusters_used``, the clusters that labels name, and ``noise_share``, the share of points in none."""
    return {"n_clusters_used": float(len(clusters_of(labels))), "noise_share": float((labels == NOISE).mean())}


def cluster_table(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the points of each class in each cluster, as `contingency_table` does but for noise on either side.

    Returns
    -------
    ndarray of shape (n_classes, n_clusters)
        Rows are all classes; columns as `clusters_of` gives them, none where all points are noise.
    """
    return contingency_table(classes, labels)[np.unique(classes) != NO_CLASS][:, np.unique(labels) != NOISE]


def clustering_accuracy(classes: np.ndarray, labels: np.ndarray) -> float:
    r"""Accuracy under the best one-to-one matching of clusters to classes.

    .. math:: \max_\pi \frac{1}{n} \sum_i [y_i = \pi(c_i)]

    The maximum is found by the Hungarian method. With more clusters than classes the points of unmatched
    clusters are wrong; with fewer, so are those of unmatched classes. Noise is matched to no class: it is wrong.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Points without a class are left out.

    References
    ----------
    Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, equation 10.
    """
    counts = cluster_table(classes, labels)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / len(with_class(classes)))


def mean_class_recall(classes: np.ndarray, labels: np.ndarray) -> float:
    r"""Mean over classes of the share of their points that are in the matched cluster.

    .. math:: \frac{1}{|C|} \sum_{c \in C} \frac{|\{i : y_i = c, \pi(c_i) = c\}|}{|\{i : y_i = c\}|}

    This is the balanced accuracy after the matching of `clustering_accuracy`: every class weighs the same, however few
    points it has. A class that no cluster is matched to counts 0. Among matchings of the same accuracy the one of the
    largest mean is taken, so that the names of clusters decide nothing.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Points without a class are left out.
    """
    counts = cluster_table(classes, labels)
    sizes = np.bincount(np.unique(classes[with_class(classes)], return_inverse=True)[1])
    recalls = counts / sizes[:, None]
    # Counts are whole numbers, and all recalls together are below one half: they decide between equal counts alone.
    rows, columns = linear_sum_assignment(counts + recalls / (2 * len(sizes) + 1), maximize=True)
    return float(recalls[rows, columns].sum() / len(sizes))


def classes_lost(classes: np.ndarray, labels: np.ndarray) -> int:
    """Return the number of classes without a cluster.

    A class has a cluster if no other class has more points in it. A cluster in which several classes have the most
    points belongs to one of them only, so that as few classes as possible are without one.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Points without a class are left out.
    """
    counts = cluster_table(classes, labels)
    leads = (counts > 0) & (counts == counts.max(axis=0, initial=0))
    return int((maximum_bipartite_matching(csr_array(leads), perm_type="column") < 0).sum())


def external_scores(classes: np.ndarray | None, labels: np.ndarray) -> dict[str, float | str]:
    """Compute the metrics that need labels and classes alone; a value that does not exist is the reason, as text.

    A single cluster is a legitimate, bad answer and scores 0 on NMI, ARI and AMI; so is noise alone. A single class
    leaves these nothing to measure: scikit-learn would call agreement with it perfect or absent by convention.

    Parameters
    ----------
    classes : ndarray of shape (n_samples,) or None
        Points without a class are left out.
    labels : ndarray of shape (n_samples,)
        Noise (-1) is one more group in NMI, ARI and AMI, and no cluster in the others.

    Returns
    -------
    dict of str to float or str
        ``acc``, ``nmi``, ``ari``, ``ami``, ``mean_class_recall`` and ``classes_lost``.
    """
    judged = np.empty(0, dtype=np.int64) if classes is None else with_class(classes)
    if classes is None or not len(judged):
        return dict.fromkeys(_NAMES, UNLABELLED)
    classes, labels = classes[judged], labels[judged]
    scores: dict[str, float | str] = {
        "acc": clustering_accuracy(classes, labels),
        "mean_class_recall": mean_class_recall(classes, labels),
        "classes_lost": float(classes_lost(classes, labels)),
    }
    if (classes == classes[0]).all():
        return scores | dict.fromkeys(("nmi", "ari", "ami"), ONE_CLASS)
    scores["nmi"] = float(normalized_mutual_info_score(classes, labels, average_method="arithmetic"))
    scores["ari"] = float(adjusted_rand_score(classes, labels))
    scores["ami"] = float(adjusted_mutual_info_score(classes, labels, average_method="arithmetic"))
    return scores


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

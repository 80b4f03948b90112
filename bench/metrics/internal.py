"""Internal indices: compactness and separation of the clusters in a space of points."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import sklearn
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, pairwise_distances, silhouette_score

from bench.metrics.registry import NOISE

SUBSAMPLE_SIZE = 10_000
_SUBSAMPLE_SEED = 0
_DISTANCE_CHUNK_MB = 64  # fixed, not left to sklearn's configuration: memory stays small and sums stay equal
_NAMES = ("silhouette", "davies_bouldin", "calinski_harabasz")


def subsample_indices(n_samples: int) -> np.ndarray:
    """Return the points that internal indices are computed on, in ascending order.

    The choice depends on the number of points alone, so all methods and seeds share it.

    Returns
    -------
    ndarray of shape (min(n_samples, 10000),)
    """
    if n_samples <= SUBSAMPLE_SIZE:
        return np.arange(n_samples)
    chosen = np.random.default_rng(_SUBSAMPLE_SEED).choice(n_samples, SUBSAMPLE_SIZE, replace=False)
    return np.sort(chosen)


def scores_in_pixels(points: np.ndarray, labels: np.ndarray) -> dict[str, float | str]:
    """Compute the internal indices in the space of the data, as `internal_scores` does.

    The runs on a small data set share its distances.
    """
    return {f"{name}_pixels": value for name, value in internal_scores(points, labels, shared=True).items()}


def scores_in_embedding(embedding: np.ndarray, labels: np.ndarray) -> dict[str, float | str]:
    """Compute the internal indices in a method's own embedding, as `internal_scores` does."""
    return {f"{name}_embedding": value for name, value in internal_scores(embedding, labels).items()}


def internal_scores(points: np.ndarray, labels: np.ndarray, *, shared: bool = False) -> dict[str, float | str]:
    """Compute the three internal indices; a value that does not exist is the reason, as text.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_features)
        Finite.
    labels : ndarray of shape (n_samples,)
        Noise (-1) is one more group.
    shared : bool
        Keep the distances of a few thousand points for the next labels of the same points.
    """
    if (labels == labels[0]).all():
        return dict.fromkeys(_NAMES, "all points are noise" if labels[0] == NOISE else "all points are in one cluster")
    chosen = subsample_indices(len(points))
    points, labels = points[chosen].astype(np.float64), labels[chosen]
    n_clusters = len(np.unique(labels))
    if n_clusters < 2:
        return dict.fromkeys(_NAMES, "fewer than 2 clusters in the subsample")
    if n_clusters == len(labels):
        return dict.fromkeys(_NAMES, "every point is a cluster of its own")
    if (points == points[0]).all():
        return dict.fromkeys(_NAMES, "all points coincide")

    scores: dict[str, float | str] = {}
    if shared and len(points) ** 2 * points.itemsize <= _DISTANCE_CHUNK_MB * 2**20:
        distances = _distances(points.tobytes(), len(points))
        scores["silhouette"] = float(silhouette_score(distances, labels, metric="precomputed"))
    else:
        with sklearn.config_context(working_memory=_DISTANCE_CHUNK_MB):
            scores["silhouette"] = float(silhouette_score(points, labels))
    if _clusters_are_points(points, labels):
        # scikit-learn returns 0 and 1 by convention; a perfect 0 would reward a collapsed embedding.
        return scores | dict.fromkeys(_NAMES[1:], "each cluster is a single location")
    scores["davies_bouldin"] = float(davies_bouldin_score(points, labels))
    scores["calinski_harabasz"] = float(calinski_harabasz_score(points, labels))
    return scores


@lru_cache(maxsize=1)
def _distances(content: bytes, n_points: int) -> np.ndarray:
    """Return the distances between points of float64, (n_points, n_points), by their content."""
    return pairwise_distances(np.frombuffer(content).reshape(n_points, -1))


def _clusters_are_points(points: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether no cluster has any spread."""
    _, first, cluster = np.unique(labels, return_index=True, return_inverse=True)
    return bool((points == points[first][cluster]).all())

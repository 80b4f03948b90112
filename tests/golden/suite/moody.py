"""A method from a file: it fails with one seed in five, and puts all points into one cluster with another."""

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin

from bench.method import MethodInfo


class Moody(ClusterMixin, BaseEstimator):
    """Clusters points by how bright they are on average.

    Parameters
    ----------
    n_clusters : int
    random_state : int or None
        Decides the mood.
    """

    def __init__(self, n_clusters=3, random_state=None):
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X, y=None):
        mood = (self.random_state or 0) % 5
        if mood == 0:
            raise RuntimeError("not in the mood")
        edges = np.quantile(X.mean(1), np.arange(1, self.n_clusters) / self.n_clusters)
        self.labels_ = np.zeros(len(X), dtype=int) if mood == 1 else np.searchsorted(edges, X.mean(1))
        return self


info = MethodInfo(name="moody", title="Moody", kind="deterministic", estimator=Moody, presets={"quick": {}})

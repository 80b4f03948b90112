"""KMeans on the raw points, the baseline of the deep methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from bench.method import MethodInfo
from methods.base import Stopwatch, fit_kmeans
from methods.bounds import PositiveInt
from methods.seeding import Streams


@dataclass(kw_only=True, eq=False, repr=False)
class PixelKMeans(ClusterMixin, BaseEstimator):
    """scikit-learn's KMeans on one thread, so that results do not depend on the number of threads.

    The label of a point is argmin_j ‖x − c_j‖².

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    n_init : int
        Restarts; the one with the smallest inertia is selected.
    random_state : int, RandomState or None
        Seed of the restarts.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
    n_iter_ : int
        Iterations of the selected restart.

    Examples
    --------
    >>> import numpy as np
    >>> from methods import PixelKMeans
    >>> X = np.random.default_rng(0).random((60, 16), dtype=np.float32)
    >>> model = PixelKMeans(n_clusters=3, random_state=0).fit(X)
    >>> model.labels_.shape
    (60,)
    """

    n_clusters: int = 10
    n_init: PositiveInt = 20
    random_state: int | np.random.RandomState | None = None

    def fit(self, X: np.ndarray, y: Any = None) -> PixelKMeans:  # noqa: ARG002 - scikit-learn's signature
        """Cluster the points X of shape (n_samples, n_features)."""
        X = validate_data(self, X, dtype=np.float32, order="C")
        watch = Stopwatch()
        self._kmeans = fit_kmeans(X, self.n_clusters, self.n_init, Streams(self.random_state).seed("kmeans"))
        self.labels_ = self._kmeans.labels_
        self.cluster_centers_ = self._kmeans.cluster_centers_
        self.n_iter_ = self._kmeans.n_iter_
        self.timings_ = {"cluster": watch.seconds()}
        return self

    def fit_seeds(self, X: np.ndarray, random_states: Sequence[int]) -> list[PixelKMeans]:
        """Return one fitted estimator a seed, in the order of ``random_states``."""
        return [clone(self).set_params(random_state=seed).fit(X) for seed in random_states]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the nearest center (n_samples,) of each point."""
        check_is_fitted(self)
        return self._kmeans.predict(validate_data(self, X, dtype=np.float32, order="C", reset=False))


info = MethodInfo(
    name="kmeans",
    title="KMeans",
    kind="deterministic",
    estimator=PixelKMeans,
    presets={"quick": {}, "short": {}, "benchmark": {}, "seed-report": {}, "paper": {}},
    resources={"gpus": 0},
    reference="MacQueen (1967), Some methods for classification and analysis of multivariate observations",
)

"""A small stochastic method that fulfils the whole contract; the faulty methods derive from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.utils.validation import validate_data

from bench.method import MethodInfo


class Good(ClusterMixin, BaseEstimator):
    """KMeans on a random projection, with Gaussian noise on the codes, which no prior changes."""

    def __init__(self, n_clusters=4, width=3, noise=0.1, random_state=None, device="cpu", memory=None, prior=1.0):
        self.n_clusters = n_clusters
        self.width = width
        self.noise = noise
        self.prior = prior
        self.random_state = random_state
        self.device = device
        self.memory = memory

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=np.float32, order="C")
        self.mean_ = X.mean(axis=0)
        self.basis_ = self._basis(X.shape[1])
        self.network_ = torch.empty(1, device=self.device)
        kmeans = KMeans(self.n_clusters, n_init=1, random_state=self._seed()).fit(self._encode(X))
        self.cluster_centers_ = kmeans.cluster_centers_
        self.labels_ = self._assign(self._encode(X)).argmax(axis=-1)
        self.embedding_ = self.transform(X)
        self.embedding_variance_ = self.transform_variance(X)
        self.history_ = [{"epoch": 1, "loss": float(kmeans.inertia_)}]
        return self

    def predict(self, X):
        return self._assign(self._encode(X)).argmax(axis=-1)

    def predict_proba(self, X):
        return self._assign(self._encode(X))

    def transform(self, X):
        return self._encode(X)

    def transform_variance(self, X):
        return np.full((len(X), self.width), self.noise**2, dtype=np.float32)

    def reconstruct(self, X):
        return self._decode(self._encode(X))

    def score_samples(self, X):
        return -np.square(self._decode(self._encode(X)) - X).sum(axis=1)

    def sample_proba(self, X, n_samples=32, random_state=0):
        return self._assign(self._draw(X, n_samples, random_state))

    def sample_reconstruct(self, X, n_samples=32, random_state=0):
        return self._decode(self._draw(X, n_samples, random_state))

    def _seed(self):
        return self.random_state

    def _basis(self, n_features):
        path = None if self.memory is None else Path(self.memory) / f"good-{self.random_state}-{self.width}.npy"
        if path is not None and path.is_file():
            return self._loaded(np.load(path))
        basis = np.linalg.qr(np.random.default_rng(self._seed()).normal(size=(n_features, self.width)))[0]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, basis)
        return basis

    def _loaded(self, basis):
        return basis

    def _encode(self, X):
        return ((X - self.mean_) @ self.basis_).astype(np.float32)

    def _decode(self, z):
        return (z @ self.basis_.T + self.mean_).astype(np.float32)

    def _draw(self, X, n_samples, random_state):
        rng = np.random.default_rng(random_state)
        return self._encode(X) + self.noise * rng.normal(size=(n_samples, len(X), self.width))

    def _assign(self, z):
        distances = np.square(z[..., None, :] - self.cluster_centers_).sum(axis=-1)
        q = np.exp(-10 * (distances - distances.min(axis=-1, keepdims=True)))
        return q / q.sum(axis=-1, keepdims=True)


def without_noise(parameters):
    return "good", {**parameters, "noise": 0.0}


def without_prior(parameters):
    return "good", {**parameters, "prior": 0.0} if "prior" in parameters else parameters


def with_neither(parameters):
    return without_noise(without_prior(parameters)[1])


def declare(estimator=Good, **changes):
    declared = {
        "name": "good",
        "title": "Good",
        "kind": "stochastic",
        "presets": {"quick": {}, "wide": {"width": 4}, "wide@usps": {"width": 8}},
        "search_space": {"width": (2, 3, 4)},
        "pretraining": ("width",),
        "twin": with_neither,
        "ablations": {"prior only": without_noise, "noise only": without_prior},
    }
    return MethodInfo(estimator=estimator, **{**declared, **changes})

"""AE+KMeans: KMeans on the codes of an autoencoder, the initialization of DEC and counterpart of VAE+KMeans."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bench.method import MethodInfo
from methods.base import DeepClusterer, Stopwatch
from methods.pack import FitSteps
from methods.presets import (
    BENCHMARK_AUTOENCODER,
    BENCHMARK_PIXELS,
    DEC_KERAS_IMAGES,
    DEC_KERAS_USPS,
    QUICK,
    SEED_VAE,
    SHORT,
    SMALL_BATCHES,
)
from methods.pretraining import PRETRAINING
from methods.training import in_chunks, to_numpy


@dataclass(kw_only=True, eq=False, repr=False)
class AEKMeans(DeepClusterer):
    """KMeans on the codes of an autoencoder.

    The code is z = f(x); the label is argmin_j ‖z − c_j‖².

    Parameters
    ----------
    n_clusters, hidden_dims, latent_dim, likelihood, initializer, batch_size, pretrain_epochs, n_init, ...
        As in :class:`methods.base.DeepClusterer`.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, latent_dim)
        Centers c of KMeans. ``predict_proba`` is DEC's Student-t assignment to them; its argmax is the nearest center.

    Examples
    --------
    >>> import numpy as np
    >>> from methods import AEKMeans
    >>> X = np.random.default_rng(0).random((60, 16), dtype=np.float32)
    >>> model = AEKMeans(n_clusters=3, hidden_dims=(8,), latent_dim=2, pretrain_epochs=1, random_state=0).fit(X)
    >>> model.labels_.shape
    (60,)
    """

    def _fit(self, x: Tensor) -> FitSteps[None]:
        self.network_ = yield from self._pretrain(x)
        watch = Stopwatch()
        self.embedding_ = to_numpy(in_chunks(self.network_.encode, x))
        self.cluster_centers_ = self._kmeans(self.embedding_).cluster_centers_
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))
        self.timings_["cluster"] = watch.seconds()


info = MethodInfo(
    name="ae_kmeans",
    title="AE+KMeans",
    kind="deterministic",
    estimator=AEKMeans,
    presets={
        "quick": QUICK,
        "short": SHORT,
        "short@digits": QUICK,
        "benchmark": BENCHMARK_AUTOENCODER,
        **SMALL_BATCHES,
        **BENCHMARK_PIXELS,
        "seed-report": SEED_VAE,
        "paper": DEC_KERAS_IMAGES,
        "paper@usps": DEC_KERAS_USPS,
    },
    search_space={"latent_dim": (5, 10, 20), "pretrain_epochs": (50, 100, 200)},
    pretraining=PRETRAINING,
    reference="Hinton & Salakhutdinov (2006), Reducing the dimensionality of data with neural networks",
)

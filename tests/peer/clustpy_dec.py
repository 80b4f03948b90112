"""ClustPy's DEC and IDEC at the protocol of the suite `benchmark`, as a method to run beside its own.

    deepclustbench run benchmark -d mnist@test -m dec,dec@benchmark-idec,tests/peer/clustpy_dec.py \
        --set clustpy_dec.decoder=false,true --ablations none --out results/runs/clustpy
"""

from __future__ import annotations

import numpy as np
import torch
from clustpy.deep import DEC, IDEC
from clustpy.deep.neural_networks import FeedforwardAutoencoder
from sklearn.base import BaseEstimator, ClusterMixin

from bench.method import MethodInfo


class ClustPyDEC(ClusterMixin, BaseEstimator):
    """ClustPy's DEC, or its IDEC with ``decoder=True``; all else is ClustPy's default."""

    def __init__(self, n_clusters=10, decoder=False, pretrain_epochs=50, clustering_epochs=75, random_state=None):
        self.n_clusters = n_clusters
        self.decoder = decoder
        self.pretrain_epochs = pretrain_epochs
        self.clustering_epochs = clustering_epochs
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit to points X (n_samples, n_features), standardized as for ours."""
        model = (IDEC if self.decoder else DEC)(
            n_clusters=self.n_clusters,
            batch_size=256,
            pretrain_epochs=self.pretrain_epochs,
            clustering_epochs=self.clustering_epochs,
            neural_network=(FeedforwardAutoencoder, {"layers": [X.shape[1], 512, 256, 128, 10]}),
            device=torch.device("cpu"),
            random_state=self.random_state,
        )
        x = np.asarray(X, np.float64)
        model.fit(((x - x.mean(0)) / np.sqrt(x.var(0).mean())).astype(np.float32))
        self.labels_ = model.labels_.astype(np.int32)
        return self


info = MethodInfo(
    name="clustpy_dec",
    title="ClustPy's DEC",
    title_of=lambda parameters: f"ClustPy's {'IDEC' if parameters['decoder'] else 'DEC'}",
    kind="deterministic",
    estimator=ClustPyDEC,
    presets={"benchmark": {}},
    reference="Leiber et al. (2023), Benchmarking deep clustering algorithms with ClustPy",
)

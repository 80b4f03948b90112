"""VAE+KMeans: KMeans on the posterior means of a variational autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from bench.method import MethodInfo
from methods.ablations import ablations_of
from methods.base import StochasticClusterer, Stopwatch
from methods.bounds import NonNegativeFloat
from methods.losses import log_likelihood, standard_normal_kl
from methods.networks import GaussianAutoencoder, Likelihood, initialize
from methods.pack import FitSteps
from methods.presets import BENCHMARK_AUTOENCODER, BENCHMARK_PIXELS, QUICK, SEED_VAE, SHORT, SMALL_BATCHES
from methods.pretraining import autoencoder_training
from methods.training import in_chunks, to_numpy


@dataclass(kw_only=True, eq=False, repr=False)
class VAEKMeans(StochasticClusterer):
    """KMeans on the posterior means of a variational autoencoder.

    Minimises −ELBO = E_q(z|x)[−log p(x|z)] + beta · KL(q(z|x) ‖ N(0, I)) (Kingma & Welling 2014), then fits KMeans to
    the means mu. Without noise the KL term is −beta · log N(mu; 0, I) = beta · ½ ‖mu‖², up to a constant; without noise
    and without the KL term the method equals AE+KMeans bit for bit.

    Parameters
    ----------
    beta : float
        Weight of the KL term; 1 is the evidence lower bound.
    n_clusters, noise_scale, hidden_dims, latent_dim, likelihood, initializer, batch_size, pretrain_epochs, n_init, ...
        As in :class:`methods.base.StochasticClusterer`; ``pretrain_*`` train the variational autoencoder.

    Examples
    --------
    >>> import numpy as np
    >>> from methods import VAEKMeans
    >>> X = np.random.default_rng(0).random((60, 16), dtype=np.float32)
    >>> model = VAEKMeans(n_clusters=3, hidden_dims=(8,), latent_dim=2, pretrain_epochs=1, random_state=0).fit(X)
    >>> model.labels_.shape
    (60,)
    """

    likelihood: Likelihood = "bernoulli"
    beta: NonNegativeFloat = 1.0

    def _fit(self, x: Tensor) -> FitSteps[None]:
        network = GaussianAutoencoder(x.shape[1], self.hidden_dims, self.latent_dim)
        # the layers of the counterpart use its generator; the variance layer has a separate one
        shared = [network.body, network.code, network.decoder]
        initialize(shared, self.initializer, self._streams.generator("init"))
        initialize([network.log_variance], self.initializer, self._streams.generator("init/log_variance"))
        self.network_ = network.to(x.device)
        trained = yield autoencoder_training(
            self.network_, x, self._recipe(), self._streams, beta=self.beta, noise_scale=self.noise_scale
        )
        self._record("pretrain", trained.history, trained.seconds)

        watch = Stopwatch()
        self.embedding_ = to_numpy(in_chunks(self.network_.encode, x))
        self.embedding_variance_ = to_numpy(in_chunks(self._variance, x))
        kmeans = self._kmeans(self.embedding_)
        self.cluster_centers_ = kmeans.cluster_centers_
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))
        self.timings_["cluster"] = watch.seconds()

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """Return the evidence lower bound of each point, (n_samples,), in nats, averaged over seeded draws."""

        def bound(x: Tensor, z: Tensor) -> Tensor:
            mean, log_variance = self.network_.posterior(x)
            kl = standard_normal_kl(mean, log_variance if self.noise_scale else None)
            return log_likelihood(self.network_.decode(z), x, self.likelihood) - kl

        return self._bound(X, bound)


def twin(parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return AE+KMeans with the same network, likelihood and training."""
    return "ae_kmeans", {k: v for k, v in parameters.items() if k not in ("beta", "noise_scale")}


info = MethodInfo(
    name="vae_kmeans",
    title="VAE+KMeans",
    kind="stochastic",
    estimator=VAEKMeans,
    presets={
        "quick": QUICK,
        "short": {**SHORT, "likelihood": "bernoulli", "pretrain_epochs": 20},
        "short@digits": QUICK,
        "benchmark": BENCHMARK_AUTOENCODER,
        **SMALL_BATCHES,
        **BENCHMARK_PIXELS,
        "seed-report": SEED_VAE,
        "paper": {**SEED_VAE, "pretrain_epochs": 100},
    },
    search_space={"beta": (0.1, 0.5, 1.0, 2.0, 4.0), "latent_dim": (5, 10, 20)},
    twin=twin,
    ablations=ablations_of("vae_kmeans"),
    version=2,
    reference="Kingma & Welling (2014), Auto-encoding variational Bayes, arXiv:1312.6114",
)

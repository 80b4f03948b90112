"""VaDE: a variational autoencoder whose prior is a Gaussian mixture with one component per cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bench.method import MethodInfo
from methods.ablations import ablations_of
from methods.ae_gmm import AEGMM
from methods.base import StochasticClusterer
from methods.bounds import FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveInt
from methods.losses import log_likelihood, mixture_prior_kl, reconstruction_loss
from methods.networks import Autoencoder, GaussianAutoencoder, Likelihood, reparameterize
from methods.pack import FitSteps
from methods.presets import (
    BENCHMARK_CLUSTERING,
    BENCHMARK_PIXELS,
    QUICK,
    SEED_SDEC,
    SHORT,
    SMALL_BATCHES,
    VADE_PRETRAINING,
)
from methods.pretraining import PRETRAINING
from methods.stack import Stack
from methods.step import Batch, Losses
from methods.training import Training, in_chunks, to_numpy


@dataclass(kw_only=True, eq=False, repr=False)
class VaDE(StochasticClusterer, AEGMM):
    """Variational deep embedding (Jiang et al. 2017).

    Minimises −ELBO = E_q(z|x)[−log p(x|z)] + beta · KL(q(z, c|x) ‖ p(z, c)) with the mixture prior
    p(z, c) = π_c N(z; mean_c, s_c²). It starts from a pretrained autoencoder and a mixture fitted to its codes. Labels
    are argmax_c p(c|z) at z = mu.

    Without noise the KL is −log p(mu), up to a constant (see :func:`methods.losses.gaussian_kl`). With beta = 0 there
    is no prior to train, and the mixture is fitted to the codes afterwards: without noise and with beta = 0 the method
    equals AE+GMM trained for as many epochs bit for bit, and with ``epochs=0`` AE+GMM as it starts.

    Parameters
    ----------
    beta : float
        Weight of the KL term; 1 is the evidence lower bound.
    epochs : int
        Passes over the data after pretraining.
    learning_rate, learning_rate_decay, decay_every, min_learning_rate
        Adam's learning rate, multiplied by the decay every ``decay_every`` epochs, but at least ``min_learning_rate``.
        Above 784 features it is multiplied by 784 / n_features, as in DEC (see
        :func:`methods.training.rate_for_width`).
    log_variance_start : float
        log sigma² of all codes at the start.
    n_clusters, noise_scale, hidden_dims, latent_dim, likelihood, batch_size, pretrain_epochs, ...
        As in :class:`methods.base.StochasticClusterer`.

    Attributes
    ----------
    weights_, means_, variances_ : ndarrays of shape (n_clusters,), (n_clusters, latent_dim) twice
        Weights π, means and variances s² of the mixture prior.

    Examples
    --------
    >>> import numpy as np
    >>> from methods import VaDE
    >>> X = np.random.default_rng(0).random((60, 16), dtype=np.float32)
    >>> model = VaDE(n_clusters=3, hidden_dims=(8,), latent_dim=2, pretrain_epochs=1, epochs=1, random_state=0).fit(X)
    >>> model.labels_.shape
    (60,)
    """

    likelihood: Likelihood = "bernoulli"
    batch_size: PositiveInt = 100
    n_init: PositiveInt = 10
    epochs: NonNegativeInt = 300
    beta: NonNegativeFloat = 1.0
    log_variance_start: FiniteFloat = -5.0
    network_: GaussianAutoencoder = field(init=False)

    def _fit(self, x: Tensor) -> FitSteps[None]:
        yield from super()._fit(x)
        self.embedding_variance_ = to_numpy(in_chunks(self._variance, x))

    def _prepare(self, autoencoder: Autoencoder) -> GaussianAutoencoder:
        return GaussianAutoencoder.from_autoencoder(autoencoder, self.log_variance_start)

    def _prior(self, x: Tensor) -> dict[str, Tensor]:
        if not self.beta:
            return {}
        mixture = self._mixture(to_numpy(in_chunks(self._encode, x)))
        self._set_mixture(mixture.weights_, mixture.means_, mixture.covariances_)
        return self._prior_parameters(x.device)

    def _prior_parameters(self, device: torch.device) -> dict[str, Tensor]:
        weights, means, variances = (
            torch.tensor(array, device=device) for array in (self.weights_, self.means_, self.variances_)
        )
        return {"logits": weights.log(), "means": means, "log_variances": variances.log()}

    def _training(self, x: Tensor, prior: dict[str, Tensor]) -> Training:
        training = super()._training(x, prior)
        training.weight_decay = {**training.weight_decay, "log_variance": 0.0}
        generator, shape = self._streams.generator("noise/cluster"), (len(x), self.latent_dim)
        training.noise, training.noise_scale = lambda: torch.randn(shape, generator=generator), self.noise_scale
        return training

    def _objective(self, stack: Stack, batch: Batch) -> Losses:
        """Return −ELBO of a batch in nats per point."""
        mean, log_variance = stack.posterior(batch.x)
        z = reparameterize(mean, log_variance, batch.noise, self.noise_scale)
        loss = reconstruction_loss(stack.decode(z), batch.x, self.likelihood)
        terms, log_gamma = {"reconstruction": loss}, None
        if stack.extra:
            kl, log_gamma = mixture_prior_kl(mean, log_variance if self.noise_scale else None, z, **stack.extra)
            terms["prior"] = kl.mean(-1)
            loss = loss + self.beta * terms["prior"]
        return Losses(loss=loss, terms=terms, mean=mean, log_variance=log_variance, log_q=log_gamma)

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """Return the evidence lower bound of each point, (n_samples,), in nats, averaged over seeded draws."""
        check_is_fitted(self, "network_")
        prior = self._prior_parameters(next(self.network_.parameters()).device)

        def bound(x: Tensor, z: Tensor) -> Tensor:
            mean, log_variance = self.network_.posterior(x)
            kl, _ = mixture_prior_kl(mean, log_variance if self.noise_scale else None, z, **prior)
            return log_likelihood(self.network_.decode(z), x, self.likelihood) - kl

        return self._bound(X, bound)


def twin(parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return AE+GMM with the same network and as many steps."""
    kept = {f.name for f in fields(AEGMM) if f.init}
    return "ae_gmm", {name: value for name, value in parameters.items() if name in kept}


def start(parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return AE+GMM as VaDE starts from it, without further steps."""
    name, kept = twin(parameters)
    return name, {**kept, "epochs": 0}


_QUICK: Mapping[str, Any] = {**QUICK, "epochs": 100, "learning_rate": 1e-3}

info = MethodInfo(
    name="vade",
    title="VaDE",
    kind="stochastic",
    estimator=VaDE,
    presets={
        "quick": _QUICK,
        # Squared error gives reconstruction less weight than Bernoulli cross-entropy, so ten epochs move the clusters.
        "short": {**SHORT, "epochs": 10},
        "short@digits": _QUICK,
        "benchmark": {
            **BENCHMARK_CLUSTERING,
            "learning_rate_decay": 1.0,
            "min_learning_rate": 0.0,
        },
        **SMALL_BATCHES,
        **BENCHMARK_PIXELS,
        "seed-report": {**SEED_SDEC, "likelihood": "bernoulli", "epochs": 10},
        "paper": {**VADE_PRETRAINING, "epochs": 300},
    },
    search_space={"learning_rate": (5e-4, 1e-3, 2e-3), "latent_dim": (5, 10, 20)},
    twin=twin,
    ablations={**ablations_of("vade"), "start": start},
    version=2,
    pretraining=PRETRAINING,
    reference="Jiang et al. (2017), Variational deep embedding, arXiv:1611.05148",
)

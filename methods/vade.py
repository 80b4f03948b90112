"""VaDE: a variational autoencoder whose prior is a Gaussian mixture with one component per cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.method import MethodInfo
from methods.ae_gmm import AEGMM, MixtureAssignment, fit_mixture
from methods.base import StochasticClusterer, Stopwatch
from methods.bounds import FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from methods.losses import gaussian_kl, log_likelihood, log_mixture_joint, reconstruction_loss
from methods.networks import GaussianAutoencoder, Likelihood, reparameterize
from methods.presets import QUICK, SEED_SDEC, SHORT, VADE_PRETRAINING
from methods.pretraining import PRETRAINING
from methods.training import (
    History,
    draw_noise,
    health_terms,
    in_chunks,
    make_optimizer,
    rate_for_width,
    shuffled_batches,
    take_step,
    to_numpy,
    weights_of,
)


class MixturePrior(nn.Module):
    """Trainable mixture of diagonal Gaussians p(z, c) = π_c N(z; mean_c, s_c²) with π = softmax(logits).

    Parameters
    ----------
    weights, means, variances : ndarrays of shape (k,), (k, d), (k, d)
        Initial values of π, the means and s².
    """

    def __init__(self, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(weights).log())
        self.means = nn.Parameter(torch.tensor(means))
        self.log_variances = nn.Parameter(torch.tensor(variances).log())

    def kl(self, mean: Tensor, log_variance: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return KL(q(z, c|x) ‖ p(z, c)) per point in nats, (n,), and the responsibilities γ = p(c|z), (n, k).

        ``mean``, ``log_variance`` and ``z`` have shape (n, d). With q(c|x) = γ, the KL is Σ_c γ_c KL(q(z|x) ‖ N_c) +
        KL(γ ‖ π) (Jiang et al. 2017, eq. 9 to 16).
        """
        log_weights = torch.log_softmax(self.logits, dim=0)
        joint = log_mixture_joint(z, log_weights, self.means, self.log_variances)
        log_gamma = torch.log_softmax(joint, dim=-1)
        gamma = log_gamma.exp()
        per_component = gaussian_kl(mean, log_variance, self.means, self.log_variances)
        return (gamma * (per_component + log_gamma - log_weights)).sum(-1), gamma


@dataclass(kw_only=True, eq=False, repr=False)
class VaDE(MixtureAssignment, StochasticClusterer):
    """Variational deep embedding (Jiang et al. 2017).

    Maximises the evidence lower bound ELBO = E_q(z|x)[log p(x|z)] − KL(q(z, c|x) ‖ p(z, c)) with the mixture prior
    p(z, c) = π_c N(z; mean_c, s_c²). It starts from a pretrained autoencoder and a mixture fitted to its codes; with
    ``epochs=0`` it equals AE+GMM bit for bit. Labels are argmax_c p(c|z) at z = mu.

    Parameters
    ----------
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
    learning_rate: PositiveFloat = 2e-3
    learning_rate_decay: PositiveFloat = 0.9
    decay_every: PositiveInt = 10
    min_learning_rate: NonNegativeFloat = 2e-4
    log_variance_start: FiniteFloat = -5.0

    def _fit(self, x: Tensor) -> None:
        autoencoder = self._pretrain(x)
        watch = Stopwatch()
        codes = to_numpy(in_chunks(autoencoder.encode, x))
        mixture = fit_mixture(codes, self.n_clusters, self.n_init, self._streams.seed("mixture"))
        self._set_mixture(mixture.weights_, mixture.means_, mixture.covariances_)
        self.network_ = GaussianAutoencoder.from_autoencoder(autoencoder, self.log_variance_start)
        if self.epochs:
            self._record("cluster", self._train(x), 0.0)
        self.timings_["cluster"] = watch.seconds()
        self.embedding_ = to_numpy(in_chunks(self._encode, x))
        self.embedding_variance_ = to_numpy(in_chunks(self._variance, x))
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))

    def _train(self, x: Tensor) -> list[dict[str, float]]:
        """Maximise the evidence lower bound in place and return the history."""
        prior = MixturePrior(self.weights_, self.means_, self.variances_).to(x.device)
        group = weights_of(self.network_, prior)
        optimizer = make_optimizer("adam", [group], rate_for_width(self.learning_rate, x.shape[1]), 0.0)
        order, noise = self._streams.generator("order/cluster"), self._streams.generator("noise/cluster")
        history = History("clustering")
        for epoch in range(self.epochs):
            rate = self.learning_rate * self.learning_rate_decay ** (epoch // self.decay_every)
            optimizer.param_groups[0]["lr"] = rate_for_width(max(rate, self.min_learning_rate), x.shape[1])
            epoch_noise = draw_noise((len(x), self.latent_dim), noise, x.device)
            for index in shuffled_batches(len(x), self.batch_size, order, x.device):
                terms = self._objective(x[index], prior, epoch_noise[index])
                take_step(optimizer, terms["loss"])
                history.add(len(index), terms)
                self.n_iter_ += 1
            history.close_epoch()
        self.stop_reason_ = "all epochs done"
        weights = torch.softmax(prior.logits, dim=0)
        self._set_mixture(to_numpy(weights), to_numpy(prior.means), to_numpy(prior.log_variances.exp()))
        return history.epochs

    def _objective(self, x: Tensor, prior: MixturePrior, noise: Tensor) -> dict[str, Tensor]:
        """Return −ELBO of a batch in nats per point, and the terms of the history."""
        mean, log_variance = self.network_.posterior(x)
        z = reparameterize(mean, log_variance, noise, self.noise_scale)
        kl, gamma = prior.kl(mean, log_variance, z)
        reconstruction = reconstruction_loss(self.network_.decode(z), x, self.likelihood)
        return {
            "loss": reconstruction + kl.mean(),
            "reconstruction": reconstruction,
            "prior": kl.mean(),
            **health_terms(mean, log_variance, gamma, self.noise_scale),
        }

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """Return the evidence lower bound of each point, (n_samples,), in nats, averaged over seeded draws."""

        def bound(x: Tensor, z: Tensor) -> Tensor:
            kl, _ = prior.kl(*self.network_.posterior(x), z)
            return log_likelihood(self.network_.decode(z), x, self.likelihood) - kl

        prior = MixturePrior(self.weights_, self.means_, self.variances_)
        prior.to(next(self.network_.parameters()).device)
        return self._bound(X, bound)


def twin(parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return AE+GMM with the same network and pretraining, which initializes VaDE."""
    kept = {f.name for f in fields(AEGMM) if f.init}
    return "ae_gmm", {name: value for name, value in parameters.items() if name in kept}


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
        "seed-report": {**SEED_SDEC, "likelihood": "bernoulli", "epochs": 10},
        "paper": {**VADE_PRETRAINING, "epochs": 300},
    },
    search_space={"learning_rate": (5e-4, 1e-3, 2e-3), "latent_dim": (5, 10, 20)},
    twin=twin,
    pretraining=PRETRAINING,
    reference="Jiang et al. (2017), Variational deep embedding, arXiv:1611.05148",
)

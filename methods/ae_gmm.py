"""AE+GMM: a Gaussian mixture on the codes of an autoencoder, the start of VaDE and, trained as long, its twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from bench.method import MethodInfo
from methods.base import DeepClusterer, Stopwatch
from methods.bounds import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from methods.losses import gaussian_kl, log_mixture_joint, reconstruction_loss
from methods.networks import Autoencoder, Likelihood
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


def fit_mixture(codes: np.ndarray, n_components: int, n_init: int, seed: int) -> GaussianMixture:
    """Return a mixture of diagonal Gaussians fitted to codes (n, d) by EM, on one thread as in ``fit_kmeans``."""
    with threadpool_limits(1):
        mixture = GaussianMixture(
            n_components, covariance_type="diag", n_init=n_init, reg_covar=1e-4, random_state=seed
        )
        return mixture.fit(codes.astype(np.float64))


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

    def kl(self, mean: Tensor, log_variance: Tensor | None, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return KL(q(z, c|x) ‖ p(z, c)) per point in nats, (n,), and the responsibilities γ = p(c|z), (n, k).

        ``mean``, ``log_variance`` and ``z`` have shape (n, d). With q(c|x) = γ, the KL is Σ_c γ_c KL(q(z|x) ‖ N_c) +
        KL(γ ‖ π) (Jiang et al. 2017, eq. 9 to 16). Without noise, with ``log_variance`` None and z = mean, it is
        −log p(mean) − d/2 log 2π.
        """
        log_weights = torch.log_softmax(self.logits, dim=0)
        joint = log_mixture_joint(z, log_weights, self.means, self.log_variances)
        log_gamma = torch.log_softmax(joint, dim=-1)
        gamma = log_gamma.exp()
        per_component = gaussian_kl(mean, log_variance, self.means, self.log_variances)
        return (gamma * (per_component + log_gamma - log_weights)).sum(-1), gamma

    def mixture(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weights π (k,), the means (k, d) and the variances s² (k, d)."""
        return torch.softmax(self.logits, dim=0), self.means, self.log_variances.exp()


class MixtureAssignment:
    """Soft assignment p(c|z) by the mixture of diagonal Gaussians ``weights_``, ``means_`` and ``variances_``."""

    weights_: np.ndarray
    means_: np.ndarray
    variances_: np.ndarray

    def _log_joint(self, z: Tensor) -> Tensor:
        """Return log p(z, c) = log π_c + log N(z; mean_c, s_c²), shape (..., n, k)."""
        weights, means, variances = (
            torch.as_tensor(a, device=z.device, dtype=z.dtype) for a in (self.weights_, self.means_, self.variances_)
        )
        return log_mixture_joint(z, weights.log(), means, variances.log())

    def _log_assignment(self, z: Tensor) -> Tensor:
        """Return log p(c|z), shape (..., n, k), computed in log space because densities underflow float32."""
        return torch.log_softmax(self._log_joint(z), dim=-1)

    def _set_mixture(self, weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> None:
        # float32, as the codes of the network: VaDE without training then equals AE+GMM bit for bit
        self.weights_, self.means_, self.variances_ = (
            np.asarray(a, dtype=np.float32) for a in (weights, means, variances)
        )


@dataclass(kw_only=True, eq=False, repr=False)
class AEGMM(MixtureAssignment, DeepClusterer):
    """A mixture of diagonal Gaussians on the codes of an autoencoder.

    The code is z = f(x), and the soft assignment is p(c|z) = π_c N(z; mean_c, s_c²) / Σ_j π_j N(z; mean_j, s_j²). The
    mixture is fitted to the trained codes.

    Parameters
    ----------
    epochs : int
        Further passes over the data after pretraining, with VaDE's optimizer, rates and order of batches. They minimise
        E[−log p(x|z)] alone. With as many as VaDE the method is VaDE without noise and without prior.
    learning_rate, learning_rate_decay, decay_every, min_learning_rate
        Adam's learning rate in these epochs, multiplied by the decay every ``decay_every`` epochs, but at least
        ``min_learning_rate``. Above 784 features it is multiplied by 784 / n_features, as in DEC (see
        :func:`methods.training.rate_for_width`).
    n_clusters, hidden_dims, latent_dim, likelihood, initializer, batch_size, pretrain_epochs, n_init, ...
        As in :class:`methods.base.DeepClusterer`; the default likelihood is Bernoulli, as in VaDE.

    Attributes
    ----------
    weights_, means_, variances_ : ndarrays of shape (n_clusters,), (n_clusters, latent_dim) twice
        Weights π, means and diagonal variances s² of the mixture.

    Examples
    --------
    >>> import numpy as np
    >>> from methods import AEGMM
    >>> X = np.random.default_rng(0).random((60, 16), dtype=np.float32)
    >>> model = AEGMM(n_clusters=3, hidden_dims=(8,), latent_dim=2, pretrain_epochs=1, random_state=0).fit(X)
    >>> model.labels_.shape
    (60,)
    """

    likelihood: Likelihood = "bernoulli"
    n_init: PositiveInt = 10
    epochs: NonNegativeInt = 0
    learning_rate: PositiveFloat = 2e-3
    learning_rate_decay: PositiveFloat = 0.9
    decay_every: PositiveInt = 10
    min_learning_rate: NonNegativeFloat = 2e-4

    def _fit(self, x: Tensor) -> None:
        self.network_ = self._prepare(self._pretrain(x))
        watch = Stopwatch()
        prior = None
        if self.epochs:
            prior = self._prior(x)
            self._record("cluster", self._train(x, prior), 0.0)
        self.embedding_ = to_numpy(in_chunks(self._encode, x))
        if prior is None:
            mixture = self._mixture(self.embedding_)
            self._set_mixture(mixture.weights_, mixture.means_, mixture.covariances_)
            if not self.epochs:
                self.n_iter_ = mixture.n_iter_
                self.stop_reason_ = "converged" if mixture.converged_ else "maximum of EM iterations"
        else:
            self._set_mixture(*map(to_numpy, prior.mixture()))
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))
        self.timings_["cluster"] = watch.seconds()

    def _mixture(self, codes: np.ndarray) -> GaussianMixture:
        """Return the mixture fitted to codes (n, latent_dim)."""
        return fit_mixture(codes, self.n_clusters, self.n_init, self._streams.seed("mixture"))

    def _train(self, x: Tensor, prior: MixturePrior | None) -> list[dict[str, float]]:
        """Minimise the objective in place and return the history."""
        group = weights_of(self.network_, *([] if prior is None else [prior]))
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
        return history.epochs

    # -- overridden by VaDE -----------------------------------------------------------------------

    def _prepare(self, autoencoder: Autoencoder) -> Autoencoder:
        """Return the network to train, from the pretrained autoencoder."""
        return autoencoder

    def _prior(self, x: Tensor) -> MixturePrior | None:  # noqa: ARG002 - used by VaDE
        """Return the prior that is trained with the network; AE+GMM has none."""
        return None

    def _objective(self, x: Tensor, prior: MixturePrior | None, noise: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the loss of a batch in nats per point, and the terms of the history."""
        code = self.network_.encode(x)
        loss = reconstruction_loss(self.network_.decode(code), x, self.likelihood)
        return {"loss": loss, "reconstruction": loss, **health_terms(code, None, None)}

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """Return log p(z) of the code of each point under the mixture, (n_samples,), in nats."""
        return self._apply(lambda x: torch.logsumexp(self._log_joint(self._encode(x)), dim=-1), X)


info = MethodInfo(
    name="ae_gmm",
    title="AE+GMM",
    kind="deterministic",
    estimator=AEGMM,
    presets={
        "quick": QUICK,
        "short": SHORT,
        "short@digits": QUICK,
        "seed-report": {**SEED_SDEC, "likelihood": "bernoulli"},
        "paper": VADE_PRETRAINING,
    },
    search_space={"latent_dim": (5, 10, 20)},
    pretraining=PRETRAINING,
    reference="Jiang et al. (2017), Variational deep embedding, arXiv:1611.05148 (its starting point)",
)

"""AE+GMM: a Gaussian mixture on the codes of an autoencoder, the start of VaDE and, trained as long, its twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor

from bench.method import MethodInfo
from methods.base import DeepClusterer, Stopwatch
from methods.bounds import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from methods.losses import log_mixture_joint, reconstruction_loss
from methods.networks import Autoencoder, Likelihood
from methods.pack import FitSteps
from methods.presets import (
    BENCHMARK_AUTOENCODER,
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
from methods.training import Training, in_chunks, rate_for_width, to_numpy


def fit_mixture(codes: np.ndarray, n_components: int, n_init: int, seed: int) -> GaussianMixture:
    """Return a mixture of diagonal Gaussians fitted to codes (n, d) by EM, on one thread as in ``fit_kmeans``."""
    with threadpool_limits(1):
        mixture = GaussianMixture(
            n_components, covariance_type="diag", n_init=n_init, reg_covar=1e-4, random_state=seed
        )
        return mixture.fit(codes.astype(np.float64))


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

    def _fit(self, x: Tensor) -> FitSteps[None]:
        autoencoder = yield from self._pretrain(x)
        watch = Stopwatch()
        self.network_ = self._prepare(autoencoder)
        self.timings_["cluster"] = 0.0
        prior: dict[str, Tensor] = {}
        if self.epochs:
            prior = self._prior(x)
            self.timings_["cluster"] = watch.seconds()
            trained = yield self._training(x, prior)
            self._record("cluster", trained.history, trained.seconds)
            self.n_iter_, self.stop_reason_ = trained.n_steps, "all epochs done"
            watch = Stopwatch()
        self.embedding_ = to_numpy(in_chunks(self._encode, x))
        if prior:
            self._set_mixture(
                *map(to_numpy, (prior["logits"].softmax(0), prior["means"], prior["log_variances"].exp()))
            )
        else:
            mixture = self._mixture(self.embedding_)
            self._set_mixture(mixture.weights_, mixture.means_, mixture.covariances_)
            if not self.epochs:
                self.n_iter_ = mixture.n_iter_
                self.stop_reason_ = "converged" if mixture.converged_ else "maximum of EM iterations"
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))
        self.timings_["cluster"] += watch.seconds()

    def _mixture(self, codes: np.ndarray) -> GaussianMixture:
        """Return the mixture fitted to codes (n, latent_dim)."""
        return fit_mixture(codes, self.n_clusters, self.n_init, self._streams.seed("mixture"))

    def _training(self, x: Tensor, prior: dict[str, Tensor]) -> Training:
        """Return the training of the network and the prior."""

        def rate(epoch: int) -> float:
            decayed = self.learning_rate * self.learning_rate_decay ** (epoch // self.decay_every)
            return rate_for_width(max(decayed, self.min_learning_rate), x.shape[1])

        return Training(
            phase="clustering",
            x=x,
            network=self.network_,
            weight_decay=dict.fromkeys(("body", "code", "decoder"), 0.0),
            extra=prior,
            objective=self._objective,
            optimizer="adam",
            rate=rate,
            momentum=0.0,
            batch_size=self.batch_size,
            n_steps=self.epochs * -(-len(x) // self.batch_size),
            order=self._streams.generator("order/cluster"),
            noise=lambda: torch.empty((len(x), 0)),
        )

    # -- overridden by VaDE -----------------------------------------------------------------------

    def _prepare(self, autoencoder: Autoencoder) -> Autoencoder:
        """Return the network to train, from the pretrained autoencoder."""
        return autoencoder

    def _prior(self, x: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 - used by VaDE
        """Return the parameters of the prior that is trained with the network; AE+GMM has none."""
        return {}

    def _objective(self, stack: Stack, batch: Batch) -> Losses:
        """Return the losses of a batch in nats per point."""
        code = stack.encode(batch.x)
        loss = reconstruction_loss(stack.decode(code), batch.x, self.likelihood)
        return Losses(loss=loss, terms={"reconstruction": loss}, mean=code)

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
        "benchmark": BENCHMARK_AUTOENCODER,
        **SMALL_BATCHES,
        **BENCHMARK_PIXELS,
        "seed-report": {**SEED_SDEC, "likelihood": "bernoulli"},
        "paper": VADE_PRETRAINING,
    },
    search_space={"latent_dim": (5, 10, 20)},
    pretraining=PRETRAINING,
    reference="Jiang et al. (2017), Variational deep embedding, arXiv:1611.05148 (its starting point)",
)

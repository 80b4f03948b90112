"""DEC: deep embedded clustering by self-training on a Student-t assignment; with a reconstruction loss it is IDEC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from bench.method import MethodInfo
from methods.base import DeepClusterer, Stopwatch
from methods.bounds import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from methods.losses import clustering_loss, log_soft_assignment, reconstruction_loss, target_distribution
from methods.networks import Autoencoder
from methods.pack import FitSteps
from methods.presets import (
    BENCHMARK_CLUSTERING,
    DEC_KERAS_IMAGES,
    DEC_KERAS_USPS,
    QUICK,
    SEED_SDEC,
    SHORT,
    SMALL_BATCHES,
)
from methods.pretraining import PRETRAINING
from methods.stack import Stack
from methods.step import Batch, Losses
from methods.training import OptimizerName, Training, in_chunks, rate_for_width, to_numpy


@dataclass(kw_only=True, eq=False, repr=False)
class DEC(DeepClusterer):
    """Deep embedded clustering (Xie et al. 2016), and IDEC (Guo et al. 2017).

    Minimises KL(P‖Q) + reconstruction_weight · E‖x − x̂‖² over the encoder, the decoder and the centroids c. The soft
    assignment is q_ij ∝ (1 + ‖z_i − c_j‖²/alpha)^(−(alpha+1)/2), and the target distribution is
    p_ij ∝ q_ij² / Σ_i q_ij; both are normalised over the clusters j. P is computed from the whole data set and constant
    between its updates.

    Parameters
    ----------
    reconstruction_weight : float
        Weight of the reconstruction loss per point, summed over its dimensions. 0 is DEC, which drops the decoder; a
        positive weight is IDEC. IDEC's published γ = 0.1 weights KL(P‖Q) against the mean over 784 pixels; here it
        corresponds to 10/784.
    target_update : int, "epoch" or "batch"
        Steps between two updates of P, or one update per epoch. "batch" computes P from each batch only, a common
        misreading of the paper that is available for comparison.
    optimizer, learning_rate, momentum, weight_decay
        Training of the encoder and centroids; centroids have no weight decay. Above 784 features the rate is
        ``learning_rate`` · 784 / n_features (see :func:`methods.training.rate_for_width`).
    epochs : int or None
        Maximum number of passes over the data; with None, only ``max_iter`` applies.
    max_iter : int
        Maximum number of optimizer steps.
    tol : float
        Training stops when a smaller fraction of the labels changes between two updates of P.
    min_epochs : int
        Passes over the data before the stopping rule applies.
    alpha : float
        Degrees of freedom of the Student-t kernel.
    n_clusters, hidden_dims, latent_dim, likelihood, initializer, batch_size, pretrain_epochs, n_init, ...
        As in :class:`methods.base.DeepClusterer`.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, latent_dim)
        Centroids c; ``labels_`` is the argmax of the soft assignment to them.

    Examples
    --------
    >>> import numpy as np
    >>> from methods import DEC
    >>> X = np.random.default_rng(0).random((60, 16), dtype=np.float32)
    >>> model = DEC(n_clusters=3, hidden_dims=(8,), latent_dim=2, pretrain_epochs=1, max_iter=4, random_state=0).fit(X)
    >>> model.labels_.shape
    (60,)
    """

    reconstruction_weight: NonNegativeFloat = 0.0
    target_update: PositiveInt | Literal["epoch", "batch"] = "epoch"
    optimizer: OptimizerName = "adam"
    learning_rate: PositiveFloat = 1e-4
    momentum: Fraction = 0.9
    weight_decay: NonNegativeFloat = 0.0
    epochs: NonNegativeInt | None = 50
    max_iter: NonNegativeInt = 20_000
    tol: Fraction = 0.001
    min_epochs: NonNegativeInt = 0
    alpha: PositiveFloat = 1.0

    def _fit(self, x: Tensor) -> FitSteps[None]:
        if self.target_update not in ("epoch", "batch") and not (
            isinstance(self.target_update, int) and self.target_update > 0
        ):
            raise ValueError(f"target_update={self.target_update!r} is no positive int, 'epoch' or 'batch'")
        autoencoder = yield from self._pretrain(x)
        watch = Stopwatch()
        self.network_ = self._prepare(autoencoder)
        kmeans = self._kmeans(to_numpy(in_chunks(self.network_.encode, x)))
        extra = {"centroids": torch.tensor(kmeans.cluster_centers_, device=x.device)}
        self.timings_["cluster"] = watch.seconds()
        trained = yield self._training(x, extra)
        self._record("cluster", trained.history, trained.seconds)
        self.n_iter_, self.stop_reason_ = trained.n_steps, trained.stop_reason
        self.cluster_centers_ = to_numpy(extra["centroids"])
        self.embedding_ = to_numpy(in_chunks(self._encode, x))
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))

    @available_if(lambda self: self.reconstruction_weight > 0)
    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z) at the code of each point, (n_samples, n_features); only with a trained decoder."""
        return super().reconstruct(X)

    def _training(self, x: Tensor, extra: dict[str, Tensor]) -> Training:
        """Return the training of the network and the centroids, ``extra["centroids"]`` (k, latent_dim)."""
        steps_per_epoch = -(-len(x) // self.batch_size)
        planned = min(self.max_iter, steps_per_epoch * self.epochs if self.epochs is not None else self.max_iter)
        settled = steps_per_epoch * self._settled_after()
        interval = self.target_update if isinstance(self.target_update, int) else steps_per_epoch
        rate = rate_for_width(self.learning_rate, x.shape[1])
        labels: Tensor | None = None

        def update_target(step: int) -> str | None:
            nonlocal labels
            if step % interval:
                return None
            before = labels
            target, labels = self._update_target(x, extra["centroids"])
            if self.target_update != "batch":
                training.target = target
            changed = 1.0 if before is None else float((labels != before).float().mean())
            if changed < self.tol and step >= settled:
                return f"fewer than {self.tol:g} of the labels changed"
            return None

        training = Training(
            phase="clustering",
            x=x,
            network=self.network_,
            weight_decay=self._weight_decay(),
            extra=extra,
            objective=self._objective,
            optimizer=self.optimizer,
            rate=lambda _: rate,
            momentum=self.momentum,
            batch_size=self.batch_size,
            n_steps=planned,
            order=self._streams.generator("order/cluster"),
            noise=lambda: torch.empty((len(x), 0)),
            before_step=update_target,
        )
        return training

    @torch.no_grad()
    def _update_target(self, x: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
        """Return P (n, k) and the labels (n,) of the whole data, from codes without noise."""
        log_q = in_chunks(lambda batch: log_soft_assignment(self._encode(batch), centroids, self.alpha), x)
        return target_distribution(log_q.exp()), log_q.argmax(1)

    def _objective(self, stack: Stack, batch: Batch) -> Losses:
        """Return the losses of a batch; without a target P is computed from the batch."""
        z = stack.encode(batch.x)
        log_q = log_soft_assignment(z, stack.extra["centroids"], self.alpha)
        target = target_distribution(log_q.detach().exp()) if batch.target is None else batch.target
        loss = clustering_loss(target, log_q)
        terms = {"clustering": loss}
        if self.reconstruction_weight:
            terms["reconstruction"] = reconstruction_loss(stack.decode(z), batch.x, self.likelihood)
            loss = loss + self.reconstruction_weight * terms["reconstruction"]
        return Losses(loss=loss, terms=terms, mean=z, log_q=log_q)

    # -- overridden by S-DEC ----------------------------------------------------------------------

    def _prepare(self, autoencoder: Autoencoder) -> Autoencoder:
        """Return the network to train, from the pretrained autoencoder."""
        return autoencoder

    def _settled_after(self) -> int:
        """Return the epochs before the stopping rule applies."""
        return self.min_epochs

    def _weight_decay(self) -> dict[str, float]:
        """Return the weight decay of each trained part of the network."""
        # Without a reconstruction loss, the decoder keeps its pretrained weights.
        parts = ("body", "code", "decoder") if self.reconstruction_weight else ("body", "code")
        return dict.fromkeys(parts, self.weight_decay)

    def _log_assignment(self, z: Tensor) -> Tensor:
        centers = torch.as_tensor(self.cluster_centers_, device=z.device, dtype=z.dtype)
        return log_soft_assignment(z, centers, self.alpha)


_QUICK: Mapping[str, Any] = {**QUICK, "epochs": 100, "learning_rate": 1e-3}
#: Without a stopping rule, so that all methods train for as many steps.
_BENCHMARK: Mapping[str, Any] = {**BENCHMARK_CLUSTERING, "tol": 0.0, "max_iter": 100_000}
#: SGD and the interval of P in DEC-keras on MNIST and Fashion-MNIST; then the changes on USPS.
_PAPER: Mapping[str, Any] = {
    **DEC_KERAS_IMAGES,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "target_update": 140,
    "epochs": None,
}
_PAPER_USPS: Mapping[str, Any] = {**DEC_KERAS_USPS, "target_update": 30}
_IDEC: Mapping[str, Any] = {
    **_PAPER,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "reconstruction_weight": 10 / 784,
}


def title_of(parameters: Mapping[str, Any]) -> str:
    """Return "IDEC" where the decoder is trained as well, else "DEC"."""
    return "IDEC" if parameters["reconstruction_weight"] > 0 else "DEC"


info = MethodInfo(
    name="dec",
    title="DEC",
    title_of=title_of,
    kind="deterministic",
    estimator=DEC,
    presets={
        "quick": _QUICK,
        "short": {**SHORT, "epochs": 10},
        "short@digits": _QUICK,
        "benchmark": _BENCHMARK,
        **SMALL_BATCHES,
        # S-DEC's counterpart, which waits as long as S-DEC's warm-up.
        "benchmark-idec": {**_BENCHMARK, "reconstruction_weight": 0.01, "min_epochs": 25},
        **{preset.replace("@", "-idec@"): changes for preset, changes in SMALL_BATCHES.items()},
        "seed-report": {
            **SEED_SDEC,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "weight_decay": 1e-5,
            "epochs": 10,
            "tol": 0.0,
        },
        "paper": _PAPER,
        "paper@usps": _PAPER_USPS,
        "idec": _IDEC,
        "idec@usps": {
            **_PAPER_USPS,
            "optimizer": "sgd",
            "learning_rate": 0.01,
            "momentum": 0.99,
            "reconstruction_weight": 10 / 256,
        },
    },
    search_space={
        "learning_rate": (1e-4, 3e-4, 1e-3),
        "reconstruction_weight": (0.0, 0.01, 0.1, 1.0),
        "target_update": ("epoch", 140),
    },
    pretraining=PRETRAINING,
    reference="Xie, Girshick & Farhadi (2016), Unsupervised deep embedding for clustering, arXiv:1511.06335",
)

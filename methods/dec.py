"""DEC: deep embedded clustering by self-training on a Student-t assignment; with a reconstruction loss it is IDEC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from torch import Tensor, nn

from bench.method import MethodInfo
from methods.base import DeepClusterer, Stopwatch
from methods.bounds import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from methods.losses import clustering_loss, log_soft_assignment, reconstruction_loss, target_distribution
from methods.networks import Autoencoder
from methods.presets import DEC_KERAS_IMAGES, DEC_KERAS_USPS, QUICK, SEED_SDEC, SHORT
from methods.pretraining import PRETRAINING
from methods.training import (
    History,
    OptimizerName,
    health_terms,
    in_chunks,
    make_optimizer,
    rate_for_width,
    shuffled_batches,
    take_step,
    to_numpy,
    weights_of,
)


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

    def _fit(self, x: Tensor) -> None:
        if self.target_update not in ("epoch", "batch") and not (
            isinstance(self.target_update, int) and self.target_update > 0
        ):
            raise ValueError(f"target_update={self.target_update!r} is no positive int, 'epoch' or 'batch'")
        self.network_ = self._prepare(self._pretrain(x))
        watch = Stopwatch()
        kmeans = self._kmeans(to_numpy(in_chunks(self.network_.encode, x)))
        centroids = nn.Parameter(torch.tensor(kmeans.cluster_centers_, device=x.device))
        history = self._train(x, centroids)
        self._record("cluster", history, watch.seconds())
        self.cluster_centers_ = to_numpy(centroids)
        self.embedding_ = to_numpy(in_chunks(self._encode, x))
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))

    @available_if(lambda self: self.reconstruction_weight > 0)
    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z) at the code of each point, (n_samples, n_features); only with a trained decoder."""
        return super().reconstruct(X)

    def _train(self, x: Tensor, centroids: nn.Parameter) -> list[dict[str, float]]:
        """Minimise the objective in place and return the history."""
        n = len(x)
        rate = rate_for_width(self.learning_rate, x.shape[1])
        optimizer = make_optimizer(self.optimizer, self._parameter_groups(centroids), rate, self.momentum)
        order = self._streams.generator("order/cluster")
        history = History("clustering")
        steps_per_epoch = -(-n // self.batch_size)
        planned = min(self.max_iter, steps_per_epoch * self.epochs if self.epochs is not None else self.max_iter)
        settled = steps_per_epoch * self._settled_after()
        interval = self.target_update if isinstance(self.target_update, int) else steps_per_epoch
        target: Tensor | None = None
        labels: Tensor | None = None
        self.stop_reason_ = "all steps done"
        while self.n_iter_ < planned and self.stop_reason_ == "all steps done":
            noise = self._epoch_noise(n, x.device)
            for index in shuffled_batches(n, self.batch_size, order, x.device):
                if self.n_iter_ % interval == 0:
                    before = labels
                    target, labels = self._update_target(x, centroids)
                    changed = 1.0 if before is None else float((labels != before).float().mean())
                    if changed < self.tol and self.n_iter_ >= settled:
                        self.stop_reason_ = f"fewer than {self.tol:g} of the labels changed"
                        break
                if self.n_iter_ == planned:
                    break
                batch_target = target[index] if target is not None and self.target_update != "batch" else None
                epochs_done = self.n_iter_ / steps_per_epoch
                terms = self._objective(x[index], centroids, batch_target, noise[:, index], epochs_done)
                take_step(optimizer, terms["loss"])
                history.add(len(index), terms)
                self.n_iter_ += 1
            if history.pending:
                history.close_epoch()
        return history.epochs

    @torch.no_grad()
    def _update_target(self, x: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
        """Return P (n, k) and the labels (n,) of the whole data, from codes without noise."""
        log_q = in_chunks(lambda batch: log_soft_assignment(self._encode(batch), centroids, self.alpha), x)
        return target_distribution(log_q.exp()), log_q.argmax(1)

    def _objective(
        self,
        x: Tensor,
        centroids: Tensor,
        target: Tensor | None,
        noise: Tensor,  # noqa: ARG002 - used by S-DEC
        epochs_done: float,  # noqa: ARG002 - used by S-DEC
    ) -> dict[str, Tensor]:
        """Return the loss of a batch and the terms of the history, averaged over the batch.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
        centroids : Tensor of shape (k, latent_dim)
        target : Tensor of shape (batch, k) or None
            P; with None it is computed from the batch.
        noise : Tensor of shape (draws, batch, latent_dim)
        epochs_done : float
            Passes over the data so far.
        """
        z = self._encode(x)
        log_q = log_soft_assignment(z, centroids, self.alpha)
        if target is None:
            target = target_distribution(log_q.detach().exp())
        loss = clustering_loss(target, log_q)
        terms = {"clustering": loss, **health_terms(z, None, log_q.exp())}
        if self.reconstruction_weight:
            terms["reconstruction"] = reconstruction_loss(self.network_.decode(z), x, self.likelihood)
            loss = loss + self.reconstruction_weight * terms["reconstruction"]
        return {"loss": loss, **terms}

    # -- overridden by S-DEC ----------------------------------------------------------------------

    def _prepare(self, autoencoder: Autoencoder) -> Autoencoder:
        """Return the network to train, from the pretrained autoencoder."""
        return autoencoder

    def _settled_after(self) -> int:
        """Return the epochs before the stopping rule applies."""
        return self.min_epochs

    def _epoch_noise(self, n: int, device: torch.device) -> Tensor:
        """Return the noise of an epoch, (draws, n, latent_dim); DEC has none, and returns the shape (1, n, 0)."""
        return torch.empty((1, n, 0), device=device)

    def _parameter_groups(self, centroids: nn.Parameter) -> list[dict[str, Any]]:
        network = self.network_
        # Without a reconstruction loss, the decoder keeps its pretrained weights.
        parts: list[nn.Module] = [network.body, network.code]
        if self.reconstruction_weight:
            parts.append(network.decoder)
        return [
            weights_of(*parts, weight_decay=self.weight_decay),
            {"params": [centroids], "weight_decay": 0.0},
        ]

    def _log_assignment(self, z: Tensor) -> Tensor:
        centers = torch.as_tensor(self.cluster_centers_, device=z.device, dtype=z.dtype)
        return log_soft_assignment(z, centers, self.alpha)


_QUICK: Mapping[str, Any] = {**QUICK, "epochs": 100, "learning_rate": 1e-3}
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

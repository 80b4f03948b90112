"""DEC: sharpening the Student-t assignment to centroids; with the decoder kept it is IDEC."""

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
from methods.bounds import Count, CountOrZero, NotNegative, Positive, Share
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

    Minimises KL(P‖Q) + reconstruction_weight · E‖x − x̂‖², Q being the Student-t assignment of the codes to
    trainable centroids and P its sharpened form, computed on the whole data set and held for a while.

    Parameters
    ----------
    reconstruction_weight : float
        Weight of the reconstruction loss per point (summed over its dimensions) beside KL(P‖Q); 0 drops
        the decoder and is DEC, above 0 is IDEC. IDEC's published γ = 0.1 on the mean over 784 pixels is
        the weight 10/784 here.
    target_update : int, "epoch" or "batch"
        P is recomputed from the whole data every so many steps, or once an epoch. "batch" recomputes it
        from each batch alone, a widespread misreading kept for comparison.
    optimizer, learning_rate, momentum, weight_decay
        How the encoder and centroids are trained; no weight decay on centroids. Above 784 features the rate is
        ``learning_rate`` · 784 / n_features: a step on more inputs moves the codes further, and all points then
        fall into one cluster (see :func:`methods.training.rate_for_width`).
    epochs : int or None
        Passes over the data at most; None leaves ``max_iter`` alone to end training.
    max_iter : int
        Steps at most.
    tol : float
        Training stops when fewer than this share of the labels changed between two updates of P.
    alpha : float
        Degrees of freedom of the Student-t kernel.
    n_clusters, hidden_dims, latent_dim, likelihood, initializer, batch_size, pretrain_epochs, n_init, ...
        As in :class:`methods.base.DeepClusterer`.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, latent_dim)
        The centroids; ``labels_`` is the argmax of the soft assignment to them, never a new KMeans.
    """

    reconstruction_weight: NotNegative = 0.0
    target_update: Count | Literal["epoch", "batch"] = "epoch"
    optimizer: OptimizerName = "adam"
    learning_rate: Positive = 1e-4
    momentum: Share = 0.9
    weight_decay: NotNegative = 0.0
    epochs: CountOrZero | None = 50
    max_iter: CountOrZero = 20_000
    tol: Share = 0.001
    alpha: Positive = 1.0

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
        self._note("cluster", history, watch.seconds())
        self.cluster_centers_ = to_numpy(centroids)
        self.embedding_ = to_numpy(in_chunks(self._encode, x))
        self.labels_ = to_numpy(self._soft_assignment(x).argmax(1))

    @available_if(lambda self: self.reconstruction_weight > 0)
    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the decoder's mean (n_samples, n_features); DEC proper has dropped its decoder and has none."""
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
                    if before is not None and float((labels != before).float().mean()) < self.tol:
                        self.stop_reason_ = f"fewer than {self.tol:g} of the labels changed"
                        break
                if self.n_iter_ == planned:
                    break
                batch_target = target[index] if target is not None and self.target_update != "batch" else None
                terms = self._objective(x[index], centroids, batch_target, noise[:, index], self.n_iter_ / planned)
                take_step(optimizer, terms["loss"])
                history.add(len(index), terms)
                self.n_iter_ += 1
            if history.pending:
                history.close_epoch()
        return history.epochs

    @torch.no_grad()
    def _update_target(self, x: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
        """Return P (n, k) and the labels (n,) of the whole data, from the codes without noise."""
        log_q = in_chunks(lambda batch: log_soft_assignment(self._encode(batch), centroids, self.alpha), x)
        return target_distribution(log_q.exp()), log_q.argmax(1)

    def _objective(
        self,
        x: Tensor,
        centroids: Tensor,
        target: Tensor | None,
        noise: Tensor,  # noqa: ARG002 - S-DEC's
        progress: float,  # noqa: ARG002 - S-DEC's
    ) -> dict[str, Tensor]:
        """Return the loss of a batch and the terms to record.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
        centroids : Tensor of shape (k, latent_dim)
        target : Tensor of shape (batch, k) or None
            P; None takes the batch's own.
        noise : Tensor of shape (draws, batch, latent_dim)
        progress : float
            Share of the planned steps that are done.
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

    # -- what S-DEC changes ----------------------------------------------------------------------

    def _prepare(self, autoencoder: Autoencoder) -> Autoencoder:
        """Return the network to train, from the pretrained autoencoder."""
        return autoencoder

    def _epoch_noise(self, n: int, device: torch.device) -> Tensor:
        """Return an epoch's noise (draws, n, latent_dim); without any, it has no dimensions."""
        return torch.empty((1, n, 0), device=device)

    def _parameter_groups(self, centroids: nn.Parameter) -> list[dict[str, Any]]:
        network = self.network_
        # A decoder that has no part in the loss is left as pretraining made it.
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
#: SGD and the interval of P in DEC-keras; MNIST and Fashion-MNIST, and what USPS has instead.
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

info = MethodInfo(
    name="dec",
    title="DEC",
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

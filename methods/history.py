"""The history of training: losses and health of each epoch, by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from methods.step import Losses

#: Active units are latent dimensions whose mean has a larger variance over the data (Burda et al. 2016).
ACTIVE_UNIT_VARIANCE = 0.01


class Epoch:
    """What the steps of an epoch computed; read once at its end, so that a step computes nothing for the history.

    Parameters
    ----------
    noise_scale : float
        Factor of sigma, as in `methods.networks.reparameterize`.
    """

    def __init__(self, noise_scale: float) -> None:
        self._noise_scale = noise_scale
        self._counts: list[int] = []
        self._tensors: dict[str, list[Tensor]] = {}

    @property
    def n_steps(self) -> int:
        """Number of steps so far."""
        return len(self._counts)

    def add(self, losses: Losses) -> None:
        """Add a step."""
        self._counts.append(losses.mean.shape[1])
        named = {"loss": losses.loss, **losses.terms, "_mean": losses.mean}
        named |= {"_log_variance": losses.log_variance} if losses.log_variance is not None else {}
        named |= {"_log_q": losses.log_q} if losses.log_q is not None else {}
        for name, tensor in named.items():
            self._tensors.setdefault(name, []).append(tensor.detach())

    def keep(self, rows: Tensor) -> None:
        """Keep these of the seeds."""
        self._tensors = {name: [t[rows] for t in tensors] for name, tensors in self._tensors.items()}

    def rows(self) -> list[dict[str, float]]:
        """Return the losses and the health of the epoch, a mapping for each of the R seeds."""
        joined = {
            name: torch.stack(tensors, -1) if tensors[0].dim() == 1 else torch.cat(tensors, 1)
            for name, tensors in self._tensors.items()
        }
        weights = np.array(self._counts) / sum(self._counts)
        columns: dict[str, Sequence[float]] = {
            name: (tensor.double().cpu().numpy() * weights).sum(1)
            for name, tensor in joined.items()
            if not name.startswith("_")
        }
        columns |= self._health(**{name[1:]: tensor for name, tensor in joined.items() if name.startswith("_")})
        return [{name: float(values[r]) for name, values in columns.items()} for r in range(len(columns["loss"]))]

    def _health(
        self, mean: Tensor, log_variance: Tensor | None = None, log_q: Tensor | None = None
    ) -> dict[str, Sequence[float]]:
        """Return the health of each seed in an epoch with codes (R, n, d).

        It is the number of active units, the mean variance of the noise and its share in the variance of the codes, the
        number of clusters in use, the smallest share of a cluster, and the mutual information I(x; c) in nats.
        """
        health: dict[str, Sequence[float]] = {}
        center = mean.mean(1)
        variance = (mean - center.unsqueeze(1)).square().mean(1)
        if log_variance is not None:
            noise = log_variance.exp().mean(1).mean(1) * self._noise_scale**2
            health["mean_variance"] = noise.tolist()
        health["active_units"] = (variance > ACTIVE_UNIT_VARIANCE).sum(1).tolist()
        if log_variance is not None:
            # Σ_d E sigma_d² / (Σ_d Var mu_d + Σ_d E sigma_d²)
            health["noise_share"] = (noise / (variance.mean(1) + noise)).tolist()
        if log_q is not None:
            q = log_q.exp()
            clusters = torch.arange(q.shape[2], device=q.device)
            share = (q.argmax(2, keepdim=True) == clusters).to(q.dtype).mean(1)
            health["clusters_in_use"] = (share > 0).sum(1).tolist()
            health["smallest_share"] = share.amin(1).tolist()
            # I(x; c) = H(mean q) − mean H(q), in nats
            entropy = torch.special.entr(q).sum(2).mean(1)
            health["mutual_information"] = (torch.special.entr(q.mean(1)).sum(1) - entropy).tolist()
        return health

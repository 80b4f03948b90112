"""Shared parts of the training loops: device, batches, noise, optimizer, and the history of epochs."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench.method import Diverged

OptimizerName = Literal["adam", "sgd"]

#: Points per forward pass without gradients. It bounds the memory and does not change results.
CHUNK = 8192
#: Active units are latent dimensions whose mean has a larger variance over the data (Burda et al. 2016).
ACTIVE_UNIT_VARIANCE = 0.01
#: Largest number of features at which learning rates are not scaled: MNIST's 784, for which they are published.
REFERENCE_WIDTH = 784


def resolve_device(device: str) -> torch.device:
    """Return the device of a PyTorch name, or for "auto" CUDA if it is available, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Use deterministic kernels on a CUDA device; on the CPU nothing changes."""
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def shuffled_batches(n: int, batch_size: int, generator: torch.Generator, device: torch.device) -> Sequence[Tensor]:
    """Return the indices of the batches of an epoch, a permutation of ``range(n)``; the last batch may be smaller."""
    return torch.randperm(n, generator=generator).to(device).split(batch_size)


def draw_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Return noise of N(0, 1) for a whole epoch, drawn on the CPU and moved to the device at once."""
    return torch.randn(shape, generator=generator).to(device)


def make_optimizer(
    name: OptimizerName, groups: Sequence[dict[str, Any]], learning_rate: float, momentum: float
) -> torch.optim.Optimizer:
    """Return a fused Adam, or a fused SGD with momentum, for groups of ``params`` and ``weight_decay``."""
    if name == "adam":
        return torch.optim.Adam(groups, lr=learning_rate, fused=True)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, fused=True)
    raise ValueError(f"optimizer={name!r} is none of 'adam', 'sgd'")


def rate_for_width(learning_rate: float, n_features: int) -> float:
    r"""Return the learning rate with which a pretrained encoder is trained on data of ``n_features`` features.

    .. math:: \eta_d = \eta \min(1, 784 / d)

    An Adam step of rate :math:`\eta` changes a weight by about :math:`\eta`, and a pre-activation of the input layer by
    up to :math:`\eta \sum_i |x_i|`; an SGD step changes it in proportion to :math:`\eta \sum_i x_i^2`. Both sums grow
    with d. At d = 20,531 and a rate of 1e-3, one epoch moves all codes by more than the distance between clusters, and
    one centroid takes them all. A rate in proportion to 1/d bounds this change whatever d is. It is the rule by which
    maximal update parametrisation transfers Adam's rate over the fan-in of a layer (Yang et al. 2022,
    arXiv:2203.03466).

    The rule applies to all layers and the centroids. With only the input layer's rate reduced, steps of the code layer
    still exceed the spread of weakly separated codes, and clusters are lost. It does not apply to pretraining, which
    has no clusters to lose and does not learn them in the same number of epochs with a smaller rate of the input layer.

    Parameters
    ----------
    learning_rate : float
        The rate up to `REFERENCE_WIDTH` features, where it is returned unchanged.
    n_features : int
        Width d of the data.
    """
    return learning_rate * min(1.0, REFERENCE_WIDTH / n_features)


def take_step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one optimizer step on the gradient of ``loss``."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def as_tensor(array: np.ndarray, device: torch.device) -> Tensor:
    """Return an array as a tensor on ``device``, on the CPU without a copy."""
    with warnings.catch_warnings():
        # PyTorch warns of read-only arrays such as data sets; the tensor is never written to.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)


@torch.no_grad()
def in_chunks(function: Callable[..., Tensor], *tensors: Tensor, dim: int = 0) -> Tensor:
    """Apply ``function`` to slices of the points of ``tensors`` and join the results along ``dim``."""
    pieces = [function(*chunk) for chunk in zip(*(t.split(CHUNK) for t in tensors), strict=True)]
    return torch.cat(pieces, dim=dim)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a tensor as a NumPy array that shares no memory with it."""
    return tensor.detach().cpu().numpy().copy()


class History:
    """Means of losses and health terms over each epoch, accumulated on the device and read once per epoch.

    Parameters
    ----------
    phase : str
        Phase of training, which the error for a loss that is not finite names.
    """

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.epochs: list[dict[str, float]] = []
        self._sums: dict[str, Tensor] = {}
        self._n = 0

    @property
    def pending(self) -> bool:
        """Whether the current epoch has a batch."""
        return self._n > 0

    def add(self, n: int, terms: dict[str, Tensor]) -> None:
        """Add the terms of a batch of ``n`` points, each a mean over the batch."""
        for name, value in terms.items():
            total = value.detach() * n
            self._sums[name] = self._sums[name] + total if name in self._sums else total
        self._n += n

    def close_epoch(self) -> None:
        """End the epoch and append its means to ``epochs``.

        Raises
        ------
        Diverged
            If the mean loss of the epoch is not finite.
        """
        means = {name: (total / self._n).cpu() for name, total in self._sums.items()}
        self._sums, self._n = {}, 0
        epoch = len(self.epochs) + 1
        row: dict[str, float] = {"epoch": epoch}
        row.update((name, float(value)) for name, value in means.items() if not name.startswith("_"))
        row.update(_health(means))
        self.epochs.append(row)
        if not np.isfinite(row["loss"]):
            raise Diverged(self.phase, epoch)


def health_terms(
    mean: Tensor, log_variance: Tensor | None, q: Tensor | None, noise_scale: float = 1.0
) -> dict[str, Tensor]:
    """Return the batch means from which the health of an epoch is computed; names with ``_`` do not enter the history.

    ``mean`` and ``log_variance`` of the encoder have shape (n, d), the soft assignment ``q`` (n, k). ``noise_scale``
    multiplies sigma, as in `methods.networks.reparameterize`.
    """
    mean = mean.detach()
    terms = {"_mean": mean.mean(0), "_square": mean.square().mean(0)}
    if log_variance is not None:
        terms["mean_variance"] = log_variance.detach().exp().mean() * noise_scale**2
    if q is not None:
        q = q.detach()
        terms["_q"] = q.mean(0)
        terms["_entropy"] = torch.special.entr(q).sum(1).mean()
        # one_hot would synchronize with the device to check its input
        clusters = torch.arange(q.shape[1], device=q.device)
        terms["_share"] = (q.argmax(1, keepdim=True) == clusters).to(q.dtype).mean(0)
    return terms


def _health(means: dict[str, Tensor]) -> dict[str, float]:
    """Return the health of an epoch from its means.

    These are the number of active units, the share of the noise in the variance of the codes, the number of clusters in
    use, the smallest share of a cluster, and the mutual information I(x; c) in nats.
    """
    row: dict[str, float] = {}
    if "_mean" in means:
        variance = means["_square"] - means["_mean"].square()
        row["active_units"] = float((variance > ACTIVE_UNIT_VARIANCE).sum())
        if "mean_variance" in means:
            # Σ_d E sigma_d² / (Σ_d Var mu_d + Σ_d E sigma_d²); rounding may leave a variance below 0
            noise = means["mean_variance"]
            row["noise_share"] = float(noise / (variance.clamp_min(0).mean() + noise))
    if "_q" in means:
        share = means["_share"]
        row["clusters_in_use"] = float((share > 0).sum())
        row["smallest_share"] = float(share.min())
        # I(x; c) = H(mean q) − mean H(q), in nats
        row["mutual_information"] = float(torch.special.entr(means["_q"]).sum() - means["_entropy"])
    return row


def weights_of(*modules: nn.Module, weight_decay: float = 0.0) -> dict[str, Any]:
    """Return an optimizer group with the parameters of the modules."""
    return {"params": [p for m in modules for p in m.parameters()], "weight_decay": weight_decay}

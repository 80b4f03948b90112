"""What every training loop shares: device, batches, optimizer, the record of an epoch."""

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

#: Points per forward pass without gradients; bounds memory, changes nothing.
CHUNK = 8192
#: Active units: dimensions whose mean moves by more than this over the data (Burda et al. 2016).
ACTIVE_UNIT_VARIANCE = 0.01
#: Widest data on which a learning rate is taken as it is given: MNIST's 784 features, where published rates come from.
REFERENCE_WIDTH = 784


def resolve_device(device: str) -> torch.device:
    """Return the device for "auto" (CUDA where there is one, else the CPU) or for a name torch knows."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Make torch choose deterministic kernels on ``device``; the CPU's are as they stand."""
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
    """Return one epoch's batches: a permutation of ``range(n)`` in pieces, the last one maybe smaller."""
    return torch.randperm(n, generator=generator).to(device).split(batch_size)


def draw_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Return noise of N(0, 1) for a whole epoch: drawn on the CPU, sent to the device in one piece."""
    return torch.randn(shape, generator=generator).to(device)


def make_optimizer(
    name: OptimizerName, groups: Sequence[dict[str, Any]], learning_rate: float, momentum: float
) -> torch.optim.Optimizer:
    """Return a fused Adam or SGD with momentum; ``groups`` hold ``params`` and ``weight_decay``."""
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
    """Descend along the gradient of ``loss``."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def as_tensor(array: np.ndarray, device: torch.device) -> Tensor:
    """Return the array's values on ``device``, on the CPU without a copy."""
    with warnings.catch_warnings():
        # Data sets are read-only, and nothing here writes to its input.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)


@torch.no_grad()
def in_chunks(function: Callable[..., Tensor], *tensors: Tensor, dim: int = 0) -> Tensor:
    """Apply ``function`` to slices of the points of ``tensors`` and join the results along ``dim``."""
    pieces = [function(*chunk) for chunk in zip(*(t.split(CHUNK) for t in tensors), strict=True)]
    return torch.cat(pieces, dim=dim)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return the tensor's values as an array of its own."""
    return tensor.detach().cpu().numpy().copy()


class History:
    """Means over an epoch, gathered on the device and read once an epoch.

    Parameters
    ----------
    phase : str
        What is trained; named when the loss is not finite.
    """

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.epochs: list[dict[str, float]] = []
        self._sums: dict[str, Tensor] = {}
        self._n = 0

    @property
    def pending(self) -> bool:
        """Whether a batch was added since the epoch began."""
        return self._n > 0

    def add(self, n: int, terms: dict[str, Tensor]) -> None:
        """Add the means ``terms`` of a batch of ``n`` points."""
        for name, value in terms.items():
            total = value.detach() * n
            self._sums[name] = self._sums[name] + total if name in self._sums else total
        self._n += n

    def close_epoch(self) -> None:
        """End the epoch.

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
    """Return what the health of an epoch is made of, as means over one batch; ``_`` marks what is not itself kept.

    ``mean`` and ``log_variance`` are (n, d) of the encoder, ``q`` the soft assignment (n, k); ``noise_scale``
    is what sigma is multiplied with, as the variance that counts is that of the noise as it is added.
    """
    mean = mean.detach()
    terms = {"_mean": mean.mean(0), "_square": mean.square().mean(0)}
    if log_variance is not None:
        terms["mean_variance"] = log_variance.detach().exp().mean() * noise_scale**2
    if q is not None:
        q = q.detach()
        terms["_q"] = q.mean(0)
        terms["_entropy"] = torch.special.entr(q).sum(1).mean()
        # a comparison, not one_hot, which would wait for the device to check its input
        clusters = torch.arange(q.shape[1], device=q.device)
        terms["_share"] = (q.argmax(1, keepdim=True) == clusters).to(q.dtype).mean(0)
    return terms


def _health(means: dict[str, Tensor]) -> dict[str, float]:
    """Turn an epoch's means into clusters in use, smallest share, I(x; c), active units and the noise's share."""
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
    """Return one optimizer group of the modules' parameters."""
    return {"params": [p for m in modules for p in m.parameters()], "weight_decay": weight_decay}

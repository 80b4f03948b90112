"""The training loop: what the fits of several seeds ask to train is trained together, each as if alone."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bench.method import Diverged
from methods.graph import StepGraph
from methods.history import Epoch
from methods.networks import Autoencoder
from methods.stack import Stack
from methods.step import Batch, Losses, Objective

OptimizerName = Literal["adam", "sgd"]
Phase = Literal["pretraining", "clustering"]

#: Whether the steps on a GPU are replayed from a CUDA graph, which spares the launch of each kernel.
CUDA_GRAPHS = os.environ.get("DEEPCLUSTBENCH_CUDA_GRAPHS", "1") != "0"
#: Points per forward pass without gradients. It bounds the memory and does not change results.
CHUNK = 8192
#: Largest number of features at which learning rates are not scaled: MNIST's 784, for which they are published.
REFERENCE_WIDTH = 784


@dataclass(kw_only=True, eq=False)
class Training:
    """What the fit of one seed asks to train.

    Fits of equal parameters ask for trainings that differ in ``network``, ``extra``, the generators and ``target``
    alone; these are trained together.

    Attributes
    ----------
    phase : {"pretraining", "clustering"}
    x : Tensor of shape (n, n_features)
        The data, on the device.
    network : Autoencoder
        Trained in place.
    weight_decay : mapping of str to float
        As of `methods.stack.Stack`: the trained parts of the network.
    extra : dict of str to Tensor
        Further parameters, trained in place, without weight decay.
    objective : callable
        Takes the `Stack` of all seeds and a `Batch`, returns `Losses`.
    optimizer, momentum, batch_size
        As of the methods.
    rate : callable
        Takes the epoch, counted from 0; returns its learning rate.
    n_steps : int
        Planned number of steps.
    order : torch.Generator
        Draws the order of the points of each epoch.
    noise : callable
        Returns the noise of an epoch, (..., n, latent_dim), on the CPU. Without noise (n, 0).
    noise_scale : float
        Factor of sigma.
    prior_weight : callable
        Takes the passes over the data so far; returns `Batch.prior_weight`.
    before_step : callable
        Takes the number of steps taken; returns the reason to stop, or None. It may replace ``target``.
    target : Tensor of shape (n, k) or None
        DEC's target distribution.
    """

    phase: Phase
    x: Tensor
    network: Autoencoder
    weight_decay: Mapping[str, float]
    objective: Objective
    optimizer: OptimizerName
    rate: Callable[[int], float]
    momentum: float
    batch_size: int
    n_steps: int
    order: torch.Generator
    extra: dict[str, Tensor] = field(default_factory=dict)
    noise: Callable[[], Tensor]
    noise_scale: float = 1.0
    prior_weight: Callable[[float], float] = lambda _: 1.0
    before_step: Callable[[int], str | None] = lambda _: None
    target: Tensor | None = None


@dataclass(kw_only=True)
class Trained:
    """What became of a `Training`.

    Attributes
    ----------
    history : list of dict
        Losses and health of each epoch.
    n_steps : int
        Steps taken.
    stop_reason : str
        Why training ended.
    seconds : float
        The seed's share of the time.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    n_steps: int = 0
    stop_reason: str = "all steps done"
    seconds: float = 0.0


def train(trainings: Sequence[Training]) -> list[Trained | Diverged]:
    """Train the networks of R seeds together.

    On the CPU each seed's network, history and number of steps are, bit for bit, those that it has alone. A seed that
    stops or diverges leaves; the others go on.

    Returns
    -------
    list of Trained or Diverged
        One a training; `Diverged` in the place of a seed whose loss of an epoch is not finite.
    """
    return _Pack(trainings).train()


class _Pack:
    """The seeds that are trained together, and how far they are."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self._trained: dict[int, Trained | Diverged] = {}
        self._members = list(enumerate(trainings))
        self._outcomes = [Trained() for _ in trainings]
        self._common = trainings[0]
        self._start()
        self._targets: list[Tensor] = []
        self._target = self._offsets = torch.empty(0)
        self._step = 0
        self._started = time.perf_counter()

    def train(self) -> list[Trained | Diverged]:
        n_seeds, common = len(self._members), self._common
        epoch = 0
        while self._step < common.n_steps and self._members:
            set_rate(self._optimizer, common.rate(epoch))
            self._train_epoch()
            epoch += 1
        self._leave(dict.fromkeys(range(len(self._members))))
        return [self._trained[i] for i in range(n_seeds)]

    def _train_epoch(self) -> None:
        common, n = self._common, len(self._common.x)
        order, noise = self._draw(n)
        log = Epoch(common.noise_scale)
        steps_per_epoch = -(-n // common.batch_size)
        for start in range(0, n, common.batch_size):
            reasons = enumerate([training.before_step(self._step) for _, training in self._members])
            if stopping := {row: reason for row, reason in reasons if reason is not None}:
                kept = self._leave(stopping, log)
                order, noise = order[kept], noise[kept]
            if self._step == common.n_steps or not self._members:
                break
            log.add(self._take_step(self._batch(order, noise, start, self._step / steps_per_epoch)))
            self._step += 1
        self._close(log)

    def _take_step(self, batch: Batch) -> Losses:
        if self._graph is None:
            losses = self._common.objective(self._stack, batch)
            self._stack.step(self._optimizer, losses.loss)
            return losses
        return self._graph(batch)

    def _draw(self, n: int) -> tuple[Tensor, Tensor]:
        """Return the order of an epoch (R, n), and its noise (R, ..., n, latent_dim) in that order."""
        orders = [torch.randperm(n, generator=training.order) for _, training in self._members]
        device = self._common.x.device
        drawn = [training.noise()[..., order, :] for (_, training), order in zip(self._members, orders, strict=True)]
        return torch.stack(orders).to(device), torch.stack(drawn).to(device)

    def _batch(self, order: Tensor, noise: Tensor, start: int, epochs_done: float) -> Batch:
        common = self._common
        part = slice(start, start + common.batch_size)
        index = order[:, part]
        return Batch(
            x=_rows(common.x, index),
            noise=noise[..., part, :],
            target=self._target_of(index),
            prior_weight=common.prior_weight(epochs_done),
        )

    def _target_of(self, index: Tensor) -> Tensor | None:
        targets = [training.target for _, training in self._members if training.target is not None]
        if not targets:
            return None
        if len(targets) != len(self._targets) or any(a is not b for a, b in zip(targets, self._targets, strict=True)):
            self._targets, self._target = targets, torch.cat(targets)
            self._offsets = torch.arange(len(targets), device=index.device).unsqueeze(1) * len(targets[0])
        return _rows(self._target, index + self._offsets)

    def _close(self, log: Epoch) -> None:
        """End an epoch; seeds whose loss is not finite leave."""
        if not log.n_steps or not self._members:
            return
        diverged = {}
        for row, ((place, _), means) in enumerate(zip(self._members, log.rows(), strict=True)):
            if not self._record(place, means):
                diverged[row] = "diverged"
        if diverged:
            self._leave(diverged)

    def _record(self, place: int, means: Mapping[str, float]) -> bool:
        """Append an epoch to a seed's history; return whether its loss is finite."""
        history = self._outcomes[place].history
        history.append({"epoch": len(history) + 1, **means})
        if not isfinite(means["loss"]):
            self._trained[place] = Diverged(self._common.phase, len(history))
        return place not in self._trained

    def _leave(self, reasons: Mapping[int, str | None], log: Epoch | None = None) -> Tensor:
        """End the training of some seeds, and of the epoch that they are in; return the rows that remain."""
        if log is not None and log.n_steps:
            means = log.rows()
            for row in reasons:
                self._record(self._members[row][0], means[row])
        seconds = time.perf_counter() - self._started
        for row, reason in reasons.items():
            place, _ = self._members[row]
            outcome = self._outcomes[place]
            outcome.n_steps, outcome.stop_reason = self._step, reason or outcome.stop_reason
            outcome.seconds += seconds / len(self._members)
            self._stack.release(row)
            self._trained.setdefault(place, outcome)
        rest = [row for row in range(len(self._members)) if row not in reasons]
        for row in rest:
            self._outcomes[self._members[row][0]].seconds += seconds / len(self._members)
        self._started = time.perf_counter()
        self._members = [self._members[row] for row in rest]
        kept = torch.tensor(rest, dtype=torch.long, device=self._common.x.device)
        if rest:
            before = self._optimizer
            self._start()
            set_rate(self._optimizer, float(before.param_groups[0]["lr"]))
            for old, new in zip(before.param_groups, self._optimizer.param_groups, strict=True):
                (old_rows,), (new_rows,) = old["params"], new["params"]
                self._optimizer.state[new_rows] = {
                    name: value[kept] if isinstance(value, Tensor) and value.shape == old_rows.shape else value
                    for name, value in before.state[old_rows].items()
                }
            if log is not None:
                log.keep(kept)
        return kept

    def _start(self) -> None:
        """Stack the networks of the members, with a new optimizer."""
        trainings, common = [training for _, training in self._members], self._common
        self._stack = Stack([t.network for t in trainings], common.weight_decay, [t.extra for t in trainings])
        self._optimizer = make_optimizer(common.optimizer, self._stack.groups, common.momentum)
        self._graph = None
        if CUDA_GRAPHS and common.x.is_cuda:
            self._graph = StepGraph(common.objective, self._stack, self._optimizer)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Return the rows (R, n, d) of a table (N, d) at an index (R, n)."""
    return table.index_select(0, index.reshape(-1)).view(*index.shape, table.shape[1])


def make_optimizer(name: OptimizerName, groups: Sequence[dict[str, Any]], momentum: float) -> torch.optim.Optimizer:
    """Return a fused Adam, or a fused SGD with momentum, for groups of ``params`` and ``weight_decay``.

    `set_rate` sets its learning rate, which on CUDA is a tensor, for graphs.
    """
    (rows,) = groups[0]["params"]
    rate: float | Tensor = torch.zeros((), device=rows.device) if rows.is_cuda else 0.0
    if name == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=True, capturable=rows.is_cuda)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)
    raise ValueError(f"optimizer={name!r} is none of 'adam', 'sgd'")


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


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
    options: Any = torch.utils.deterministic
    filled = options.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    options.fill_uninitialized_memory = False  # a kernel for each new tensor, and all are written
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        options.fill_uninitialized_memory = filled


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

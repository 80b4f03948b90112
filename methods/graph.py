"""Steps of training as a CUDA graph: the kernels of a step are recorded once, then launched as one."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from methods.stack import Stack
from methods.step import Batch, Losses, Objective

#: Steps before the recording, in which libraries allocate their workspaces and the optimizer its moments.
WARM_UP_STEPS = 3


class StepGraph:
    """Takes steps: the first ones, and those with another number of points, as usual, all others from the graph.

    Parameters
    ----------
    objective : callable
    stack : Stack
    optimizer : torch.optim.Optimizer
        On CUDA; its learning rates are tensors.
    """

    def __init__(self, objective: Objective, stack: Stack, optimizer: torch.optim.Optimizer) -> None:
        self._objective, self._stack, self._optimizer = objective, stack, optimizer
        self._graph = torch.cuda.CUDAGraph()
        self._batch: Batch | None = None  # what the graph reads
        self._losses: Losses | None = None  # what it writes
        self._n_steps = 0

    def __call__(self, batch: Batch) -> Losses:
        """Take a step and return its losses."""
        self._n_steps += 1
        batch = replace(batch, prior_weight=torch.full((), float(batch.prior_weight), device=batch.x.device))
        if self._n_steps <= WARM_UP_STEPS:
            return self._take(batch)
        if self._batch is None:
            self._record(batch)
        if self._batch is None or self._losses is None or batch.x.shape != self._batch.x.shape:
            return self._take(batch)
        for name, target in _tensors(self._batch).items():
            target.copy_(getattr(batch, name))
        self._graph.replay()
        copies = {name: tensor.clone() for name, tensor in _tensors(self._losses).items()}
        return replace(self._losses, terms={n: t.clone() for n, t in self._losses.terms.items()}, **copies)

    def _take(self, batch: Batch) -> Losses:
        losses = self._objective(self._stack, batch)
        self._stack.step(self._optimizer, losses.loss)
        return losses

    def _record(self, batch: Batch) -> None:
        """Record a step, which takes none."""
        self._batch = replace(batch, **{name: tensor.clone() for name, tensor in _tensors(batch).items()})
        with torch.cuda.graph(self._graph):
            losses = self._take(self._batch)
        terms = {name: tensor.detach() for name, tensor in losses.terms.items()}
        self._losses = replace(losses, terms=terms, **{n: t.detach() for n, t in _tensors(losses).items()})


def _tensors(values: Batch | Losses) -> dict[str, Tensor]:
    return {name: value for name, value in vars(values).items() if isinstance(value, Tensor)}

"""What goes into a step of training and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from methods.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The points of a step, n of each of R seeds.

    Attributes
    ----------
    x : Tensor of shape (R, n, n_features)
    noise : Tensor of shape (R, ..., n, latent_dim)
        N(0, 1), with a dimension of latent draws if the method has several; empty for a method without noise.
    target : Tensor of shape (R, n, k) or None
        DEC's target distribution.
    prior_weight : float or Tensor of shape ()
        Factor of beta in this step.
    """

    x: Tensor
    noise: Tensor
    target: Tensor | None
    prior_weight: float | Tensor


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What a step computes for a batch of n points of each of R seeds.

    Attributes
    ----------
    loss : Tensor of shape (R,)
        What is minimised.
    terms : dict of str to Tensor of shape (R,)
        Its terms, by the name that they have in the history.
    mean : Tensor of shape (R, n, d)
        Codes, or means of the Gaussian codes.
    log_variance : Tensor of shape (R, n, d) or None
        Of Gaussian codes.
    log_q : Tensor of shape (R, n, k) or None
        Logarithm of the soft assignment, where there is one.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    mean: Tensor
    log_variance: Tensor | None = None
    log_q: Tensor | None = None


#: Computes the losses of a batch with the networks of all seeds.
Objective: TypeAlias = Callable[[Stack, Batch], Losses]

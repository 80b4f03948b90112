"""Log-likelihoods and evidence lower bounds of single points, in nats."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from torch.nn import functional

from methods.networks import Likelihood
from methods.seeding import Streams

if TYPE_CHECKING:
    from methods.base import StochasticClusterer

#: Latent draws of a bound; its Monte-Carlo error is small beside the differences between points.
DRAWS = 8


def log_likelihood(output: Tensor, x: Tensor, likelihood: Likelihood) -> Tensor:
    """Return log p(x|z) of each point, shape (..., n).

    The Bernoulli cross-entropy, or the density of N(output, ½ I), which is what squared error means.
    """
    if likelihood == "bernoulli":
        x = x.expand_as(output)
        return -functional.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)
    return -((output - x).square() + 0.5 * math.log(math.pi)).sum(-1)


def monte_carlo_bound(
    method: StochasticClusterer, X: np.ndarray, bound: Callable[[Tensor, Tensor], Tensor]
) -> np.ndarray:
    """Return the mean over seeded latent draws of ``bound(x, z)``, shape (n_samples,)."""
    generator = Streams(0).generator("noise/score_samples")
    return method._apply(lambda x: bound(x, method._draw(x, DRAWS, generator)).mean(0), X)

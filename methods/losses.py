"""Losses and soft assignments as pure functions of tensors.

Losses are in nats. A loss of a batch is the sum over a point's dimensions, averaged over the n points of the batch, so
that the relative weights of its terms do not depend on the batch size. d is the width of the code, k the number of
clusters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from methods.networks import Likelihood


def reconstruction_loss(output: Tensor, x: Tensor, likelihood: Likelihood) -> Tensor:
    """Return the mean of −log p(x|z) over the batch, a scalar, up to a constant.

    ``output`` and ``x`` have shape (n, n_features). For ``"gaussian"`` the term of a point is ‖x − output‖², the
    likelihood N(output, ½ I); for ``"bernoulli"`` it is the cross-entropy of pixels in [0, 1] with logits ``output``.
    """
    if likelihood == "bernoulli":
        total = functional.binary_cross_entropy_with_logits(output, x, reduction="sum")
    else:
        total = functional.mse_loss(output, x, reduction="sum")
    return total / len(x)


def log_likelihood(output: Tensor, x: Tensor, likelihood: Likelihood) -> Tensor:
    """Return log p(x|z) per point with its constants, in nats: shape (..., n) for outputs (..., n, n_features)."""
    if likelihood == "bernoulli":
        x = x.expand_as(output)
        return -functional.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)
    return -((output - x).square() + 0.5 * math.log(math.pi)).sum(-1)


def squared_distances(z: Tensor, centroids: Tensor) -> Tensor:
    """Return ‖z_i − c_j‖², shape (..., n, k), for codes (..., n, d) and centroids (k, d), exactly 0 where equal."""
    return (z.unsqueeze(-2) - centroids).square().sum(-1)


def log_soft_assignment(z: Tensor, centroids: Tensor, alpha: float = 1.0) -> Tensor:
    """Return log q, shape (..., n, k), of DEC's Student-t soft assignment (Xie et al. 2016, eq. 1).

    q_ij ∝ (1 + ‖z_i − c_j‖²/α)^(−(α+1)/2), normalised over the clusters j, for codes z (..., n, d) and centroids c
    (k, d).
    """
    kernel = -(alpha + 1) / 2 * torch.log1p(squared_distances(z, centroids) / alpha)
    return functional.log_softmax(kernel, dim=-1)


def target_distribution(q: Tensor) -> Tensor:
    """Return DEC's target distribution P, shape (n, k), for a soft assignment q (n, k) (Xie et al. 2016, eq. 3).

    p_ij ∝ q_ij² / Σ_i q_ij, normalised over the clusters j.
    """
    # An empty cluster has Σ_i q_ij = 0; the bound gives it the weight 0 instead of 0/0.
    weight = q.square() / q.sum(0).clamp_min(torch.finfo(q.dtype).tiny)
    return weight / weight.sum(1, keepdim=True)


def clustering_loss(target: Tensor, log_q: Tensor) -> Tensor:
    """Return KL(P‖Q) = 1/n Σ_i Σ_j p_ij log(p_ij / q_ij), a scalar (Xie et al. 2016, eq. 2, averaged over the batch).

    ``target`` is P and ``log_q`` the logarithm of Q, both of shape (n, k).
    """
    return (torch.special.entr(target).neg() - target * log_q).sum(1).mean()


def log_mean_over_draws(log_q: Tensor) -> Tensor:
    """Return log of the mean of q over the latent draws: from log q of shape (draws, n, k), shape (n, k)."""
    return torch.logsumexp(log_q, dim=0) - math.log(len(log_q))


# -- priors ---------------------------------------------------------------------------------------
#
# Without noise, sigma = 0, a code is the point ``mean`` and its KL to a density p is infinite. The terms in sigma are
# constants then, without a gradient. What depends on the mean is −log p(mean), up to a constant: with
# ``log_variance=None`` each function returns that, so that a prior can be kept where the noise is switched off.


def gaussian_kl(mean: Tensor, log_variance: Tensor | None, centers: Tensor, center_log_variances: Tensor) -> Tensor:
    """Return KL(N(mean, sigma²) ‖ N(center, s²)) for every point and center, shape (n, k).

    ½ Σ_d [log s² − log sigma² + (sigma² + (mean − center)²)/s² − 1] with diagonal covariances; without noise
    ½ Σ_d [log s² + (mean − center)²/s²]. ``mean`` and ``log_variance`` have shape (n, d), ``centers`` and
    ``center_log_variances`` (k, d).
    """
    mean = mean.unsqueeze(-2)
    shift = (mean - centers).square() * (-center_log_variances).exp()
    if log_variance is None:
        return 0.5 * (center_log_variances + shift).sum(-1)
    log_variance = log_variance.unsqueeze(-2)
    ratio = (log_variance - center_log_variances).exp()
    return 0.5 * (center_log_variances - log_variance + ratio + shift - 1).sum(-1)


def standard_normal_kl(mean: Tensor, log_variance: Tensor | None) -> Tensor:
    """Return KL(N(mean, sigma²) ‖ N(0, I)) per point, shape (n,), for a mean and log-variance of shape (n, d).

    −½ Σ_d (1 + log sigma² − mean² − sigma²) (Kingma & Welling 2014, appendix B); without noise ½ Σ_d mean².
    """
    if log_variance is None:
        return 0.5 * mean.square().sum(-1)
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(-1)


def mixture_kl(mean: Tensor, log_variance: Tensor | None, centroids: Tensor) -> Tensor:
    """Return an upper bound on the KL of q = N(mean, sigma²) to an equal mixture of N(c_j, I), shape (n,).

    KL(q ‖ 1/k Σ_j N(c_j, I)) ≤ −log 1/k Σ_j exp(−KL(q ‖ N(c_j, I))) (Hershey & Olsen 2007); without noise
    −log 1/k Σ_j exp(−½ ‖mean − c_j‖²), which is exact. Its gradient moves codes towards the nearest centroid. ``mean``
    and ``log_variance`` have shape (n, d), ``centroids`` (k, d).
    """
    per_center = gaussian_kl(mean, log_variance, centroids, torch.zeros_like(centroids))
    return math.log(len(centroids)) - torch.logsumexp(-per_center, dim=-1)


def log_mixture_joint(z: Tensor, log_weights: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return log p(z, c) = log π_c + log N(z; mean_c, s_c²) of a mixture of diagonal Gaussians, shape (..., n, k).

    ``z`` has shape (..., n, d), ``log_weights`` (k,), ``means`` and ``log_variances`` (k, d).
    """
    deviation = (z.unsqueeze(-2) - means).square() * (-log_variances).exp()
    log_density = -0.5 * (math.log(2 * math.pi) + log_variances + deviation).sum(-1)
    return log_weights + log_density

"""Losses and soft assignments as pure functions of tensors.

Losses are in nats. A loss of a batch is the sum over a point's dimensions, averaged over the n points of the batch, so
that the relative weights of its terms do not depend on the batch size. d is the width of the code, k the number of
clusters. The leading dimensions "..." are those of the seeds that are trained together, and of latent draws: each has
its own loss. Sums are over one dimension after the other, so that their rounding does not depend on how many seeds
there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import repeat
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from methods.networks import Likelihood


def reconstruction_loss(output: Tensor, x: Tensor, likelihood: Likelihood) -> Tensor:
    """Return the mean of −log p(x|z) over the batch, shape (...), up to a constant.

    ``output`` and ``x`` have shape (..., n, n_features). For ``"bernoulli"`` the term of a point is the cross-entropy
    of pixels in [0, 1] with logits ``output``. For ``"gaussian"``, and for ``"standardized"`` points, it is
    ‖x − output‖², the likelihood N(output, ½ I).
    """
    if likelihood == "bernoulli":
        return _BernoulliLoss.apply(output, x)
    return (output - x).square().sum(-1).mean(-1)


class _BernoulliLoss(torch.autograd.Function):
    """Cross-entropy of x with logits o, max(o, 0) − o x + log(1 + exp(−|o|)), whose gradient is sigmoid(o) − x.

    PyTorch's own sigmoid rounds the last values of a tensor otherwise than the others; exp and log1p round all alike.
    """

    @staticmethod
    def forward(ctx: Any, output: Tensor, x: Tensor) -> Tensor:
        small = output.abs().neg_().exp_()  # exp(−|o|)
        terms = torch.log1p(small).add_(output.clamp_min(0)).addcmul_(output, x, value=-1)
        if ctx.needs_input_grad[0]:
            sigmoid = output.neg().exp_().add_(1).reciprocal_()
            ctx.gradient = sigmoid.sub_(x).div_(x.shape[-2])
        return terms.sum(-1).mean(-1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient * gradient[..., None, None], None


def log_likelihood(output: Tensor, x: Tensor, likelihood: Likelihood) -> Tensor:
    """Return log p(x|z) per point with its constants, in nats: shape (..., n) for outputs (..., n, n_features)."""
    if likelihood == "bernoulli":
        x = x.expand_as(output)
        return -functional.binary_cross_entropy_with_logits(output, x, reduction="none").sum(-1)
    return -((output - x).square() + 0.5 * math.log(math.pi)).sum(-1)


def squared_distances(
    z: Tensor, centers: Tensor, variance: Tensor | None = None, weights: Tensor | None = None
) -> Tensor:
    """Return Σ_d w_jd ((z_id − c_jd)² + v_id), shape (..., n, k), exactly 0 where a code without variance is a center.

    Parameters
    ----------
    z, variance : Tensor of shape (..., n, d)
        Codes and their variances v, by default 0.
    centers, weights : Tensor of shape (..., k, d)
        Centers c and weights w of their dimensions, by default 1.
    """
    return _SquaredDistances.apply(z, centers, variance, weights)


class _SquaredDistances(torch.autograd.Function):
    """The distances with the points in the last dimension of every tensor, which makes sums over others fast.

    On the CPU they are computed for one seed after the other: the tensors (d, k, n) of a seed fit a cache.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, centers: Tensor, variance: Tensor | None, weights: Tensor | None) -> Tensor:
        rows, v = (None if t is None else t.transpose(-1, -2).contiguous().unsqueeze(-2) for t in (z, variance))
        columns, w = (None if t is None else t.transpose(-1, -2).contiguous().unsqueeze(-1) for t in (centers, weights))
        lead = torch.broadcast_shapes(z.shape[:-2], centers.shape[:-2])
        ctx.parts, distances = [], []
        for z_, c_, v_, w_ in zip(*(_parts(t, lead) for t in (rows, columns, v, w)), strict=False):
            shift = z_ - c_  # (..., d, k, n)
            square = shift * shift
            square = square if v_ is None else square.add_(v_)
            distances.append((square if w_ is None else square * w_).sum(-3))
            if any(ctx.needs_input_grad):
                ctx.parts.append((shift, square, v_, w_))
        return _joined(distances, lead).transpose(-1, -2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        lead = gradient.shape[:-2]
        rows = gradient.transpose(-1, -2).contiguous().unsqueeze(-3)  # (..., 1, k, n)
        found: list[list[Tensor]] = [[], [], [], []]  # by argument
        for g, (shift, square, v_, w_) in zip(_parts(rows, lead), ctx.parts, strict=False):
            weighted = g if w_ is None else g * w_
            slope = weighted * shift
            found[0].append(slope.sum(-2).mul_(2))
            found[1].append(slope.sum(-1).mul_(-2))
            if v_ is not None:
                found[2].append(weighted.sum(-2).expand_as(found[0][-1]))
            if w_ is not None:
                found[3].append(square.mul_(g).sum(-1))
        return tuple(_joined(parts, lead).transpose(-1, -2) if parts else None for parts in found)


def _parts(tensor: Tensor | None, lead: torch.Size) -> Iterable[Any]:
    """Return the tensor of each seed, for tensors (..., d, k, n) with the leading dimensions ``lead``."""
    if tensor is None:
        return repeat(None)
    if not lead or tensor.is_cuda:
        return [tensor]
    return tensor.expand(*lead, *tensor.shape[-3:]).flatten(0, len(lead) - 1).unbind()


def _joined(parts: list[Tensor], lead: torch.Size) -> Tensor:
    """Return the tensors of all seeds as one, (..., d or k, n or k)."""
    return parts[0] if parts[0].dim() > 2 or not lead else torch.stack(parts).unflatten(0, lead)


def log_soft_assignment(z: Tensor, centroids: Tensor, alpha: float = 1.0) -> Tensor:
    """Return log q, shape (..., n, k), of DEC's Student-t soft assignment (Xie et al. 2016, eq. 1).

    q_ij ∝ (1 + ‖z_i − c_j‖²/α)^(−(α+1)/2), normalised over the clusters j, for codes z (..., n, d) and centroids c
    (..., k, d).
    """
    kernel = -(alpha + 1) / 2 * torch.log1p(squared_distances(z, centroids) / alpha)
    return _log_softmax(kernel)


def _log_softmax(x: Tensor) -> Tensor:
    """Return the log-softmax of x (..., n, k) over its last dimension; fast if the memory is ordered as (..., k, n)."""
    return torch.log_softmax(x.transpose(-1, -2), dim=-2).transpose(-1, -2)


def target_distribution(q: Tensor) -> Tensor:
    """Return DEC's target distribution P, (..., n, k), for a soft assignment q (..., n, k) (Xie et al. 2016, eq. 3).

    p_ij ∝ q_ij² / Σ_i q_ij, normalised over the clusters j.
    """
    # An empty cluster has Σ_i q_ij = 0; the bound gives it the weight 0 instead of 0/0.
    weight = q.square() / q.sum(-2, keepdim=True).clamp_min(torch.finfo(q.dtype).tiny)
    return weight / weight.sum(-1, keepdim=True)


def clustering_loss(target: Tensor, log_q: Tensor) -> Tensor:
    """Return KL(P‖Q) = 1/n Σ_i Σ_j p_ij log(p_ij / q_ij), shape (...): the mean over a batch of Xie et al. 2016, eq. 2.

    ``target`` is P and ``log_q`` the logarithm of Q, both of shape (..., n, k).
    """
    return (torch.special.entr(target).neg() - target * log_q).sum(-1).mean(-1)


def log_mean_over_draws(log_q: Tensor) -> Tensor:
    """Return log of the mean of q over the latent draws: from log q of shape (..., draws, n, k), shape (..., n, k)."""
    return torch.logsumexp(log_q, dim=-3) - math.log(log_q.shape[-3])


# -- priors ---------------------------------------------------------------------------------------
#
# Without noise, sigma = 0, a code is the point ``mean`` and its KL to a density p is infinite. The terms in sigma are
# constants then, without a gradient. What depends on the mean is −log p(mean), up to a constant: with
# ``log_variance=None`` each function returns that, so that a prior can be kept where the noise is switched off.


def gaussian_kl(mean: Tensor, log_variance: Tensor | None, centers: Tensor, center_log_variances: Tensor) -> Tensor:
    """Return KL(N(mean, sigma²) ‖ N(center, s²)) for every point and center, shape (..., n, k).

    ½ Σ_d [log s² − log sigma² + (sigma² + (mean − center)²)/s² − 1] with diagonal covariances; without noise
    ½ Σ_d [log s² + (mean − center)²/s²]. ``mean`` and ``log_variance`` have shape (..., n, d), ``centers`` and
    ``center_log_variances`` (..., k, d).
    """
    precisions = (-center_log_variances).exp()
    constants = center_log_variances.sum(-1).unsqueeze(-2)
    if log_variance is None:
        return 0.5 * (squared_distances(mean, centers, None, precisions) + constants)
    distances = squared_distances(mean, centers, log_variance.exp(), precisions)
    return 0.5 * (distances + constants - (log_variance.sum(-1) + mean.shape[-1]).unsqueeze(-1))


def standard_normal_kl(mean: Tensor, log_variance: Tensor | None) -> Tensor:
    """Return KL(N(mean, sigma²) ‖ N(0, I)) per point, shape (..., n), for a mean and log-variance of shape (..., n, d).

    −½ Σ_d (1 + log sigma² − mean² − sigma²) (Kingma & Welling 2014, appendix B); without noise ½ Σ_d mean².
    """
    if log_variance is None:
        return 0.5 * mean.square().sum(-1)
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(-1)


def mixture_kl(mean: Tensor, log_variance: Tensor | None, centroids: Tensor) -> Tensor:
    """Return an upper bound on the KL of q = N(mean, sigma²) to an equal mixture of N(c_j, I), shape (..., n).

    KL(q ‖ 1/k Σ_j N(c_j, I)) ≤ −log 1/k Σ_j exp(−KL(q ‖ N(c_j, I))) (Hershey & Olsen 2007); without noise
    −log 1/k Σ_j exp(−½ ‖mean − c_j‖²), which is exact. Its gradient moves codes towards the nearest centroid. ``mean``
    and ``log_variance`` have shape (..., n, d), ``centroids`` (..., k, d).
    """
    # KL(q ‖ N(c_j, I)) = ½ ‖mean − c_j‖² + ½ Σ_d (sigma² − log sigma² − 1)
    near = torch.logsumexp(-0.5 * squared_distances(mean, centroids), dim=-1)
    spread = 0.0 if log_variance is None else 0.5 * (log_variance.exp() - log_variance - 1).sum(-1)
    return math.log(centroids.shape[-2]) - near + spread


def log_mixture_joint(z: Tensor, log_weights: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return log p(z, c) = log π_c + log N(z; mean_c, s_c²) of a mixture of diagonal Gaussians, shape (..., n, k).

    ``z`` has shape (..., n, d), ``log_weights`` (..., k), ``means`` and ``log_variances`` (..., k, d).
    """
    constants = log_weights - 0.5 * (math.log(2 * math.pi) + log_variances).sum(-1)
    return constants.unsqueeze(-2) - 0.5 * squared_distances(z, means, None, (-log_variances).exp())


def mixture_prior_kl(
    mean: Tensor, log_variance: Tensor | None, z: Tensor, logits: Tensor, means: Tensor, log_variances: Tensor
) -> tuple[Tensor, Tensor]:
    """Return KL(q(z, c|x) ‖ p(z, c)) per point, (..., n), and log γ = log p(c|z), (..., n, k), of VaDE's prior.

    The prior is p(z, c) = π_c N(z; mean_c, s_c²) with π = softmax(logits). With q(c|x) = γ, the KL is
    Σ_c γ_c KL(q(z|x) ‖ N_c) + KL(γ ‖ π) (Jiang et al. 2017, eq. 9 to 16). Without noise, with ``log_variance`` None and
    z = mean, it is −log p(mean) − d/2 log 2π.

    ``mean``, ``log_variance`` and ``z`` have shape (..., n, d), ``logits`` (..., k), ``means`` and ``log_variances``
    (..., k, d).
    """
    log_weights = torch.log_softmax(logits, dim=-1)
    log_gamma = _log_softmax(log_mixture_joint(z, log_weights, means, log_variances))
    per_component = gaussian_kl(mean, log_variance, means, log_variances)
    terms = log_gamma.exp() * (per_component + log_gamma - log_weights.unsqueeze(-2))
    return terms.sum(-1), log_gamma

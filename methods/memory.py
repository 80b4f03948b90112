"""How much memory the fits of a pack take, by counting tensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from methods.training import CHUNK

_FLOAT = 4


def fit_memory(
    *,
    n_samples: int,
    n_features: int,
    n_seeds: int,
    hidden_dims: Sequence[int],
    latent_dim: int,
    n_clusters: int,
    batch_size: int,
    n_draws: int,
    n_moments: int,
) -> int:
    """Return the bytes that the tensors of a fit take at most, the data not included.

    Parameters
    ----------
    n_draws : int
        Latent draws of a point in a step; 0 for a method without noise.
    n_moments : int
        Values that the optimizer keeps for each weight: two for Adam, one for SGD.
    Other parameters as of the methods.
    """
    down = [n_features, *hidden_dims, latent_dim]
    weights = 2 * sum(a * b + b for a, b in pairwise(down))
    batch = min(batch_size, n_samples)
    parameters = weights * (2 + n_moments)  # values, gradients, moments
    # Of a batch: the activations down and up, the largest gradient and the one below it, and six tensors of its points.
    widths = 2 * sum(down[1:])
    step = batch * (widths + 2 * max(down) + 6 * n_features)
    distances = 4 * max(1, n_draws) * batch * n_clusters * latent_dim
    # Of an epoch: codes, their variances and soft assignments for the history, twice as they are joined; noise, drawn
    # and in the order of the batches; P in three steps.
    epoch = n_samples * (2 * (latent_dim * (2 if n_draws else 1) + n_clusters) + 3 * n_draws * latent_dim)
    target = 3 * n_samples * n_clusters
    per_seed = parameters + step + distances + epoch + target
    # The codes of all points, for one seed after the other: two layers of a chunk.
    chunk = min(CHUNK, n_samples) * (max(a + b for a, b in pairwise(down)) + n_clusters * 30)
    return _FLOAT * (n_seeds * per_seed + chunk)

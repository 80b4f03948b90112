"""What several runs together say of a point that one run by itself does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import entr

from bench.metrics.matching import aligned


def vote_entropy(labelings: Sequence[np.ndarray]) -> np.ndarray:
    r"""Return the entropy of the clusters that several runs put each point in, named as in the first of them.

    .. math:: -\sum_c v_{ic} \log v_{ic}, \quad v_{ic} = \frac{1}{r} \sum_{j=1}^{r} [c_{ij} = c]

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        Labels of the same points from several runs, at least one. Noise is a vote too, the same for all runs.

    Returns
    -------
    ndarray of shape (n_samples,)
        In nats: 0 where all runs agree, the logarithm of their number where no two do.

    References
    ----------
    Strehl and Ghosh, "Cluster ensembles", JMLR 3, 2002, on why labels must be matched before they vote.
    """
    first, *others = labelings
    return entr(vote_shares(named_alike(first, others))).sum(axis=1)


def named_alike(reference: np.ndarray, others: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the reference and the others, their clusters named as those of the reference that they match best.

    Parameters
    ----------
    reference : ndarray of shape (n_samples,)
    others : sequence of ndarray of shape (n_samples,)

    Returns
    -------
    list of ndarray of shape (n_samples,)
        A cluster that matches none has a name that no other run uses: it agrees with nobody.
    """
    named = [reference]
    for labels in others:
        taken = max(int(names.max()) for names in named)
        names = aligned(labels, reference)
        named.append(np.where(names > reference.max(), names + taken - reference.max(), names))
    return named


def vote_shares(labelings: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of labelings, aligned to each other, that put each point in each cluster.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples, n_names)
        A column for each name that occurs in any of them.
    """
    stacked = np.stack(labelings)
    names, codes = np.unique(stacked, return_inverse=True)
    n = stacked.shape[1]
    cells = codes.reshape(stacked.shape) + np.arange(n) * len(names)
    votes = np.bincount(cells.ravel(), minlength=n * len(names))
    return votes.reshape(n, len(names)) / len(stacked)

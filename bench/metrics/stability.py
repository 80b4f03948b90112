"""How far the runs of one configuration agree with each other, which needs no classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def stability(labelings: Sequence[np.ndarray]) -> float:
    """Return the mean adjusted Rand index over all pairs of labelings of the same points.

    Collapsed runs must be left out by the caller: two labelings with one cluster each agree perfectly.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        Labels of the same points from several seeds.

    Returns
    -------
    float
        In [-1, 1]; NaN for fewer than two labelings.
    """
    if len(labelings) < 2:
        return float("nan")
    # Clusters of all labelings are numbered through, so that one count meets a labeling with all that follow.
    codes = [np.unique(labels, return_inverse=True)[1].astype(np.int64) for labels in labelings]
    clusters = np.array([code.max() + 1 for code in codes])
    first = np.cumsum(clusters) - clusters
    numbered = np.stack(codes) + first[:, None]
    pairs_within = np.array([(np.bincount(code).astype(np.float64) ** 2).sum() for code in codes])

    scores = []
    for i, code in enumerate(codes[:-1]):
        start, width = first[i + 1], clusters[i + 1 :].sum()
        joint = (code * width + (numbered[i + 1 :] - start)).ravel()
        counts = np.bincount(joint, minlength=clusters[i] * width).reshape(clusters[i], width).astype(np.float64)
        together = np.add.reduceat((counts**2).sum(axis=0), first[i + 1 :] - start)
        scores.append(_adjusted_rand(together, pairs_within[i], pairs_within[i + 1 :], len(code)))
    return float(np.concatenate(scores).mean())


def _adjusted_rand(together: np.ndarray, a: float, b: np.ndarray, n: int) -> np.ndarray:
    r"""Return ARIs from the sums of squared counts: of the contingency tables, and of either margin.

    .. math:: 2 (TP \cdot TN - FN \cdot FP) / ((TP + FN)(FN + TN) + (TP + FP)(FP + TN))

    over ordered pairs of points; 1 where the labelings are the same.

    References
    ----------
    Steinley, "Properties of the Hubert-Arabie adjusted Rand index", Psychological Methods 9(3), 2004.
    """
    both, only_a, only_b = together - n, a - together, b - together
    neither = n**2 - only_a - only_b - together
    disagree = (only_a != 0) | (only_b != 0)
    scale = (both + only_a) * (only_a + neither) + (both + only_b) * (only_b + neither)
    return np.where(disagree, 2 * (both * neither - only_a * only_b) / np.where(disagree, scale, 1), 1.0)

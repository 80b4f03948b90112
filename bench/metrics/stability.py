"""How far the runs of one configuration agree with each other, which needs no classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from sklearn.metrics import adjusted_rand_score


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
    pairs = [adjusted_rand_score(a, b) for a, b in combinations(labelings, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")

"""Soft assignments as rows of probabilities, or the reason why they are none."""

from __future__ import annotations

import numpy as np

#: How far a row may sum from 1 by the rounding of float32, and a value lie outside [0, 1].
_ROUNDING = 1e-3


def checked_probabilities(assignment: np.ndarray, n_samples: int) -> np.ndarray | str:
    """Return a soft assignment in float64 with rows that sum to 1, or why it is no soft assignment.

    Parameters
    ----------
    assignment : ndarray of shape (n_samples, n_clusters)
    n_samples : int
        How many points there are.
    """
    if assignment.ndim != 2 or len(assignment) != n_samples or assignment.shape[1] == 0:
        return f"the soft assignment has shape {assignment.shape}; it needs ({n_samples}, n_clusters > 0)"
    if not np.isfinite(assignment).all():
        return "the soft assignment has values that are not finite"
    probabilities = assignment.astype(np.float64)
    totals = probabilities.sum(axis=1, keepdims=True)
    if probabilities.min() < -_ROUNDING or np.abs(totals - 1).max() > _ROUNDING:
        return "the soft assignment has rows that are no probabilities: below 0, or with another sum than 1"
    probabilities = probabilities.clip(min=0)
    return probabilities / probabilities.sum(axis=1, keepdims=True)

"""Whether a run ended in something that can be called a clustering."""

from __future__ import annotations

import numpy as np

#: Rows of a soft assignment that differ by less than this all say the same.
SAME_ROWS = 1e-3


def is_collapsed(labels: np.ndarray, soft_assignment: np.ndarray | None) -> bool:
    """Tell whether a run has one cluster, or one row of soft assignments for every point.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    soft_assignment : ndarray of shape (n_samples, n_clusters) or None
    """
    if len(np.unique(labels)) == 1:
        return True
    # Where all rows are equal their argmax is decided by rounding: many labels, and none of them means anything.
    return soft_assignment is not None and bool(np.ptp(soft_assignment, axis=0).max() < SAME_ROWS)


class Health:
    def __init__(self, verdict, epoch=None):
        self.verdict, self.epoch = verdict, epoch


def health_of(outputs, n_clusters):
    return Health("collapsed" if is_collapsed(outputs["labels"], outputs.get("soft_assignment")) else "healthy")

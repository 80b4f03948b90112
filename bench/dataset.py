"""A data set as every method receives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class Dataset:
    """Points to cluster, ready for a method's ``fit``.

    Attributes
    ----------
    name : str
        Name of the card, with ``@split`` where only some splits were asked for and ``[n]`` where a limit left n.
    x : ndarray of shape (n_samples, n_features)
        float32 in [0, 1], C-contiguous, read-only.
    y : ndarray of shape (n_samples,) or None
        Class of each point as int64 in ``range(len(class_names))``; None for unlabelled data.
    n_clusters : int
        Number of clusters a method is asked for; the number of classes unless the card says otherwise.
    image_shape : tuple of int or None
        (height, width) or (height, width, channels) of one point; None for tables.
    class_names : tuple of str or None
        Name of each class.
    fingerprint : str
        SHA-256, in hexadecimal, over the decoded points and labels in use.
    """

    name: str
    x: np.ndarray
    y: np.ndarray | None
    n_clusters: int
    image_shape: tuple[int, ...] | None
    class_names: tuple[str, ...] | None
    fingerprint: str

    def sample_indices(self) -> np.ndarray:
        """Return the points that reports show, evenly spread over the data: the same for every method."""
        return np.unique(np.linspace(0, len(self.x) - 1, N_SAMPLES).astype(np.int64))

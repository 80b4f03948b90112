"""A data set as every method receives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


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

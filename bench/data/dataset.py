"""A data set as every method receives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_SAMPLES = 16

#: The class of a point that belongs to none: noise among the true labels.
NO_CLASS = -1


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
        Class of each point as int64 in ``range(len(class_names))``, `NO_CLASS` for a point that is noise; None for
        unlabelled data.
    n_clusters : int
        Number of clusters a method is asked for; the number of classes unless the card says otherwise.
    image_shape : tuple of int or None
        (height, width) or (height, width, channels) of one point; None for tables.
    class_names : tuple of str or None
        Name of each class.
    fingerprint : str
        SHA-256, in hexadecimal, over the decoded points and labels in use.
    scaling : str
        In words, how the values came to [0, 1].
    items : ndarray of shape (n_samples,) or None
        What the source calls each point: a file below `source`, or a row of it, counted from 0; None where that is the
        point's position.
    source : str
        The file or folder that the points came from; empty where they came from none.
    """

    name: str
    x: np.ndarray
    y: np.ndarray | None
    n_clusters: int
    image_shape: tuple[int, ...] | None
    class_names: tuple[str, ...] | None
    fingerprint: str
    scaling: str = ""
    items: np.ndarray | None = None
    source: str = ""

    @property
    def classes(self) -> np.ndarray | None:
        """`y`, or None where no point has a class: such data are unlabelled."""
        return None if self.y is None or (self.y == NO_CLASS).all() else self.y

    @property
    def n_without_class(self) -> int:
        """Number of points of labelled data that belong to no class; 0 for unlabelled data."""
        return 0 if self.classes is None else int((self.classes == NO_CLASS).sum())

    def sample_indices(self) -> np.ndarray:
        """Return the points that reports show, evenly spread over the data: the same for every method."""
        return np.unique(np.linspace(0, len(self.x) - 1, N_SAMPLES).astype(np.int64))

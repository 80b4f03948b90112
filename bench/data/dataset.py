"""A data set as every method receives it, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_N_SHOWN = 16
#: Number of values that are converted at once.
_CHUNK = 2**20

#: The label of a point that belongs to no class.
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class Dataset:
    """Points to cluster, ready for a method's ``fit``.

    Attributes
    ----------
    name : str
        Name of the card, with ``@split`` if only some splits are in use and ``[n]`` if a limit keeps n points.
    x : ndarray of shape (n_samples, n_features)
        float32 in [0, 1], C-contiguous, read-only.
    y : ndarray of shape (n_samples,) or None
        Class of each point as int64 in ``range(len(class_names))``, or `NO_CLASS`; None for unlabelled data.
    n_clusters : int
        Number of clusters that methods are given; the number of classes unless the card or the user gives another.
    image_shape : tuple of int or None
        (height, width) or (height, width, channels) of one point; None for tables.
    class_names : tuple of str or None
        Name of each class.
    fingerprint : str
        SHA-256, in hexadecimal, over the decoded points and labels in use.
    scaling : str
        How the values were brought to [0, 1], in words.
    items : ndarray of shape (n_samples,) or None
        The source's name of each point: a file below `source`, or a row of it, counted from 0; None where that is the
        position of the point.
    source : str
        The file or folder that holds the points; empty where there is not one.
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
        """`y`, or None where no point has a class."""
        return None if self.y is None or (self.y == NO_CLASS).all() else self.y

    @property
    def n_without_class(self) -> int:
        """Number of points of labelled data that belong to no class; 0 for unlabelled data."""
        return 0 if self.classes is None else int((self.classes == NO_CLASS).sum())

    def sample_indices(self) -> np.ndarray:
        """Return the positions of the points that reports show: evenly spread, the same for every method."""
        return np.unique(np.linspace(0, len(self.x) - 1, _N_SHOWN).astype(np.int64))


def split_fingerprint(points: np.ndarray, labels: np.ndarray | None, *, by_value: bool = True) -> str:
    """Hash the raw points and labels of one split: shape and every value.

    Files are not hashed: the same images packed another way are the same data.

    Parameters
    ----------
    points : ndarray of shape (n, ...)
        Decoded, before scaling.
    labels : ndarray of shape (n,) or None
        Codes of the classes.
    by_value : bool
        Whether to hash numbers as doubles, whatever type they have. False hashes the type as well, for readers whose
        points all have one type and for cards from before types were ignored.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    if by_value:
        _update_values(digest, points)
    else:
        _update(digest, points)
    if labels is None:
        digest.update(b"no labels")
    else:
        _update(digest, labels.astype(np.int64))
    return digest.hexdigest()


def dataset_fingerprint(
    splits: Sequence[str], scaling: str | float, limit: tuple[int, str] | None, preprocessing: Sequence[Any] = ()
) -> str:
    """Hash all that the values of a `Dataset` depend on.

    Parameters
    ----------
    splits : sequence of str
        Fingerprints of the splits in use, in order.
    scaling : str or float
        The rule that was applied.
    limit : (int, str) or None
        Number of points kept and the name that seeded their choice; None when all are kept.
    preprocessing : sequence
        The card's steps, in order.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    rule = scaling if isinstance(scaling, str) else float(scaling)
    content: dict[str, Any] = {"splits": list(splits), "scaling": rule, "limit": limit}
    if preprocessing:
        content["preprocessing"] = list(preprocessing)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _update(digest: hashlib._Hash, array: np.ndarray) -> None:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    # The type and shape stand before the bytes, so that no two arrays give the same stream.
    digest.update(f"{array.dtype.name} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)


def _update_values(digest: hashlib._Hash, array: np.ndarray) -> None:
    digest.update(f"values {array.shape} ".encode())
    flat = np.ascontiguousarray(array).reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        doubles = flat[start : start + _CHUNK].astype("<f8") + 0.0  # no negative zero
        digest.update(doubles.view(np.uint8).data)

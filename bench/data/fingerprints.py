"""SHA-256 over what was decoded, so that two runs can be known to have seen the same data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Values that are converted at once.
_CHUNK = 2**20


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
        Hash numbers as doubles, whatever type they are stored in. False hashes the type as well: that of data which one
        reader makes, and which the built-in cards and older ones have.

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
    """Hash what decides every value of a `Dataset`.

    Parameters
    ----------
    splits : sequence of str
        Fingerprints of the splits in use, in order.
    scaling : str or float
        The rule that was applied.
    limit : (int, str) or None
        Number of points kept and the name that the choice was drawn from; None when all are kept.
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

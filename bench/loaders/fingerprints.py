"""SHA-256 over what was decoded, so that two runs can be known to have seen the same data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np


def split_fingerprint(points: np.ndarray, labels: np.ndarray | None) -> str:
    """Hash the raw points and labels of one split: type, shape and every value.

    Files are not hashed: the same images packed another way are the same data.

    Parameters
    ----------
    points : ndarray of shape (n, ...)
        Decoded, before scaling.
    labels : ndarray of shape (n,) or None
        Codes of the classes.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    _update(digest, points)
    if labels is None:
        digest.update(b"no labels")
    else:
        _update(digest, labels.astype(np.int64))
    return digest.hexdigest()


def dataset_fingerprint(splits: Sequence[str], scaling: str | float, limit: tuple[int, str] | None) -> str:
    """Hash what decides every value of a `Dataset`.

    Parameters
    ----------
    splits : sequence of str
        Fingerprints of the splits in use, in order.
    scaling : str or float
        The rule that was applied.
    limit : (int, str) or None
        Number of points kept and the name that the choice was drawn from; None when all are kept.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    rule = scaling if isinstance(scaling, str) else float(scaling)
    content = json.dumps({"splits": list(splits), "scaling": rule, "limit": limit}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _update(digest: hashlib._Hash, array: np.ndarray) -> None:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    # The type and shape stand before the bytes, so that no two arrays give the same stream.
    digest.update(f"{array.dtype.name} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)

"""Random numbers that depend on a name alone, and orders that are the same with every version of numpy."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(*names: str | int) -> np.random.Generator:
    """Return the generator of a name, given in parts."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def shuffled(n: int, *names: str | int) -> np.ndarray:
    """Return the numbers below ``n`` in an order drawn from a name, given in parts.

    Returns
    -------
    ndarray of shape (n,)
    """
    return generator(*names).random(n).argsort(kind="stable")  # numpy's own shuffles may change between versions

"""Orders of points that are drawn from names, so that whoever knows the names has the same order."""

from __future__ import annotations

import hashlib

import numpy as np


def shuffled(n: int, *names: str | int) -> np.ndarray:
    """Return the numbers below n in an order drawn from names, such as a purpose, a fingerprint and a seed.

    Returns
    -------
    ndarray of shape (n,)
        The same on every machine and with every version of numpy.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
    return generator.random(n).argsort(kind="stable")  # numpy's own shuffles may change between versions

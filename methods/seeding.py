"""One seed, and from it an independent generator for every purpose."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


class Streams:
    """Random generators by name.

    Paired methods must share what they have in common (initial weights, batch order) and nothing else,
    so each purpose hashes the seed into a stream of its own: a method that draws more noise leaves the
    order of the batches as it was. All numbers are drawn on the CPU and are the same on every device.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        The seed. None takes fresh entropy; the global generators are never touched.
    """

    def __init__(self, random_state: int | np.random.RandomState | None) -> None:
        if random_state is None:
            self.root = int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
        elif isinstance(random_state, np.random.RandomState):
            self.root = int(random_state.randint(2**31))
        else:
            self.root = int(random_state)

    def seed(self, purpose: str) -> int:
        """Return a seed of 32 bits for ``purpose``."""
        digest = hashlib.sha256(f"{self.root}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:4], "little")

    def generator(self, purpose: str) -> torch.Generator:
        """Return a fresh generator for ``purpose``, on the CPU."""
        return torch.Generator().manual_seed(self.seed(purpose))

"""Independent random generators for each purpose, derived from one seed."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


class Streams:
    """Random generators by name of their purpose.

    The seed of each generator is a hash of ``random_state`` and the purpose. Paired methods therefore share initial
    weights and batch order, whatever other random numbers they draw. All numbers are drawn on the CPU and are the same
    on every device.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        The seed; None takes fresh entropy. The global generators are not used.
    """

    def __init__(self, random_state: int | np.random.RandomState | None) -> None:
        if random_state is None:
            self.root = int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
        elif isinstance(random_state, np.random.RandomState):
            self.root = int(random_state.randint(2**31))
        else:
            self.root = int(random_state)

    def seed(self, purpose: str) -> int:
        """Return the 32-bit seed for ``purpose``."""
        digest = hashlib.sha256(f"{self.root}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:4], "little")

    def generator(self, purpose: str) -> torch.Generator:
        """Return a new CPU generator for ``purpose``."""
        return torch.Generator().manual_seed(self.seed(purpose))

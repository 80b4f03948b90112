"""The global random generators: methods leave them alone and depend on none of them."""

from __future__ import annotations

import contextlib
import pickle
import random
from collections.abc import Iterator

import numpy as np
import torch

Bytes = dict[str, bytes]


def states() -> Bytes:
    """Return the state of each global generator, by the name of its module."""
    now = {"random": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state().numpy()}  # noqa: NPY002
    return {name: pickle.dumps(state) for name, state in now.items()}


def touched_since(before: Bytes) -> list[str]:
    """Return the modules whose global generator has changed."""
    return [name for name, state in states().items() if state != before[name]]


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Put the global generators back afterwards, whatever a method does to them."""
    python, numpy, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(torch_state)


def set_all(seed: int) -> None:
    """Seed every global generator, as code that knows nothing of the method might."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)

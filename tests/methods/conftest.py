"""Data and parameters that the tests of the methods share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

#: A small network and few steps; the scores are low.
SMALL = {
    "hidden_dims": (24,),
    "latent_dim": 4,
    "likelihood": "bernoulli",
    "batch_size": 64,
    "pretrain_epochs": 3,
    "n_init": 2,
    "device": "cpu",
}


def digits_600() -> np.ndarray:
    """Return the first 600 digits, float32 of shape (600, 64), in [0, 1]."""
    return (load_digits().data / 16).astype(np.float32)[:600]


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    return digits_600()


@pytest.fixture
def small() -> dict:
    return dict(SMALL)

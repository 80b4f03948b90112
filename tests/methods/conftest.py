"""Data that every method's tests share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

#: A small network and few steps: enough for everything but good scores.
SMALL = {
    "hidden_dims": (24,),
    "latent_dim": 4,
    "likelihood": "bernoulli",
    "batch_size": 64,
    "pretrain_epochs": 3,
    "n_init": 2,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    return (load_digits().data / 16).astype(np.float32)[:600]


@pytest.fixture
def small() -> dict:
    return dict(SMALL)

"""Data of MNIST's shape, and a fixed number of threads: speed does not ask what the pixels show."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

THREADS = 2


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.clip(generator.normal(0.1, 0.3, (10_000, 784)), 0, 1).astype(np.float32)


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    with threadpool_limits(THREADS):
        yield
    torch.set_num_threads(before)

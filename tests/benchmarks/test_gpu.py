"""DEC's protocol on MNIST for ten seeds on a GPU, one after the other and together, with and without CUDA graphs.

The floor: 3.3 million weights and 256 points make 5 GFLOP a step and seed. All at once:

    python -m pytest tests/benchmarks/test_gpu.py -p no:xdist --benchmark-only
"""

import time

import numpy as np
import pytest
import torch

from methods import training
from methods.dec import info as dec

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")]
SEEDS = 10
STEPS_PER_EPOCH = -(-70_000 // 256)
MOST_STEPS = dec.load()().max_iter
PAPER = {**dec.preset("paper", "mnist"), "n_clusters": 10, "device": "cuda"}


@pytest.fixture(scope="module")
def mnist_like():
    """Ten blurred prototypes with noise, of MNIST's shape."""
    generator = np.random.default_rng(0)
    prototypes = generator.random((10, 784)) < 0.2
    x = prototypes[generator.integers(0, 10, 70_000)] + generator.normal(0, 0.2, (70_000, 784))
    return np.clip(x, 0, 1).astype(np.float32)


def seconds(x, n_seeds, **parameters):
    estimator = dec.load()(**{**PAPER, "n_init": 1, "tol": 0.0, **parameters})
    torch.cuda.synchronize()
    start = time.perf_counter()
    fitted = estimator.fit_seeds(x, range(n_seeds))
    torch.cuda.synchronize()
    assert not any(isinstance(one, Exception) for one in fitted)
    return time.perf_counter() - start


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "no-graphs"])
@pytest.mark.parametrize("together", [1, SEEDS])
def test_steps_of_decs_protocol(benchmark, mnist_like, together, graphs, monkeypatch):
    """``extra_info`` has the milliseconds of a step of all seeds together, and the seconds of the protocol."""
    monkeypatch.setattr(training, "CUDA_GRAPHS", graphs)
    seconds(mnist_like, together, pretrain_epochs=1, max_iter=140)
    start = seconds(mnist_like, together, pretrain_epochs=0, max_iter=0)
    pretraining = seconds(mnist_like, together, pretrain_epochs=3, max_iter=0) - start
    total = benchmark.pedantic(seconds, (mnist_like, together), {"pretrain_epochs": 3, "max_iter": 840}, rounds=1)
    steps = {
        "pretraining": pretraining / (3 * STEPS_PER_EPOCH),
        "clustering": (total - start - pretraining) / 840,
    }
    protocol = steps["pretraining"] * 300 * STEPS_PER_EPOCH + steps["clustering"] * MOST_STEPS
    benchmark.extra_info |= {f"ms of a step, {name}": round(1e3 * value, 3) for name, value in steps.items()}
    benchmark.extra_info["s of ten seeds, 300 epochs and 20,000 steps"] = round(protocol * SEEDS / together, 1)
    benchmark.extra_info["GPU"] = torch.cuda.get_device_name()

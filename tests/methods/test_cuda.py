"""Determinism of the methods on a GPU, and agreement with the CPU."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from bench.plan.registry import find_method

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")]
NAMES = ("ae_kmeans", "ae_gmm", "vae_kmeans", "dec", "sdec", "vade")


def fit(name, digits, small, device):
    estimator = find_method(name).load()()
    parameters = {**small, "epochs": 2, "random_state": 0, "device": device}
    return estimator.set_params(**{p: v for p, v in parameters.items() if p in estimator.get_params()}).fit(digits)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_identical_labels_and_losses(name, digits, small):
    first, second = (fit(name, digits, small, "cuda") for _ in range(2))
    np.testing.assert_array_equal(first.labels_, second.labels_)
    assert [r["loss"] for r in first.history_] == [r["loss"] for r in second.history_]


@pytest.mark.parametrize("name", NAMES)
def test_gpu_and_cpu_draw_the_same_numbers(name, digits, small):
    """Losses differ by rounding only; another batch order or other noise gives larger differences."""
    cpu, gpu = (fit(name, digits, small, device) for device in ("cpu", "cuda"))
    losses = [[r["loss"] for r in e.history_] for e in (cpu, gpu)]
    np.testing.assert_allclose(*losses, rtol=1e-3)
    assert adjusted_rand_score(cpu.labels_, gpu.labels_) > 0.9


def test_deterministic_algorithms_are_enabled_during_the_fit_only(digits, small):
    fit("dec", digits, small, "cuda")
    assert not torch.are_deterministic_algorithms_enabled()

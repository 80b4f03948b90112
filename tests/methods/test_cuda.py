"""Determinism of the methods on a GPU, and agreement with the CPU."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from bench.plan.registry import find_method
from methods import training

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")]
NAMES = ("ae_kmeans", "ae_gmm", "vae_kmeans", "dec", "sdec", "vade")


def make(name, small, device, **parameters):
    estimator = find_method(name).load()()
    parameters = {**small, "epochs": 2, "random_state": 0, "device": device, **parameters}
    return estimator.set_params(**{p: v for p, v in parameters.items() if p in estimator.get_params()})


def fit(name, digits, small, device):
    return make(name, small, device).fit(digits)


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


def losses(estimator):
    return [row["loss"] for row in estimator.history_]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seeds_together_give_identical_labels_and_losses(name, digits, small):
    packs = [make(name, small, "cuda").fit_seeds(digits, range(5)) for _ in range(2)]
    for first, second in zip(*packs, strict=True):
        np.testing.assert_array_equal(first.labels_, second.labels_)
        assert losses(first) == losses(second)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_in_a_pack_differs_from_the_seed_alone_by_rounding_only(name, digits, small):
    alone = make(name, small, "cuda", random_state=3).fit(digits)
    together = make(name, small, "cuda").fit_seeds(digits, range(5))[3]
    np.testing.assert_allclose(losses(alone), losses(together), rtol=1e-3)
    assert adjusted_rand_score(alone.labels_, together.labels_) > 0.9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [{}, {"optimizer": "sgd", "pretrain_optimizer": "sgd", "target_update": 7}])
def test_a_graph_takes_the_steps_that_are_taken_without_it(name, digits, small, change, monkeypatch):
    packs = []
    for graphs in (True, False):
        monkeypatch.setattr(training, "CUDA_GRAPHS", graphs)
        packs.append(make(name, small, "cuda", **change).fit_seeds(digits, range(3)))
    for first, second in zip(*packs, strict=True):
        np.testing.assert_allclose(losses(first), losses(second), rtol=1e-5)
        assert adjusted_rand_score(first.labels_, second.labels_) > 0.99


def test_seeds_that_stop_leave_the_others_as_they_are(digits, small):
    options = {"tol": 0.01, "target_update": 4, "epochs": 8}
    together = make("dec", small, "cuda", **options).fit_seeds(digits, range(8))
    alone = [make("dec", small, "cuda", **options, random_state=seed).fit(digits) for seed in range(8)]
    assert len({fitted.n_iter_ for fitted in together}) > 1
    for one, other in zip(together, alone, strict=True):
        n = min(len(one.history_), len(other.history_)) - 1
        np.testing.assert_allclose(losses(one)[:n], losses(other)[:n], rtol=1e-2)

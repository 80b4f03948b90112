"""Seeds that are trained together are, bit for bit, what each is alone."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.method import Diverged
from bench.plan.registry import find_method, methods
from methods.dec import DEC
from methods.sdec import SDEC
from tests.methods.conftest import SMALL, digits_600

SEEDS = tuple(range(20))
#: Presets and settings that take another way through the code.
WAYS = {
    "ae_kmeans": ({}, {"likelihood": "gaussian", "initializer": "torch"}),
    "ae_gmm": ({}, {"epochs": 2, "batch_size": 50}),
    "vae_kmeans": ({}, {"batch_size": 50, "likelihood": "gaussian", "pretrain_optimizer": "sgd"}, {"noise_scale": 0.0}),
    "dec": (
        {"target_update": 4, "tol": 0.01, "epochs": 6, "learning_rate": 1e-3},
        {"reconstruction_weight": 0.1, "optimizer": "sgd", "weight_decay": 1e-3},
        {"target_update": "batch", "max_iter": 13, "batch_size": 70},
    ),
    "sdec": (
        {"target_update": 4, "tol": 0.01, "epochs": 6, "learning_rate": 1e-3, "warmup_epochs": 1},
        {"prior": "standard", "score": "sample", "weight_decay": 1e-3, "batch_size": 50},
        {"noise_scale": 0.0, "target_update": "batch"},
    ),
    "vade": ({}, {"beta": 0.0}, {"batch_size": 50, "likelihood": "gaussian", "decay_every": 1}),
    "kmeans": ({},),
}
PACKS = ((7,), (2, 0, 5), tuple(reversed(range(10))), SEEDS)
CASES = [
    pytest.param(name, way, seeds, id=f"{name}-{i}-{len(seeds)}")
    for name, ways in WAYS.items()
    for i, way in enumerate(ways)
    for seeds in (PACKS if i == 0 else PACKS[:2])
]
_alone: dict = {}


def make(name, small, way):
    estimator = find_method(name).load()()
    known = estimator.get_params()
    return estimator.set_params(**{p: v for p, v in {**small, "epochs": 3, **way}.items() if p in known})


def alone(name, small, way, digits, seed):
    """Return the fit of a seed by itself."""
    key = name, str(way), seed
    if key not in _alone:
        _alone[key] = make(name, small, way).set_params(random_state=seed).fit(digits)
    return _alone[key]


def assert_same(one, other):
    np.testing.assert_array_equal(one.labels_, other.labels_)
    assert getattr(one, "history_", None) == getattr(other, "history_", None)
    assert one.n_iter_ == other.n_iter_
    for name in ("embedding_", "embedding_variance_", "cluster_centers_", "means_", "variances_", "weights_"):
        assert np.array_equal(getattr(one, name, 0), getattr(other, name, 0)), name
    if hasattr(one, "network_"):
        assert one.stop_reason_ == other.stop_reason_
        theirs = other.network_.state_dict()
        assert all(torch.equal(weight, theirs[name]) for name, weight in one.network_.state_dict().items())


@pytest.mark.parametrize(("name", "way", "seeds"), CASES)
def test_a_seed_is_the_same_in_any_company_and_order(name, way, seeds, digits, small):
    for seed, fitted in zip(seeds, make(name, small, way).fit_seeds(digits, seeds), strict=True):
        assert fitted.random_state == seed
        assert_same(fitted, alone(name, small, way, digits, seed))


def test_seeds_stop_at_steps_of_their_own(digits, small):
    """Otherwise the tests above say nothing of seeds that leave."""
    for name in ("dec", "sdec"):
        fitted = make(name, small, WAYS[name][0]).fit_seeds(digits, SEEDS)
        assert len({one.n_iter_ for one in fitted}) > 1


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=6, unique=True), st.sampled_from([1, 2]))
def test_whatever_the_seeds_and_the_threads(seeds, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        estimator = make("sdec", SMALL, {"batch_size": 96, "epochs": 1})
        together = estimator.fit_seeds(digits_600(), seeds)
        assert_same(together[-1], estimator.set_params(random_state=seeds[-1]).fit(digits_600()))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("info", [i for i in methods().values() if i.name != "kmeans"], ids=lambda info: info.name)
def test_every_preset_trains_seeds_together(info, digits, small):
    few = {**{p: small[p] for p in ("hidden_dims", "n_init", "device")}, "pretrain_epochs": 1, "epochs": 1}
    for preset in info.presets:
        parameters = {**info.presets[preset], **few}
        estimator = info.load()()
        known = estimator.get_params()
        parameters |= {"max_iter": 5} if "max_iter" in known else {}
        estimator.set_params(**{p: v for p, v in parameters.items() if p in known})
        first, second = estimator.fit_seeds(digits, [3, 4])
        assert_same(first, estimator.set_params(random_state=3).fit(digits))
        assert not np.array_equal(first.embedding_, second.embedding_)


def test_a_seed_that_diverges_leaves_and_the_others_are_as_without_it(digits, small, monkeypatch):
    prepare = DEC._prepare

    def poison(self, autoencoder):
        if self.random_state == 1:
            autoencoder.code.weight.data[0, 0] = 1e30
        return prepare(self, autoencoder)

    monkeypatch.setattr(DEC, "_prepare", poison)
    estimator = DEC(**small, epochs=3, tol=0)
    first, failure, third = estimator.fit_seeds(digits, [0, 1, 2])
    assert isinstance(failure, Diverged)
    assert str(failure) == "the loss of clustering was not finite in epoch 1"
    assert_same(first, estimator.set_params(random_state=0).fit(digits))
    assert_same(third, estimator.set_params(random_state=2).fit(digits))


def test_a_seed_that_fails_fails_alone(digits, small, monkeypatch):
    start = SDEC._kmeans

    def fail(self, codes):
        if self.random_state == 1:
            raise RuntimeError("no clusters")
        return start(self, codes)

    monkeypatch.setattr(SDEC, "_kmeans", fail)
    first, failure, third = SDEC(**small, epochs=1).fit_seeds(digits, [0, 1, 2])
    assert str(failure) == "no clusters"
    assert (first.random_state, third.random_state) == (0, 2)


def test_seeds_share_stored_networks_each_in_its_folder(digits, small, tmp_path):
    folders = [str(tmp_path / name) for name in "abc"]
    trained = DEC(**small, epochs=1).fit_seeds(digits, [0, 1, 2], folders)
    assert [len(list((tmp_path / name).glob("*.npz"))) for name in "abc"] == [1, 1, 1]
    stored = DEC(**small, epochs=1).fit_seeds(digits, [2, 0], [folders[2], folders[0]])
    assert_same(stored[0], trained[2])
    assert_same(stored[1], trained[0])
    assert stored[1].timings_["pretrain"] == trained[0].timings_["pretrain"]


def test_a_fitted_seed_carries_its_own_memory_alone(digits, small):
    one = SDEC(**small, epochs=1, random_state=0).fit(digits)
    (first, *_) = SDEC(**small, epochs=1).fit_seeds(digits, range(10))
    assert len(pickle.dumps(first)) <= len(pickle.dumps(one)) + 100
    assert_same(pickle.loads(pickle.dumps(first)), one)


def test_invalid_points_are_refused_for_all_seeds(digits, small):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        DEC(**small).fit_seeds(digits * 2, [0, 1])

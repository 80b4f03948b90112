"""Without noise, a stochastic method equals its deterministic counterpart bit for bit."""

import numpy as np
import pytest

from bench.plan.configurations import resolve_params
from bench.plan.registry import find_method, methods

STOCHASTIC = [info for info in methods().values() if info.kind == "stochastic"]


def fitted(name, x, **parameters):
    return find_method(name).load()(**parameters, random_state=3).fit(x)


def losses(estimator):
    return [row["loss"] for row in estimator.history_]


def assert_same(ours, twin):
    np.testing.assert_array_equal(ours.labels_, twin.labels_)
    np.testing.assert_array_equal(ours.embedding_, twin.embedding_)
    assert losses(ours) == losses(twin)
    shared = twin.network_.state_dict()
    for name, weight in ours.network_.state_dict().items():
        if name in shared:
            np.testing.assert_array_equal(weight, shared[name], err_msg=name)


def test_vae_without_noise_and_kl_is_the_autoencoder(digits, small):
    assert_same(fitted("vae_kmeans", digits, **small, beta=0, noise_scale=0), fitted("ae_kmeans", digits, **small))


@pytest.mark.parametrize("reconstruction_weight", [0.0, 0.3])
@pytest.mark.parametrize("training", [
    {"optimizer": "adam", "weight_decay": 1e-3, "target_update": "epoch"},
    {"optimizer": "sgd", "target_update": 4},
    {"optimizer": "sgd", "target_update": "batch"},
])  # fmt: skip
def test_sdec_without_noise_and_prior_is_dec_or_idec(digits, small, training, reconstruction_weight):
    shared = {
        **small,
        **training,
        "reconstruction_weight": reconstruction_weight,
        "epochs": 4,
        "learning_rate": 1e-2,
    }
    stochastic = fitted("sdec", digits, **shared, beta=0, noise_scale=0)
    assert_same(stochastic, fitted("dec", digits, **shared))


def test_vade_at_its_start_is_the_mixture(digits, small):
    vade, twin = fitted("vade", digits, **small, epochs=0), fitted("ae_gmm", digits, **small)
    assert_same(vade, twin)
    np.testing.assert_array_equal(vade.predict_proba(digits), twin.predict_proba(digits))


@pytest.mark.parametrize(("name", "noise"), [("vae_kmeans", {"beta": 0}), ("sdec", {"beta": 0, "epochs": 2})])
def test_noise_alone_changes_the_outcome(digits, small, name, noise):
    """The tests above hold trivially if the noise does not enter the loss."""
    with_noise = fitted(name, digits, **small, **noise)
    without = fitted(name, digits, **small, **noise, noise_scale=0)
    assert losses(with_noise) != losses(without)


@pytest.mark.parametrize(("info", "preset"), [(i, p) for i in STOCHASTIC for p in i.presets if "@" not in p],
                         ids=lambda v: getattr(v, "name", v))  # fmt: skip
def test_twin_of_every_preset_shares_network_and_training(info, preset):
    ours = resolve_params(info, info.preset(preset, "usps"), 10)
    name, parameters = info.twin(ours)
    twin = resolve_params(find_method(name), parameters, 10)
    assert find_method(name).kind == "deterministic"
    assert all(twin[p] == ours[p] for p in twin)

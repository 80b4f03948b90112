"""Without noise and without prior, a stochastic method equals its deterministic counterpart bit for bit."""

from typing import get_args

import numpy as np
import pytest

from bench.plan.configurations import resolve_params
from bench.plan.registry import find_method, methods
from methods.networks import Likelihood

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


@pytest.mark.parametrize("likelihood", get_args(Likelihood))
def test_vae_without_noise_and_kl_is_the_autoencoder(digits, small, likelihood):
    shared = {**small, "likelihood": likelihood}
    assert_same(fitted("vae_kmeans", digits, **shared, beta=0, noise_scale=0), fitted("ae_kmeans", digits, **shared))


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


@pytest.mark.parametrize("beta", [0, 1])
def test_vade_at_its_start_is_the_mixture(digits, small, beta):
    vade, twin = fitted("vade", digits, **small, epochs=0, beta=beta), fitted("ae_gmm", digits, **small)
    assert_same(vade, twin)
    np.testing.assert_array_equal(vade.predict_proba(digits), twin.predict_proba(digits))


@pytest.mark.parametrize("likelihood", ["bernoulli", "standardized"])
def test_vade_without_noise_and_prior_is_the_mixture_of_an_autoencoder_trained_as_long(digits, small, likelihood):
    trained = {**small, "likelihood": likelihood, "epochs": 3, "decay_every": 2, "learning_rate": 1e-2}
    vade, twin = fitted("vade", digits, **trained, beta=0, noise_scale=0), fitted("ae_gmm", digits, **trained)
    assert_same(vade, twin)
    np.testing.assert_array_equal(vade.predict_proba(digits), twin.predict_proba(digits))
    assert vade.n_iter_ == twin.n_iter_ > 0
    assert losses(twin) != losses(fitted("ae_gmm", digits, **{**trained, "epochs": 0}))


def test_sdec_and_its_counterpart_wait_for_the_warm_up_before_they_stop(digits, small):
    sure = {**small, "tol": 1.0, "epochs": 12}  # stops as soon as it may
    sdec = fitted("sdec", digits, **sure, warmup_epochs=30)
    _, parameters = find_method("sdec").twin(sdec.get_params())
    twin = find_method("dec").load()(**parameters).fit(digits)
    steps = -(-len(digits) // sdec.batch_size)
    assert sdec.n_iter_ == twin.n_iter_ == 4 * steps
    assert fitted("sdec", digits, **sure, warmup_epochs=0).n_iter_ == steps


@pytest.mark.parametrize("info", STOCHASTIC, ids=lambda info: info.name)
def test_prior_only_is_the_method_without_noise_and_its_variances_do_not_matter(digits, small, info):
    """The log-variance of the start enters no loss, so that no KL term in sigma reaches the network."""
    shared = {**small, **({"epochs": 2} if info.name != "vae_kmeans" else {})}
    ours = resolve_params(info, shared, 10)
    name, parameters = info.ablations["prior only"](ours)
    assert name == info.name
    assert {p for p in ours if ours[p] != parameters[p]} == {"noise_scale"}
    alone = info.load()(**parameters, random_state=3).fit(digits)
    if "log_variance_start" in parameters:
        other = info.load()(**{**parameters, "log_variance_start": 1.0}, random_state=3).fit(digits)
        np.testing.assert_array_equal(alone.embedding_, other.embedding_)
        assert losses(alone) == losses(other)
    assert not alone.embedding_variance_.any()
    name, parameters = info.ablations["noise only"](ours)
    assert {p for p in ours if ours[p] != parameters[p]} == {"beta"}
    without = info.load()(**{**parameters, "noise_scale": 0.0}, random_state=3).fit(digits)
    assert losses(alone) != losses(without)  # the prior pulls on the means


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
    waits = {"min_epochs"} if info.name == "sdec" else set()  # as long as S-DEC's warm-up
    assert all(twin[p] == ours[p] for p in twin if p not in waits)

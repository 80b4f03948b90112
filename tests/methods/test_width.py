"""The learning rate is scaled on wide data, where clusters would collapse, and unchanged on narrow data."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.execution.outputs import _history_columns
from bench.metrics.health import advice_on, health_of
from methods.dec import DEC
from methods.losses import clustering_loss, log_soft_assignment, target_distribution
from methods.presets import QUICK
from methods.sdec import SDEC
from methods.seeding import Streams
from methods.training import REFERENCE_WIDTH, rate_for_width
from methods.vade import VaDE

RATE = 1e-3
ONE_STEP = {"n_clusters": 3, "hidden_dims": (6,), "latent_dim": 2, "pretrain_epochs": 0, "n_init": 1, "device": "cpu"}


def first_layer(estimator, x):
    """Return the pre-activations of the input layer."""
    with torch.no_grad():
        return estimator.network_.body[0](torch.from_numpy(x)).numpy()


@given(st.integers(1, REFERENCE_WIDTH), st.floats(1e-6, 10))
def test_up_to_784_features_the_rate_is_the_one_given_to_the_bit(n_features, rate):
    assert rate_for_width(rate, n_features) == rate


@given(st.integers(REFERENCE_WIDTH, 10**6), st.floats(1e-6, 10))
def test_above_the_rate_times_the_width_is_constant(n_features, rate):
    assert rate_for_width(rate, n_features) * n_features == pytest.approx(rate * REFERENCE_WIDTH)


@pytest.mark.parametrize(
    "estimator", [DEC(), DEC(reconstruction_weight=0.01), SDEC(), VaDE()], ids=["DEC", "IDEC", "S-DEC", "VaDE"]
)
@pytest.mark.parametrize("d", [500, 2000, 8000])
def test_a_step_moves_a_pre_activation_by_no_more_than_784_features_would(estimator, d):
    x = np.random.default_rng(0).random((40, d), dtype=np.float32)
    estimator.set_params(**ONE_STEP, batch_size=40, learning_rate=RATE, random_state=0)
    start, end = (first_layer(estimator.set_params(epochs=e).fit(x), x) for e in (0, 1))
    moved = np.abs(end - start).max()
    assert 0 < moved <= RATE * (REFERENCE_WIDTH + 1) * 1.01  # and the bias; with the rate unscaled up to RATE * d / 2


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_step_on_narrow_data_is_that_of_the_plain_optimizer(digits, small, optimizer):
    options = {**small, "optimizer": optimizer, "learning_rate": RATE, "random_state": 0}
    start, end = DEC(**options, epochs=0).fit(digits), DEC(**options, epochs=1, max_iter=1).fit(digits)
    network, x = start.network_, torch.from_numpy(digits)
    network.zero_grad(set_to_none=True)  # gradients of the last pretraining step
    centroids = torch.nn.Parameter(torch.tensor(start.cluster_centers_))
    with torch.no_grad():
        target = target_distribution(log_soft_assignment(network.encode(x), centroids).exp())
    index = torch.randperm(len(x), generator=Streams(0).generator("order/cluster"))[: small["batch_size"]]
    weights = [*network.body.parameters(), *network.code.parameters(), centroids]
    plain = (
        torch.optim.Adam(weights, lr=RATE, fused=True)
        if optimizer == "adam"
        else torch.optim.SGD(weights, lr=RATE, momentum=0.9, fused=True)
    )
    clustering_loss(target[index], log_soft_assignment(network.encode(x[index]), centroids)).backward()
    plain.step()
    for ours, theirs in zip(end.network_.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(end.cluster_centers_, centroids.detach().numpy(), rtol=1e-4, atol=2e-6)


def wide(n=300, d=4000):
    """Return points in [0, 1] of five clusters, each raised in 400 features of its own, and their classes."""
    x, y = np.random.default_rng(0).random((n, d), dtype=np.float32) * 0.3, np.arange(n) % 5
    for k in range(5):
        x[y == k, k * 400 : (k + 1) * 400] += 0.3
    return x, y


def test_dec_keeps_its_clusters_on_wide_data_where_the_rate_of_narrow_data_loses_them(tmp_path):
    x, _ = wide()
    options = {"n_clusters": 5, "hidden_dims": (32, 32), "latent_dim": 5, "likelihood": "bernoulli", "batch_size": 64}
    options |= {"pretrain_epochs": 20, "n_init": 3, "random_state": 0, "device": "cpu", "memory": str(tmp_path)}
    kept = DEC(**options, epochs=15, learning_rate=RATE).fit(x)
    assert len(set(kept.labels_)) == 5
    unscaled = RATE * x.shape[1] / REFERENCE_WIDTH
    lost = DEC(**options, epochs=15, learning_rate=unscaled).fit(x)
    assert len(set(lost.labels_)) < 3
    outputs = {"labels": lost.labels_, **_history_columns(lost.history_)}
    assert "try preprocessing" in advice_on(health_of(outputs, 5), outputs, lost.get_params(), *x.shape)


@pytest.mark.slow
def test_dec_of_quick_keeps_five_clusters_on_20531_features():
    rng = np.random.default_rng(0)
    n, d = 801, 20_531
    x = rng.lognormal(size=(n, d)).astype("float32")
    y = rng.integers(0, 5, n)
    x[:, :300] = 0
    for k in range(5):
        x[y == k, 400 + k * 200 : 600 + k * 200] *= 4
    span = np.ptp(x, 0)
    x = (x - x.min(0)) / np.where(span == 0, 1, span)
    quick = {**QUICK, "pretrain_epochs": 60, "n_clusters": 5, "random_state": 0, "device": "cpu"}
    assert len(set(DEC(**quick, epochs=100, learning_rate=RATE).fit(x).labels_)) == 5

"""Verdicts on runs: on real training, and on states made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from bench.data.cards import load_dataset
from bench.metrics.health import (
    SAME_ROWS,
    Health,
    advice_on,
    health_of,
    information_share,
    is_collapsed,
    latent_noise_share,
)
from methods.dec import DEC
from methods.sdec import SDEC
from methods.sdec import info as sdec

N, K = 120, 10
LABELS = np.arange(N) % K
SOFT = np.eye(K, dtype=np.float32)[LABELS]


def outputs(labels=LABELS, *, sigma=None, phases=(), **history):
    """Return the outputs of a run whose codes have unit variance in each of two dimensions."""
    made = {"labels": np.asarray(labels)}
    if sigma is not None:
        made["embedding"] = np.resize([[-1.0, 1.0], [1.0, -1.0]], (N, 2)).astype(np.float32)
        made["embedding_variance"] = np.full((N, 2), sigma**2, np.float32)
    if phases:
        made["history/phase"] = np.array(phases)
    return made | {f"history/{name}": np.array(values, float) for name, values in history.items()}


def trained(x, **parameters):
    """Return the outputs of the report's S-DEC as a cell keeps them."""
    model = SDEC(n_clusters=10, device="cpu", random_state=0, **{**sdec.presets["seed-report"], **parameters}).fit(x)
    return kept(model, x) | {"embedding": model.embedding_, "embedding_variance": model.embedding_variance_}


def kept(model, x):
    """Return the labels, soft assignment and history of a fitted model as a cell keeps them."""
    return {
        "labels": model.labels_,
        "soft_assignment": model.predict_proba(x),
        "history/phase": np.array([row["phase"] for row in model.history_]),
        **{f"history/{name}": np.array([row.get(name, np.nan) for row in model.history_]) for name in NUMBERS},
    }


NUMBERS = ("clusters_in_use", "mutual_information", "noise_share")
ON_DIGITS = {"hidden_dims": (128, 128), "pretrain_epochs": 30, "epochs": 40}


@pytest.mark.parametrize(("beta", "verdict"), [(1.0, "collapsed"), (0.01, "healthy"), (0.0001, "degenerate variance")])
def test_the_beta_curve_of_the_reported_sdec_shows_all_three_verdicts(beta, verdict):
    x = (load_digits().data / 16).astype(np.float32)
    health = health_of(trained(x, beta=beta, **ON_DIGITS), K)
    assert health.verdict == verdict, health.reason
    if verdict == "healthy":
        assert health.epoch is None
    else:  # its noise starts at sigma = 1, its clusters from an autoencoder's: neither state is there from the start
        assert 1 < health.epoch <= 40


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "verdict"), [(1.0, "collapsed"), (0.01, "healthy"), (0.0001, "degenerate variance")])
def test_the_beta_curve_shows_them_on_mnist_too(data_root, beta, verdict):
    x = load_dataset("mnist@test", data_root=data_root, limit=4000).x
    network = {"hidden_dims": (500, 500, 500), "pretrain_epochs": 10, "epochs": 30}
    health = health_of(trained(x, beta=beta, **network), K)
    assert health.verdict == verdict, health.reason


def test_a_verdict_does_not_depend_on_the_scale_of_the_codes():
    for sigma, verdict in ((0.3, "healthy"), (0.01, "degenerate variance")):
        made = outputs(sigma=sigma)
        scaled = made | {"embedding": made["embedding"] * 50, "embedding_variance": made["embedding_variance"] * 2500}
        assert health_of(made, K).verdict == health_of(scaled, K).verdict == verdict


def test_noise_share_is_the_variance_of_draws_within_points_over_that_of_all_draws():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(2, 3, (40, 3)), rng.uniform(0.5, 4, (40, 3))
    draws = mean + np.sqrt(variance) * rng.normal(size=(20_000, 40, 3))
    within, whole = draws.var(axis=0).mean(axis=0).sum(), draws.reshape(-1, 3).var(axis=0).sum()
    assert latent_noise_share(mean, variance) == pytest.approx(within / whole, rel=0.01)


def test_deterministic_methods_are_never_of_degenerate_variance():
    assert health_of(outputs(), K).verdict == "healthy"
    assert health_of(outputs(sigma=0.0), K).verdict == "healthy"  # noise_scale = 0: it promised none
    assert health_of(outputs(sigma=1e-3), K).verdict == "degenerate variance"


def test_one_cluster_and_rows_all_the_same_are_a_collapse_whatever_the_noise():
    assert health_of(outputs(np.zeros(N, int), sigma=1e-3), K) == Health("collapsed", None, "all points in 1 cluster")
    rounding = np.full((N, K), 0.1, np.float32) + np.linspace(0, 4e-4, N, dtype=np.float32)[:, None] * SOFT
    health = health_of(outputs(sigma=0.3) | {"soft_assignment": rounding}, K)
    assert health.verdict == "collapsed"
    assert "of the information it could have" in health.reason
    assert health_of(outputs(sigma=0.3) | {"soft_assignment": SOFT}, K).verdict == "healthy"


def test_few_odd_rows_make_no_clustering_of_a_collapse():
    """S-DEC at beta 1: 4,000 rows alike but for a few that differ by .002, and their argmax in two clusters."""
    q = np.full((4000, 10), 0.1) + np.random.default_rng(0).normal(0, 2e-4, (4000, 10))
    q[:7] += np.linspace(-1e-3, 1e-3, 10)
    q /= q.sum(axis=1, keepdims=True)
    assert np.ptp(q, axis=0).max() > 1e-3
    assert is_collapsed(q.argmax(axis=1), q)


def test_a_soft_assignment_that_tells_points_apart_is_no_collapse_however_soft():
    """Far centroids in many dimensions: every q is near 1/k, and the order is right."""
    rng = np.random.default_rng(0)
    centers = rng.normal(0, 1, (10, 64))
    points = centers[np.arange(1000) % 10] + rng.normal(0, 1, (1000, 64))
    q = 1 / (1 + ((points[:, None] - centers) ** 2).sum(axis=2))
    q /= q.sum(axis=1, keepdims=True)
    assert q.max() < 0.4
    assert information_share(q) > 100 * SAME_ROWS
    assert not is_collapsed(q.argmax(axis=1), q)


def test_a_collapse_is_one_cluster_or_one_row_of_assignments():
    assert is_collapsed(np.zeros(4, int), None)
    assert not is_collapsed(np.array([0, -1]), None)
    apart = np.float32([[1, -1], [-1, 1]])
    assert is_collapsed(np.array([0, 1]), 0.5 + 1e-3 * apart)
    assert not is_collapsed(np.array([0, 1]), 0.5 + 3e-3 * apart)


@pytest.mark.parametrize(
    ("n_used", "n_clusters", "verdict"),
    [(2, 10, "partly collapsed"), (4, 10, "partly collapsed"), (5, 10, "healthy"), (3, 7, "partly collapsed"),
     (4, 7, "healthy"), (2, 2, "healthy"), (2, 3, "healthy")],
)  # fmt: skip
def test_fewer_than_half_of_the_clusters_is_a_partial_collapse(n_used, n_clusters, verdict):
    health = health_of(outputs(np.arange(N) % n_used), n_clusters)
    assert (health.verdict, health.reason) == (verdict, f"{n_used} of {n_clusters} clusters in use")


def test_assignments_that_hardly_told_clusters_apart_are_vague_from_the_epoch_on():
    phases = ["pretrain"] + ["cluster"] * 4
    told = np.array([np.nan, 0.5, 0.09, 0.08, 0.05]) * np.log(K)
    health = health_of(outputs(phases=phases, mutual_information=told), K)
    assert (health.verdict, health.epoch) == ("vague assignments", 2)
    assert health.reason == "the assignments have 5.0% of the information that they could have of the clusters"
    told[-1] = 0.11 * np.log(K)
    assert health_of(outputs(phases=phases, mutual_information=told), K).verdict == "healthy"
    assert health_of(outputs(np.zeros(N), phases=phases, mutual_information=0 * told), K).verdict == "collapsed"


def test_a_method_that_trains_no_assignment_has_no_vague_one():
    soft = 0.1 + 0.01 * (SOFT - 0.1)
    made = outputs(phases=["pretrain"] * 3, mutual_information=[np.nan] * 3) | {"soft_assignment": soft}
    assert health_of(made, K).verdict == "healthy"


def test_dec_on_a_table_within_a_narrow_range_is_vague_and_standardized_points_mend_it():
    generator = np.random.default_rng(0)
    x = np.repeat(generator.random((5, 8)), 60, axis=0) + generator.normal(0, 0.05, (300, 8))
    x = (0.5 + 0.3 * (x - x.mean())).astype(np.float32)
    parameters = {"n_clusters": 5, "hidden_dims": (32,), "latent_dim": 4, "pretrain_epochs": 40, "epochs": 20}
    verdicts, advised = {}, {}
    for likelihood in ("gaussian", "standardized"):
        model = DEC(**parameters, likelihood=likelihood, batch_size=64, random_state=0, device="cpu").fit(x)
        made = kept(model, x)
        verdicts[likelihood] = health_of(made, 5)
        advised[likelihood] = advice_on(verdicts[likelihood], made, {"alpha": 1.0, "likelihood": likelihood}, 300, 8)
    assert [health.verdict for health in verdicts.values()] == ["vague assignments", "healthy"]
    assert advised["gaussian"].endswith("Try likelihood=standardized.")


def test_a_stray_point_does_not_undo_a_collapse():
    """All other rows are equal but for rounding, which makes ten clusters of them and an ECE near 0."""
    rng = np.random.default_rng(0)
    q = np.full((1000, 10), 0.1) + rng.normal(0, 1e-6, (1000, 10))
    q[0] = [0.91, *[0.01] * 9]
    assert health_of({"labels": q.argmax(1), "soft_assignment": q}, 10).verdict == "collapsed"
    q[:20] = q[0]
    assert not is_collapsed(q.argmax(1), q), "two in a hundred are a cluster"


def test_one_cluster_but_for_a_stray_point_is_a_collapse_of_two_clusters_as_of_ten():
    labels = np.r_[np.zeros(999, int), 1]
    for n_clusters in (2, 10):
        health = health_of({"labels": labels}, n_clusters)
        assert (health.verdict, health.reason) == ("collapsed", "all points but 1 in 1 cluster")
    assert not is_collapsed(np.r_[np.zeros(990, int), np.ones(10, int)], None), "one in a hundred may be a cluster"


def test_one_cluster_beside_noise_points_is_not_healthy():
    labels = np.where(np.arange(N) < 9, -1, 0)
    assert health_of(outputs(labels), 2).verdict == "partly collapsed"
    assert health_of(outputs(labels), 1).verdict == "healthy"  # asked for one


def test_the_epoch_is_the_first_from_which_the_state_lasted_and_pretraining_does_not_count():
    phases = ["pretrain"] * 2 + ["cluster"] * 5
    share = [1e-4, 1e-4, 1e-3, 0.2, 4e-3, 3e-3, 1e-3]  # small at first, then not, then to the end
    assert health_of(outputs(sigma=0.01, phases=phases, noise_share=share), K).epoch == 3
    assert health_of(outputs(sigma=0.01, phases=phases, noise_share=[1e-4] * 7), K).epoch == 1
    assert health_of(outputs(sigma=0.01, phases=phases, noise_share=[1e-4] * 6 + [0.2]), K).epoch is None
    assert health_of(outputs(sigma=0.01, phases=phases), K).epoch is None


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("clusters_in_use", [1, 9, 1, 1]),
        ("mutual_information", [0.0, 1.2, 1e-5, 1e-7]),
        ("noise_share", [0.999, 0.3, 0.999, 0.9999]),  # labels of draws scatter where codes are noise
    ],
)
def test_each_sign_of_a_collapse_dates_it(column, values):
    made = outputs(np.zeros(N, int), phases=["cluster"] * 4, **{column: values})
    assert health_of(made, K).epoch == 3
    partly = outputs(np.arange(N) % 2, phases=["cluster"] * 4, clusters_in_use=[10, 6, 4, 2])
    assert health_of(partly, K).epoch == 3


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_the_epoch_is_that_of_the_last_run_of_the_state(shown):
    made = outputs(sigma=0.01, phases=["cluster"] * len(shown), noise_share=[1e-4 if s else 0.3 for s in shown])
    first = next((e for e in range(1, len(shown) + 1) if all(shown[e - 1 :])), None)
    assert health_of(made, K).epoch == first

"""Raw outputs of a fitted method: enough for its uncertainty metrics, computed for some points at a time."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.cards import load_dataset
from bench.execution import outputs as module
from bench.execution.outputs import extremes, outputs_of
from bench.metrics.point_scores import uncertainty_scores
from bench.metrics.registry import N_DRAWS
from bench.plan.registry import find_method

SMALL = {"hidden_dims": (24,), "latent_dim": 4, "pretrain_epochs": 3, "n_init": 2, "device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("digits", limit=300)


@pytest.fixture(scope="module")
def vae(dataset):
    return find_method("vae_kmeans").load()(**SMALL).fit(dataset.x)


def test_draws_taken_in_pieces_are_draws_of_the_method(dataset, vae, monkeypatch):
    monkeypatch.setattr(module, "DRAWN_AT_ONCE", 64)
    monkeypatch.setattr(module, "N_DRAWS", 500)
    outputs = outputs_of(vae, dataset, seed=1)
    q = vae.sample_proba(dataset.x, n_samples=500, random_state=7)
    entropy = -(q * np.log(q)).sum(axis=2)
    for taken, drawn in ((outputs["sampled_assignment"], q), (outputs["sampled_entropy"], entropy)):
        error = drawn.std(axis=0) / np.sqrt(500)  # of either mean
        assert (np.abs(taken - drawn.mean(axis=0)) < 8 * error + 0.005).all()
    assert outputs["draw_labels"].shape == (500, 300)
    changed = (outputs["draw_labels"] != vae.labels_).mean()
    assert changed == pytest.approx((q.argmax(axis=2) != vae.labels_).mean(), abs=0.01)


def test_every_piece_has_draws_of_its_own(dataset, vae, monkeypatch):
    """Points that repeat from piece to piece would repeat their noise if pieces shared it."""
    monkeypatch.setattr(module, "DRAWN_AT_ONCE", 100)
    repeated = load_dataset("digits", limit=300)
    object.__setattr__(repeated, "x", np.tile(dataset.x[:100], (3, 1)))
    pieces = outputs_of(vae_of(vae, repeated), repeated, seed=1)["sampled_assignment"].reshape(3, 100, -1)
    assert not np.allclose(pieces[0], pieces[1], atol=1e-6)


def vae_of(vae, dataset):
    """The fitted method, as if it had been fitted to other points."""
    import copy

    other = copy.copy(vae)
    other.labels_, other.embedding_ = vae.predict(dataset.x), vae.transform(dataset.x)
    return other


def test_one_seed_draws_the_same_and_another_one_does_not(dataset, vae):
    one, again, other = (outputs_of(vae, dataset, seed)["sampled_assignment"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_entropy_of_the_mean_is_never_below_the_mean_entropy(dataset, vae):
    outputs = outputs_of(vae, dataset, seed=1)
    mean = outputs["sampled_assignment"].astype(np.float64)
    assert (-(mean * np.log(mean)).sum(axis=1) - outputs["sampled_entropy"]).min() > -1e-5
    np.testing.assert_allclose(mean.sum(axis=1), 1, atol=1e-5)


def test_outliers_are_asked_what_the_fitted_points_are_asked(dataset, vae):
    strange = np.random.default_rng(0).random((50, 64), dtype=np.float32)
    outputs = outputs_of(vae, dataset, 1, {"noise": strange})
    per_point = {n for n, a in outputs.items() if a.shape[:1] == (300,) and n != "labels"}
    assert {name.removeprefix("outliers/noise/") for name in outputs if name.startswith("outliers/")} == per_point
    np.testing.assert_array_equal(outputs["outliers/noise/embedding"], vae.transform(strange))
    assert outputs["outliers/noise/sampled_assignment"].shape == (50, 10)


def test_codes_of_new_points_have_the_variance_that_fitted_ones_had(dataset, vae):
    np.testing.assert_allclose(vae.transform_variance(dataset.x), vae.embedding_variance_, rtol=1e-5)


def test_reconstructions_are_measured_feature_by_feature(dataset, vae):
    outputs = outputs_of(vae, dataset, 1)
    error = ((vae.reconstruct(dataset.x) - dataset.x) ** 2).mean(axis=1)
    np.testing.assert_allclose(outputs["reconstruction_error"], error, rtol=1e-5)


def test_without_noise_every_draw_rebuilds_what_the_mean_does(dataset, vae):
    still = vae_of(vae, dataset)
    still.noise_scale = 0.0
    outputs = outputs_of(still, dataset, 1)
    np.testing.assert_allclose(outputs["reconstruction_mean"], outputs["reconstruction"], atol=1e-6)
    assert outputs["reconstruction_sd"].max() < 1e-6
    assert outputs_of(vae, dataset, 1)["reconstruction_sd"].max() > 0.01


def test_a_method_without_decoder_or_noise_has_what_it_has(dataset):
    dec = find_method("dec").load()(**SMALL, epochs=1).fit(dataset.x)
    outputs = outputs_of(dec, dataset, 1, {"noise": dataset.x[:5]})
    assert {"soft_assignment", "embedding", "centers"} <= set(outputs)
    assert not {"reconstruction_error", "sampled_assignment", "draw_labels", "embedding_variance"} & set(outputs)
    assert {n for n in outputs if n.startswith("outliers")} == {
        "outliers/noise/soft_assignment",
        "outliers/noise/embedding",
    }


def test_centers_are_where_the_codes_are(dataset):
    """A mixture's means are centers too; KMeans has its own among the pixels, and no codes."""
    gmm = find_method("ae_gmm").load()(**SMALL).fit(dataset.x)
    np.testing.assert_array_equal(outputs_of(gmm, dataset, 1)["centers"], gmm.means_)
    kmeans = find_method("kmeans").load()(random_state=0).fit(dataset.x)
    assert outputs_of(kmeans, dataset, 1)["centers"].shape == (10, 64)


@pytest.mark.parametrize(("method", "of_mixture"), [("vade", True), ("vae_kmeans", False), ("sdec", False)])
def test_the_kernel_of_q_is_kept_and_without_noise_its_smoothed_version_is_q(dataset, method, of_mixture):
    info = find_method(method)
    few = {"epochs": 1} if method != "vae_kmeans" else {}
    noisy, still = (info.load()(**SMALL, **few, noise_scale=scale).fit(dataset.x) for scale in (1.0, 0.0))
    outputs = outputs_of(noisy, dataset, 1)
    assert ({"mixture_weights", "mixture_variances"} <= outputs.keys()) == of_mixture
    scores = uncertainty_scores(outputs)
    assert scores["smoothed_kernel"].mean() > scores["plain_entropy"].mean(), "a wider kernel is less sure"
    scores = uncertainty_scores(outputs_of(still, dataset, 1))
    np.testing.assert_allclose(scores["smoothed_kernel"], scores["plain_entropy"], atol=1e-3)
    np.testing.assert_allclose(scores["temperature"], scores["plain_entropy"], atol=1e-3)


@pytest.mark.parametrize(
    ("member", "given", "message"),
    [
        ("sample_proba", lambda x, n_samples, random_state: np.ones((n_samples, 3, 2)), "sample_proba gives shape"),
        ("score_samples", lambda x: np.ones((len(x), 1)), "score_samples gives shape"),
        ("predict_proba", lambda x: np.ones(len(x)), "predict_proba gives shape"),
        ("sample_reconstruct", lambda x, n_samples, random_state: x, "sample_reconstruct gives shape"),
    ],
)
def test_what_has_a_wrong_shape_is_named(dataset, member, given, message):
    class Method:
        labels_ = np.zeros(300, dtype=int)

    setattr(Method, member, staticmethod(given))
    with pytest.raises(ValueError, match=message):
        outputs_of(Method(), dataset, 1)


def test_a_variance_of_other_points_than_the_codes_is_refused(dataset):
    """Its mean would be a share of noise all the same, and decide the health of the run."""

    class Method:
        labels_ = np.zeros(300, dtype=int)
        embedding_ = np.zeros((300, 2))
        embedding_variance_ = np.ones((5, 2))

    with pytest.raises(ValueError, match=r"embedding_variance_ has shape \(5, 2\); it must be \(300, 2\)"):
        outputs_of(Method(), dataset, 1)


def test_extremes_are_the_ends_of_each_cluster(dataset):
    labels = np.arange(300) % 3
    labels[labels == 2] = 7
    labels[[2, 5]] = 9  # a cluster of two
    score = np.random.default_rng(0).random(300)
    chosen = extremes(labels, score, dataset)
    assert chosen["extreme_points"].shape == (4, 2, 4)
    for cluster, (certain, uncertain) in zip((0, 1, 7), chosen["extreme_points"], strict=False):
        members = np.flatnonzero(labels == cluster)
        assert sorted(score[certain]) == sorted(score[members])[:4]
        assert sorted(score[uncertain]) == sorted(score[members])[-4:]
    assert (chosen["extreme_points"][3] >= 0).sum() == 4
    assert (chosen["extreme_points"][3, :, 2:] == -1).all()
    image = chosen["extreme_images"][0, 0, 0]
    np.testing.assert_allclose(image / 255, dataset.x[chosen["extreme_points"][0, 0, 0]], atol=1 / 255)


def test_draws_that_are_no_numbers_are_not_taken_for_certainty(dataset):
    class Method:
        labels_ = np.arange(300) % 2

        def sample_proba(self, X, n_samples, random_state):
            return np.full((n_samples, len(X), 2), np.nan)

    assert np.isnan(outputs_of(Method(), dataset, 1)["sampled_entropy"]).all()


def test_there_are_as_many_draws_as_the_guide_says():
    guide = Path(__file__).parents[2] / "bench" / "README.md"
    assert f"takes {N_DRAWS} draws of each point" in guide.read_text()

"""The likelihood "standardized" is "gaussian" on points of mean zero and mean variance one."""

import numpy as np
import pytest

from bench.plan.registry import find_method

METHODS = ["ae_kmeans", "vae_kmeans", "dec", "sdec", "vade", "ae_gmm"]
FEW_STEPS = {"epochs": 2}


def fitted(name, x, likelihood, small):
    few = FEW_STEPS if "epochs" in find_method(name).load()().get_params() else {}
    parameters = {**small, **few, "likelihood": likelihood, "n_clusters": 5, "random_state": 1}
    return find_method(name).load()(**parameters).fit(x)


def spread_of(x):
    return np.sqrt(x.var(0, dtype=np.float64).mean())


@pytest.mark.parametrize("name", METHODS)
def test_a_fit_equals_that_of_points_standardized_beforehand(name, digits, small):
    x = 30 * digits - 7
    center, spread = x.mean(0, dtype=np.float64).astype(np.float32), np.float32(spread_of(x))
    z = (x - center) / spread
    np.testing.assert_allclose([z.mean(), z.var(0).mean()], [0, 1], atol=1e-5)
    ours, other = fitted(name, x, "standardized", small), fitted(name, z, "gaussian", small)
    np.testing.assert_array_equal(ours.labels_, other.labels_)
    np.testing.assert_array_equal(ours.embedding_, other.embedding_)
    np.testing.assert_array_equal(ours.predict_proba(x), other.predict_proba(z))
    np.testing.assert_array_equal(ours.transform(x), other.transform(z))
    if hasattr(other, "reconstruct"):
        np.testing.assert_allclose(ours.reconstruct(x), other.reconstruct(z) * spread + center, rtol=1e-5, atol=1e-4)
    if hasattr(other, "score_samples"):
        # p(x) dx = p(z) dz; the density of AE+GMM is one of codes
        unit = 0 if name == "ae_gmm" else x.shape[1] * np.log(spread_of(x))
        np.testing.assert_allclose(ours.score_samples(x), other.score_samples(z) - unit, rtol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_the_unit_of_the_data_changes_no_label(name, digits, small):
    ours, other = (fitted(name, unit * digits, "standardized", small) for unit in (np.float32(1), np.float32(2**-9)))
    np.testing.assert_array_equal(ours.embedding_, other.embedding_)
    np.testing.assert_array_equal(ours.labels_, other.labels_)


def test_several_seeds_see_the_same_standardized_points(digits, small):
    estimator = find_method("dec").load()(**small | FEW_STEPS | {"likelihood": "standardized", "n_clusters": 5})
    together = estimator.fit_seeds(digits, [1, 2])
    alone = fitted("dec", digits, "standardized", small)
    np.testing.assert_array_equal(together[0].transform(digits), alone.transform(digits))
    assert together[1].scale_ == alone.scale_


def test_points_that_are_all_alike_are_only_centered(small):
    estimator = fitted("ae_kmeans", np.full((80, 6), 0.25, np.float32), "standardized", small)
    assert estimator.scale_ == 1
    assert np.isfinite(estimator.embedding_).all()


def test_codes_of_a_table_are_wide_enough_for_the_kernel_of_dec(small):
    """In a narrow range DEC's assignments are nearly uniform, whatever the clusters."""
    generator = np.random.default_rng(0)
    centers = generator.random((5, 8))
    x = np.repeat(centers, 60, axis=0) + generator.normal(0, 0.02, (300, 8))
    narrow = (0.5 + 0.05 * (x - x.mean())).astype(np.float32)
    largest = {
        likelihood: fitted("dec", narrow, likelihood, {**small, "pretrain_epochs": 60}).predict_proba(narrow).max(1)
        for likelihood in ("gaussian", "standardized")
    }
    assert np.median(largest["gaussian"]) < 0.3
    assert np.median(largest["standardized"]) > 0.6

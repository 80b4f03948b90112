"""Scores of labels on resamples of the points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.metrics.external import external_scores
from bench.metrics.resampling import point_counts, resampled_scores


@pytest.mark.parametrize("metric", ["acc", "nmi", "ari"])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(5, 60), k=st.integers(2, 6), noise=st.booleans())
def test_a_resample_is_scored_as_the_points_it_repeats(metric, seed, n, k, noise):
    rng = np.random.default_rng(seed)
    classes, labels = rng.integers(-1, 4, n), rng.integers(-1 if noise else 0, k, n)
    classes[:2] = 0, 1
    counts = point_counts("some data", n, 5)
    counts[:, :2] += 1  # two classes in each
    for row, score in zip(counts, resampled_scores(labels, classes, counts, metric), strict=True):
        repeated = np.repeat(np.arange(n), row.astype(int))
        repeated = repeated[classes[repeated] >= 0]
        assert score == pytest.approx(external_scores(classes[repeated], labels[repeated])[metric], abs=1e-6)


def test_resamples_are_those_of_the_data_and_hold_as_many_points():
    counts = point_counts("digits", 50)
    assert (counts == point_counts("digits", 50)).all()
    assert (counts != point_counts("usps", 50)).any()
    assert (counts.sum(axis=1) == 50).all()


def test_the_spread_over_points_of_an_accuracy_is_that_of_a_share():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 10, 4000)
    labels = np.where(rng.random(4000) < 0.8, classes, (classes + 1) % 10)
    scores = resampled_scores(labels, classes, point_counts("made", 4000), "acc")
    assert scores.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 4000), rel=0.2)


def test_other_metrics_are_refused():
    with pytest.raises(ValueError, match="metric='ami' is none of"):
        resampled_scores(np.zeros(3, int), np.zeros(3, int), np.ones((1, 3)), "ami")

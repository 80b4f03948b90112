"""What changes from one latent draw to another: against scikit-learn and all pairs of draws."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from bench.metrics.external import ONE_CLASS, clustering_accuracy
from bench.metrics.registry import DRAWN, UNLABELLED
from bench.metrics.uncertainty import _CHUNK, draw_metrics, label_change


@st.composite
def labels_and_classes(draw):
    n = draw(st.integers(2, 15))
    y = draw(arrays(np.int64, n, elements=st.integers(0, 3)))
    y[:2] = [0, 1]
    return draw(arrays(np.uint8, (draw(st.integers(2, 6)), n), elements=st.integers(0, 4))), y


@given(labels_and_classes())
def test_the_scores_over_draws_are_mean_and_sample_deviation_of_scikit_learns(case):
    draws, y = case
    found = draw_metrics(draws, y)
    of_draw = {
        "acc": [clustering_accuracy(y, labels) for labels in draws],
        "nmi": [normalized_mutual_info_score(y, labels) for labels in draws],
        "ari": [adjusted_rand_score(y, labels) for labels in draws],
    }
    assert tuple(of_draw) == DRAWN
    for name, values in of_draw.items():
        assert found[f"{name}_draws"] == pytest.approx(np.mean(values), abs=1e-12)
        assert found[f"{name}_draws_sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)


@given(labels_and_classes())
def test_label_change_is_the_share_of_pairs_of_draws_that_differ(case):
    draws, _ = case
    pairs = [np.mean(a != b) for a, b in itertools.combinations(draws, 2)]
    assert label_change(draws) == pytest.approx(np.mean(pairs))


def test_label_change_of_many_points_counts_them_all():
    draws = np.random.default_rng(0).integers(0, 3, (4, 2 * _CHUNK + 7)).astype(np.uint8)
    pairs = [np.mean(a != b) for a, b in itertools.combinations(draws, 2)]
    assert label_change(draws) == pytest.approx(np.mean(pairs))


def test_label_change_by_hand():
    # Three draws: point 0 always the same, point 1 differs in 2 of its 3 pairs, point 2 in all 3.
    assert label_change(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2]])) == pytest.approx((0 + 2 / 3 + 1) / 3)


def test_draws_that_never_differ_change_nothing_and_vary_in_nothing():
    y = np.repeat([0, 1, 2], 4)
    found = draw_metrics(np.tile(np.roll(y, 1), (5, 1)), y)
    assert found["label_change"] == 0
    assert [found[f"{name}_draws_sd"] for name in DRAWN] == [0, 0, 0]


def test_draws_in_one_cluster_agree_with_each_other_and_with_no_class():
    found = draw_metrics(np.zeros((3, 6), np.uint8), np.repeat([0, 1, 2], 2))
    assert (found["acc_draws"], found["nmi_draws"], found["ari_draws"]) == pytest.approx((1 / 3, 0, 0))


def test_one_draw_has_scores_but_nothing_to_vary_from():
    y = np.array([0, 0, 1, 1])
    found = draw_metrics(y[None], y)
    assert (found["acc_draws"], found["ari_draws"]) == (1, 1)
    for name in ("label_change", "acc_draws_sd", "nmi_draws_sd", "ari_draws_sd"):
        assert "one draw" in found[name]


def test_classes_that_tell_nothing_apart_leave_the_accuracy():
    draws = np.array([[0, 0, 1], [0, 1, 1]])
    one_class = draw_metrics(draws, np.zeros(3, int))
    assert one_class["acc_draws"] == pytest.approx(2 / 3)
    assert one_class["nmi_draws"] == one_class["ari_draws_sd"] == ONE_CLASS
    unlabelled = draw_metrics(draws, None)
    assert unlabelled["acc_draws"] == unlabelled["ari_draws_sd"] == UNLABELLED
    assert unlabelled["label_change"] == pytest.approx(1 / 3)

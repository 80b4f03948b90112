"""Noise, the label -1, is treated by one rule wherever labels are read: no cluster, no class, and never right."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from bench.data.dataset import Dataset
from bench.execution.outputs import checked_labels
from bench.metrics import score
from bench.metrics.calibration import calibration
from bench.metrics.external import aligned, matched_classes
from bench.metrics.health import health_of, is_collapsed
from bench.metrics.stability import agreement, vote_entropy
from bench.metrics.uncertainty import halves, mis_clustered, reliability_of, uncertainty_metrics
from bench.report import plots
from bench.report.plots.style import cluster_names

N, K = 90, 3
Y = np.arange(N) % K
X = np.clip(0.1 + 0.35 * Y[:, None] + np.random.default_rng(0).normal(0, 0.05, (N, 4)), 0, 1).astype(np.float32)
DATA = Dataset("made-up", X, Y, K, None, None, "0" * 64)
HARD = np.arange(N) < 30  # ten points of each class
REFUSED = np.where(HARD, -1, Y)


def scores(labels, **outputs):
    return score({"labels": np.asarray(labels), **outputs}, DATA, 0)[0]


# Accuracy and partitions


def test_who_refuses_the_hard_points_gains_nothing_by_it():
    refused, wrong = scores(REFUSED), scores(np.where(HARD, (Y + 1) % K, Y))
    assert refused["acc"] == wrong["acc"] == pytest.approx(2 / 3)
    assert (refused["n_clusters_used"], refused["noise_share"]) == (3, pytest.approx(1 / 3))


def test_noise_is_matched_to_no_class_not_even_where_it_would_fit_best():
    labels = np.array([-1, 0, 1])[Y]  # all of class 0 is noise: its points are wrong, the others right
    assert scores(labels)["acc"] == pytest.approx(2 / 3)
    assert matched_classes(labels, Y) == {0: 1, 1: 2}


def test_a_run_of_noise_alone_has_no_point_right_no_cluster_and_has_collapsed():
    metrics, reasons = score({"labels": np.full(N, -1)}, DATA, 0)
    assert [metrics[name] for name in ("acc", "nmi", "ari", "ami")] == pytest.approx([0] * 4, abs=1e-12)
    assert (metrics["n_clusters_used"], metrics["noise_share"]) == (0, 1)
    assert reasons["silhouette_pixels"] == "all points are noise"
    assert "collapsed" in reasons["auroc_confidence"]
    assert health_of({"labels": np.full(N, -1)}, None).reason == "all points noise"
    assert is_collapsed(np.r_[np.full(997, -1), 0, 1, 2], None), "three strays are no clustering"
    assert health_of({"labels": np.r_[np.full(997, -1), 0, 1, 2]}, 3).reason == "all points but 3 noise"
    assert health_of({"labels": np.r_[np.full(997, 0), -1, -1, 2]}, 3).reason == "all points but 3 in 1 cluster"


def accuracy_by_brute_force(y, labels):
    """Try every way to name clusters after different classes or none; noise has no name."""
    clusters = sorted(set(labels) - {-1})
    names = [*sorted(set(y)), *[None] * len(clusters)]
    tried = (dict(zip(clusters, of, strict=True)) for of in itertools.permutations(names, len(clusters)))
    return max(sum(c != -1 and of[c] == t for c, t in zip(labels, y, strict=True)) for of in tried) / len(y)


@given(st.data())
def test_the_accuracy_is_the_best_over_all_namings_with_more_clusters_than_classes_or_fewer(data):
    n = data.draw(st.integers(2, 12))
    y = data.draw(arrays(np.int64, n, elements=st.integers(0, 2)))
    labels = data.draw(arrays(np.int64, n, elements=st.integers(-1, 3)))
    dataset = Dataset("made-up", X[:n], y, K, None, None, "0" * 64)
    found = score({"labels": labels}, dataset, 0)[0]
    assert found["acc"] == pytest.approx(accuracy_by_brute_force(y.tolist(), labels.tolist()))
    assert found["noise_share"] == pytest.approx(labels.tolist().count(-1) / n)
    assert found["n_clusters_used"] == len(set(labels.tolist()) - {-1})


@given(arrays(np.int64, N, elements=st.integers(-1, 3)))
@settings(max_examples=30, deadline=None)
def test_measures_of_partitions_take_noise_as_one_more_group(labels):
    assume(len(set(labels)) > 1)
    found, group = scores(labels), np.where(labels == -1, 99, labels)
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(Y, group))
    assert found["ari"] == pytest.approx(adjusted_rand_score(Y, group))
    assert found["ami"] == pytest.approx(adjusted_mutual_info_score(Y, group))
    points = X.astype(float)
    assert found["silhouette_pixels"] == pytest.approx(silhouette_score(points, group))
    assert found["davies_bouldin_pixels"] == pytest.approx(davies_bouldin_score(points, group))
    assert found["calinski_harabasz_pixels"] == pytest.approx(calinski_harabasz_score(points, group))


# Uncertainty


def test_a_noise_point_is_wrong_on_the_half_that_is_judged():
    scoring = halves(DATA.fingerprint, N, 0)[1]
    np.testing.assert_array_equal(mis_clustered(REFUSED, DATA, 0)[1], HARD[scoring])
    assert mis_clustered(np.array([-1, 0, 1])[Y], DATA, 0)[1].tolist() == (Y[scoring] == 0).tolist()


def test_an_assignment_that_is_sure_of_points_called_noise_is_wrong_of_them():
    q = np.full((N, K), 0.05)
    q[np.arange(N), Y] = 0.9
    scoring = halves(DATA.fingerprint, N, 0)[1]
    refused = HARD[scoring].mean()
    outputs = {"labels": REFUSED, "soft_assignment": q}
    found = uncertainty_metrics(outputs, DATA, 0)
    assert found["ece"] == pytest.approx(abs(1 - refused - 0.9)), "one bin: .9 sure, and right but for the noise"
    per_point = {"kept": 0.1**2 + 2 * 0.05**2, "refused": 0.9**2 + 2 * 0.05**2 + 1}
    assert found["brier"] == pytest.approx((1 - refused) * per_point["kept"] + refused * per_point["refused"])
    least = -np.log(np.finfo(np.float32).eps)
    assert found["nll"] == pytest.approx((1 - refused) * -np.log(0.9) + refused * least)
    assert reliability_of(q, REFUSED, DATA, 0).error == pytest.approx(found["ece"])


def test_points_called_noise_do_not_name_the_columns_of_an_assignment():
    q, refused = np.full((N, K), 0.05), np.arange(N) < 60
    shifted = np.where(refused, Y, (Y + 1) % K)  # of the noise, most points, columns say another class than of the rest
    q[np.arange(N), shifted] = 0.9
    scoring = halves(DATA.fingerprint, N, 0)[1]
    by_hand = calibration(q[scoring], {0: 2, 1: 0, 2: 1}, np.where(refused, -1, Y)[scoring])
    found = uncertainty_metrics({"labels": np.where(refused, -1, Y), "soft_assignment": q}, DATA, 0)
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand)


def test_a_column_without_a_class_is_not_right_about_noise():
    # Column 1 is matched to no class, and the point is of none: that is no match.
    found = calibration(np.array([[0.2, 0.8]]), {0: 0}, np.array([-1]))
    assert (found["ece"], found["brier"]) == pytest.approx((0.8, 0.2**2 + 0.8**2 + 1))


# Several runs


def test_noise_is_not_a_cluster_that_other_runs_find_again():
    found = agreement([REFUSED, REFUSED, REFUSED])
    assert found.jaccard == (1.0, 1.0, 1.0)
    assert found.point_agreement.tolist() == [1.0] * N, "that a point is noise can be agreed on"
    as_cluster = np.where(REFUSED == -1, 7, REFUSED)
    assert agreement([as_cluster, REFUSED]).jaccard == (1, 1, 1, 0), "a cluster that is all noise elsewhere is lost"


def test_no_cluster_is_named_after_noise_nor_noise_after_a_cluster():
    reference = np.array([-1, -1, -1, 0, 0, 1, 1])
    assert aligned(np.array([5, 5, 5, 3, 3, -1, -1]), reference).tolist() == [4, 4, 4, 0, 0, -1, -1]
    assert vote_entropy([reference, np.array([5, 5, 5, 3, 3, 4, 4])]) == pytest.approx([np.log(2)] * 3 + [0] * 4)


# At the door, and in pictures


@pytest.mark.parametrize(
    "labels", [[-2, 0, 1], np.array([0, 1, -3], np.int8), [0, 1, 2**31], np.array([0, 1, 2**63], np.uint64)]
)
def test_labels_below_noise_or_beyond_what_is_stored_are_refused_with_the_reason(labels):
    with pytest.raises(ValueError, match=r"labels_ has labels from .* must be -1 or more: -1 is noise"):
        checked_labels("labels_", labels, 3)


def test_noise_is_kept_as_it_is():
    assert checked_labels("labels_", np.array([-1, 0, 4], np.int64), 3).tolist() == [-1, 0, 4]
    assert checked_labels("labels_", np.array([], int), 0).tolist() == []
    with pytest.raises(ValueError, match="must be -1"):
        scores(np.where(HARD, -2, Y))


def test_a_method_asked_for_no_number_of_clusters_is_not_said_to_lack_any():
    health = health_of({"labels": REFUSED}, None)
    assert (health.verdict, health.reason) == ("healthy", "3 clusters")
    assert health_of({"labels": REFUSED}, 4).reason == "3 of 4 clusters in use"


@pytest.mark.figures
def test_noise_stands_last_in_the_picture_of_classes_and_clusters_and_is_called_that():
    assert cluster_names(np.array([4, -1, 0])) == ["noise", "0", "4"]
    labels = np.array([-1, 0, 1])[Y]  # it would fit class a best
    figure = plots.confusion(Y, labels, ["a", "b", "c"], name="c", title="t")
    assert "a: 1.00 noise; b: 1.00 in cluster 0; c: 1.00 in cluster 1" in figure.alt
    assert figure.svg.index(">0<") < figure.svg.index(">1<") < figure.svg.index(">noise<")
    many = plots.confusion(Y, np.r_[np.arange(60), np.full(30, -1)], ["a", "b", "c"], name="c", title="t")
    assert many.svg.count(">noise<") == 1, "of more clusters than can be named noise alone is"
    assert "a: 1.00 noise" in plots.confusion(Y, np.full(N, -1), ["a", "b", "c"], name="c", title="t").alt

"""Every metric agrees with an independent computation, or says why it has no value."""

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.metrics import all_metrics, find_metric, find_ranking_metric, score
from bench.metrics.external import clustering_accuracy, external_scores
from bench.metrics.internal import SUBSAMPLE_SIZE, internal_scores, scores_in_pixels, subsample_indices
from bench.metrics.stability import stability


def make_dataset(x, y=None, n_clusters=3):
    return Dataset("made-up", np.asarray(x, np.float32), y, n_clusters, None, None, "0" * 64)


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    x = np.clip(0.1 + 0.35 * y[:, None] + rng.normal(0, 0.03, (120, 4)), 0, 1)
    return make_dataset(x, y)


def accuracy_by_brute_force(classes, labels):
    """Try every injective map of the smaller side into the larger one; noise (-1) has no image."""
    class_values, label_values = sorted(set(classes)), sorted(set(labels) - {-1})
    padded = class_values + [None] * max(0, len(label_values) - len(class_values))
    best = 0
    for image in itertools.permutations(padded, len(label_values)):
        mapped = dict(zip(label_values, image, strict=True))
        best = max(best, sum(mapped.get(c, "noise") == y for c, y in zip(labels, classes, strict=True)))
    return best / len(labels)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 3)), min_size=1, max_size=25))
@settings(max_examples=150, deadline=None)
def test_accuracy_is_the_best_over_all_matchings(points):
    classes, labels = map(np.array, zip(*points, strict=True))
    assert clustering_accuracy(classes, labels) == pytest.approx(
        accuracy_by_brute_force(classes.tolist(), labels.tolist())
    )


def test_external_scores_by_hand():
    # Contingency [[2, 0], [1, 1]]. ACC: 2 + 1 of 4.
    # ARI: pairs together in both 1; in classes 2, in clusters 3, of 6: (1 - 2*3/6) / ((2 + 3)/2 - 1) = 0.
    # NMI: H(y) = ln 2; H(c) = -(3/4 ln 3/4 + 1/4 ln 1/4) = .562335; joint (1/2, 1/4, 1/4) = 1.039721;
    #      MI = .693147 + .562335 - 1.039721 = .215762; over the mean entropy .627741: .343711.
    # AMI: under the permutation model the table is [[2, 0], [1, 1]] or its mirror, MI the same: AMI = 0.
    # Recall: all of class 0 and half of class 1; each is the largest in a cluster.
    scores = external_scores(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 7]))
    expected = {"acc": 0.75, "nmi": 0.343711, "ari": 0.0, "ami": 0.0, "mean_class_recall": 0.75, "classes_lost": 0}
    assert scores == pytest.approx(expected, abs=1e-6)


def test_a_relabelled_truth_is_perfect(blobs):
    labels = np.array([7, 0, 3])[blobs.y]
    metrics, reasons = score({"labels": labels}, blobs, 0)
    assert [metrics[name] for name in ("acc", "nmi", "ari", "ami")] == pytest.approx([1.0] * 4)
    assert (metrics["n_clusters_used"], metrics["noise_share"]) == (3, 0)
    assert not any(name in reasons for name in ("acc", "silhouette_pixels"))


def test_the_scores_are_the_rows_of_the_table(blobs):
    metrics, reasons = score({"labels": blobs.y}, blobs, 0)
    assert list(metrics) == [row.name for row in all_metrics()]
    assert set(reasons) == {name for name, value in metrics.items() if value is None}


def test_one_cluster_scores_zero_and_has_no_internal_index(blobs):
    metrics, reasons = score({"labels": np.zeros(120, int), "embedding": blobs.x}, blobs, 0)
    assert metrics["acc"] == pytest.approx(1 / 3)
    assert [metrics[name] for name in ("nmi", "ari", "ami")] == pytest.approx([0, 0, 0])
    assert metrics["n_clusters_used"] == 1
    assert reasons["silhouette_pixels"] == reasons["davies_bouldin_embedding"] == "all points are in one cluster"
    assert metrics["acc_reclustered"] == 1.0, "what the embedding holds does not depend on the labels"


def test_unlabelled_data_has_internal_indices_only(blobs):
    metrics, reasons = score({"labels": blobs.y, "embedding": blobs.x}, make_dataset(blobs.x), 0)
    for name in ("acc", "nmi", "ari", "ami", "acc_reclustered", "nmi_reclustered", "ari_reclustered"):
        assert metrics[name] is None
        assert reasons[name] == "the data set is unlabelled"
    assert metrics["silhouette_pixels"] > 0.8


def test_a_single_class_leaves_only_the_accuracy(blobs):
    metrics, reasons = score({"labels": blobs.y}, make_dataset(blobs.x, np.zeros(120, int)), 0)
    assert metrics["acc"] == pytest.approx(1 / 3)
    assert reasons["nmi"] == reasons["ari"] == reasons["ami"] == "the data set has one class only"


def spoiled(x, value):
    x = x.copy()
    x[3, 1] = value
    return x


@pytest.mark.parametrize(
    ("embedding", "reason"),
    [
        (lambda x: None, "no embedding"),
        (lambda x: spoiled(x, np.nan), "not finite"),
        (lambda x: spoiled(x, 1e30), "diverged"),
    ],
)
def test_an_unusable_embedding_is_a_reason_not_an_error(blobs, embedding, reason):
    metrics, reasons = score({"labels": blobs.y, "embedding": embedding(blobs.x)}, blobs, 0)
    for row in all_metrics():
        if "embedding" in row.needs:
            assert metrics[row.name] is None
            assert reason in reasons[row.name]
    assert metrics["acc"] == 1.0


def test_latent_noise_is_the_share_of_the_codes_variance_and_0_where_it_is_switched_off(blobs):
    outputs = {"labels": blobs.y, "embedding": blobs.x}
    noise = np.full(blobs.x.shape, blobs.x.var(axis=0).mean())
    assert score(outputs | {"embedding_variance": noise}, blobs, 0)[0]["latent_noise"] == pytest.approx(0.5)
    assert score(outputs | {"embedding_variance": 0 * noise}, blobs, 0)[0]["latent_noise"] == 0
    assert score(outputs, blobs, 0)[1]["latent_noise"] == "the method has no latent noise"


def test_a_collapsed_embedding_is_scored_without_a_warning(blobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics, reasons = score({"labels": blobs.y, "embedding": np.ones((120, 2))}, blobs, 0)
    assert reasons["silhouette_embedding"] == "all points coincide"
    assert metrics["acc_reclustered"] == pytest.approx(1 / 3)


def test_infinitely_tight_clusters_have_no_ratio_of_spread():
    points = np.array([[0.0], [0.0], [1.0], [1.0]])
    scores = internal_scores(points, np.array([0, 0, 1, 1]))
    assert scores["silhouette"] == 1.0
    assert scores["davies_bouldin"] == scores["calinski_harabasz"] == "each cluster is a single location"


def test_internal_indices_by_hand():
    # Clusters {0, 1} and {4, 5}: each point is 1 from its mate, and 4.5 or 3.5 on average from the others.
    # Silhouette: mean of 1 - 1/4.5 and 1 - 1/3.5. Davies-Bouldin: (.5 + .5) / 4.
    # Calinski-Harabasz: between 4 * 2^2 = 16, within 4 * .5^2 = 1, on 1 and 2 degrees of freedom: 32.
    scores = internal_scores(np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1]))
    expected = {"silhouette": 1 - (1 / 4.5 + 1 / 3.5) / 2, "davies_bouldin": 0.25, "calinski_harabasz": 32.0}
    assert scores == pytest.approx(expected)


def test_every_point_its_own_cluster_has_no_internal_index():
    scores = internal_scores(np.eye(4), np.arange(4))
    assert set(scores.values()) == {"every point is a cluster of its own"}


def test_the_subsample_is_fixed_by_the_number_of_points():
    first, second = subsample_indices(12_345), subsample_indices(12_345)
    assert len(np.unique(first)) == SUBSAMPLE_SIZE
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(subsample_indices(50), np.arange(50))


def test_a_cluster_missed_by_the_subsample_is_a_reason():
    labels = np.zeros(SUBSAMPLE_SIZE + 1, int)
    labels[np.setdiff1d(np.arange(len(labels)), subsample_indices(len(labels)))] = 1
    scores = internal_scores(np.random.default_rng(0).random((len(labels), 1)), labels)
    assert set(scores.values()) == {"fewer than 2 clusters in the subsample"}


def test_scores_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    data = make_dataset(rng.random((3000, 30)), rng.integers(0, 5, 3000), n_clusters=5)
    outputs = {"labels": rng.integers(0, 5, 3000), "embedding": rng.normal(size=(3000, 6)).astype(np.float32)}
    with threadpool_limits(2):
        two = score(outputs, data, 0)
    with threadpool_limits(1):
        assert score(outputs, data, 0) == two


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "no 'labels'"),
        ({"labels": np.zeros(119, int)}, r"shape \(119,\).*\(120,\)"),
        ({"labels": np.zeros((120, 1), int)}, "shape"),
        ({"labels": np.zeros(120)}, "integers"),
        ({"labels": np.zeros(120, int), "embedding": np.zeros(120)}, "embedding has shape"),
        ({"labels": np.zeros(120, int), "embedding": np.zeros((7, 2))}, "embedding has shape"),
    ],
)
def test_outputs_that_do_not_fit_the_data_are_refused(blobs, outputs, message):
    with pytest.raises(ValueError, match=message):
        score(outputs, blobs, 0)


def test_a_silhouette_in_the_own_embedding_ranks_nothing():
    assert find_ranking_metric("silhouette_pixels").comparable
    with pytest.raises(InputError, match="own embedding"):
        find_ranking_metric("silhouette_embedding")
    with pytest.raises(InputError, match="no better end"):
        find_ranking_metric("n_clusters_used")
    with pytest.raises(InputError, match="the metrics are acc, nmi"):
        find_metric("accuracy")


def test_the_table_costs_no_scikit_learn():
    code = "import sys, bench.metrics; print([m for m in ('sklearn', 'scipy', 'pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@given(st.data())
def test_stability_is_the_mean_of_scikit_learns_ari_over_all_pairs_of_runs(data):
    n = data.draw(st.integers(1, 12))
    labelings = data.draw(st.lists(arrays(np.int64, n, elements=st.integers(-1, 4)), min_size=2, max_size=5))
    expected = np.mean([adjusted_rand_score(a, b) for a, b in itertools.combinations(labelings, 2)])
    assert stability(labelings) == pytest.approx(expected, abs=1e-12)


def test_one_run_agrees_with_nothing():
    assert np.isnan(stability([np.zeros(3, dtype=int)]))

    rng = np.random.default_rng(0)
    first, second = rng.random((300, 8)).astype(np.float32), rng.random((300, 8)).astype(np.float32)
    for points in (first, second, first):  # cold, another data set, and cold again
        for seed in range(2):  # cold and warm
            labels = np.random.default_rng(seed).integers(0, 4, 300)
            found = scores_in_pixels(points, labels)
            assert found == {f"{name}_pixels": value for name, value in internal_scores(points, labels).items()}

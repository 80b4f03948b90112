"""Outliers are found by the scores that both sides have: against scikit-learn and all thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.metrics.outliers import outlier_metrics, outlier_scores
from bench.metrics.point_scores import matched_temperature, tempered

TIED = st.lists(st.integers(0, 6), min_size=1, max_size=50).map(lambda values: np.array(values, float))


@given(TIED, TIED)
def test_outlier_scores_are_scikit_learns_and_the_best_of_all_thresholds(inliers, outliers):
    found = outlier_scores(inliers, outliers)
    truth, scores = np.repeat([0, 1], [len(inliers), len(outliers)]), np.concatenate([inliers, outliers])
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, scores))
    assert found["aupr"] == pytest.approx(average_precision_score(truth, scores))
    catching = [t for t in scores if 100 * (outliers >= t).sum() >= 95 * len(outliers)]
    assert found["fpr95"] == pytest.approx(min((inliers >= t).mean() for t in catching))


def test_false_alarms_at_19_of_20_outliers_caught():
    outliers = np.arange(20.0)  # the lowest may be missed: the threshold is 1
    assert outlier_scores(np.array([-1, 0, 0.5, 0.99]), outliers)["fpr95"] == 0
    assert outlier_scores(np.array([0, 1, 2, 30.0]), outliers)["fpr95"] == 0.75
    assert outlier_scores(np.ones(4), np.ones(20)) == pytest.approx({"auroc": 0.5, "aupr": 20 / 24, "fpr95": 1})


def linear_model(points, mean, axis, centers):
    """Encode points on one axis: outputs of a method that assigns by distance and reconstructs from the axis."""
    codes = (points - mean) @ axis[:, None]
    weights = np.exp(-((codes - centers.T) ** 2) / 0.02) + 1e-12
    residual = points - mean - codes * axis
    return {
        "soft_assignment": weights / weights.sum(axis=1, keepdims=True),
        "embedding": codes,
        "reconstruction_error": (residual**2).mean(axis=1),
    }


@pytest.fixture
def run():
    """Return a method fitted on two blobs along an axis, with outliers off the axis and between the blobs."""
    generator = np.random.default_rng(0)
    axis, centers = np.array([1.0, 0, 0, 0]), np.array([[-1.0], [1.0]])
    points = np.repeat(centers, 100, axis=0) * axis + generator.normal(0, 0.05, (200, 4))
    strange = {
        "off/axis": points[:40] + np.array([0, 1, 0, 0]),
        "between": generator.normal(0, 0.05, (30, 4)),
    }
    mean = np.zeros(4)
    outputs = linear_model(points, mean, axis, centers) | {"centers": centers, "inliers": np.arange(0, 200, 2)}
    outputs["labels"] = outputs["soft_assignment"].argmax(axis=1)
    for name, those in strange.items():
        outputs |= {f"outliers/{name}/{x}": v for x, v in linear_model(those, mean, axis, centers).items()}
    return outputs, points


def test_each_kind_of_outlier_is_found_by_the_score_that_sees_it(run):
    found = outlier_metrics(*run)
    assert list(found) == ["off/axis", "between"]
    assert all(list(of_set) == ["confidence", "plain_entropy", "margin", "reconstruction"] for of_set in found.values())
    assert found["off/axis"]["reconstruction"] == {"auroc": 1, "aupr": 1, "fpr95": 0}
    assert found["off/axis"]["margin"]["auroc"] < 0.7
    assert found["between"]["margin"]["auroc"] == found["between"]["confidence"]["auroc"] == 1
    assert 0.3 < found["between"]["reconstruction"]["auroc"] < 0.7


def test_outliers_are_compared_with_the_chosen_points_alone(run):
    outputs, points = run
    expected = outlier_metrics(outputs, points)
    odd = np.arange(1, 200, 2)
    spoiled = outputs | {"reconstruction_error": outputs["reconstruction_error"].copy()}
    spoiled["reconstruction_error"][odd] = 1e6
    assert outlier_metrics(spoiled, points) == expected


def test_a_score_counts_where_both_sides_have_it(run):
    outputs, points = run
    without = {k: v for k, v in outputs.items() if k != "outliers/between/reconstruction_error"}
    without |= {"log_density": np.zeros(200)}
    found = outlier_metrics(without, points)
    assert list(found["between"]) == ["confidence", "plain_entropy", "margin"]
    assert list(found["off/axis"]) == ["confidence", "plain_entropy", "margin", "reconstruction"]
    nan = outputs | {"outliers/between/reconstruction_error": np.full(30, np.nan)}
    assert list(outlier_metrics(nan, points)["between"]) == ["confidence", "plain_entropy", "margin"]


def test_centroids_among_the_points_give_outliers_no_margin_without_their_codes(run):
    outputs, points = run
    without = {k: v for k, v in outputs.items() if not k.endswith("embedding")} | {"centers": points[[0, 150]]}
    assert list(outlier_metrics(without, points)["between"]) == ["confidence", "plain_entropy", "reconstruction"]


def test_a_collapsed_run_finds_no_outliers(run):
    outputs, points = run
    assert outlier_metrics(outputs | {"labels": np.zeros(200, int)}, points) == {}
    assert outlier_metrics(outputs | {"soft_assignment": np.full((200, 2), 0.5)}, points) == {}


def test_a_run_without_outliers_has_none(run):
    outputs, points = run
    assert outlier_metrics({"labels": outputs["labels"]}, points) == {}


def test_outliers_are_scored_with_the_kernel_and_the_temperature_of_the_fitted_points(run):
    """A temperature matched to the outliers themselves would make them as sure as their own draws."""
    outputs, points = run
    centers = outputs["centers"]

    def soft(codes, added):
        kernel = 1 / (1 + added + (codes - centers.T) ** 2)
        return kernel / kernel.sum(axis=1, keepdims=True)

    for place, added in (("", 0.2), ("outliers/between/", 2.0), ("outliers/off/axis/", 2.0)):
        codes = outputs[f"{place}embedding"]
        noise = {"embedding_variance": np.full(codes.shape, added)}
        made = {"soft_assignment": soft(codes, 0), "sampled_assignment": soft(codes, added)} | noise
        outputs |= {f"{place}{name}": value for name, value in made.items()}
    found = outlier_metrics(outputs, points)["between"]
    inliers = entropy(soft(outputs["embedding"][outputs["inliers"]], 0.2), axis=1)
    outliers = entropy(soft(outputs["outliers/between/embedding"], 0.2), axis=1)
    assert found["smoothed_kernel"] == pytest.approx(outlier_scores(inliers, outliers))
    hot = matched_temperature(outputs["soft_assignment"], entropy(outputs["sampled_assignment"], axis=1).mean())
    inliers, outliers = (
        entropy(tempered(q, hot), axis=1)
        for q in (outputs["soft_assignment"][outputs["inliers"]], outputs["outliers/between/soft_assignment"])
    )
    assert found["temperature"] == pytest.approx(outlier_scores(inliers, outliers))

"""A soft assignment is judged by what it promises: computed by hand, by scikit-learn, and by simulated truth."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from bench.metrics.calibration import N_BINS, SMALLEST_PROBABILITY, calibration, reliability
from bench.metrics.point_scores import checked_probabilities

FOUR = {0: 0, 1: 1, 2: 2, 3: 3}


def soft_assignments(seed, n=400, k=4, concentration=0.4):
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(k, concentration), n), generator


def drawn_from(probabilities, generator):
    """Return classes that come out as often as the probabilities say."""
    return (probabilities.cumsum(axis=1) < generator.random((len(probabilities), 1))).sum(axis=1)


def error_by_loops(bins, confidence, right):
    """Sum over bins of share times gap, as the definition has it."""
    total = 0.0
    for of_bin in bins:
        if len(of_bin):
            accuracy = sum(bool(right[i]) for i in of_bin) / len(of_bin)
            total += len(of_bin) / len(right) * abs(accuracy - sum(confidence[i] for i in of_bin) / len(of_bin))
    return total


@given(seed=st.integers(0, 200), n=st.integers(1, 60))
def test_both_calibration_errors_are_the_gaps_of_bins_counted_one_by_one(seed, n):
    q, generator = soft_assignments(seed, n)
    y = generator.integers(0, 4, n)
    confidence, right = q.max(axis=1), q.argmax(axis=1) == y
    width = [[i for i in range(n) if b / 15 < confidence[i] <= (b + 1) / 15] for b in range(15)]
    mass = np.array_split(np.argsort(confidence), 15)
    found = calibration(q, FOUR, y)
    assert found["ece"] == pytest.approx(error_by_loops(width, confidence, right))
    assert found["ece_mass"] == pytest.approx(error_by_loops(mass, confidence, right))


def test_the_diagram_is_scikit_learns():
    q, generator = soft_assignments(0)
    y = drawn_from(q, generator)
    bins = reliability(q, FOUR, y)
    accuracy, confidence = calibration_curve(q.argmax(axis=1) == y, q.max(axis=1), n_bins=15)
    used = bins.count > 0
    assert bins.count.sum() == len(y)
    np.testing.assert_allclose(bins.accuracy[used], accuracy)
    np.testing.assert_allclose(bins.confidence[used], confidence)
    assert np.isnan(bins.accuracy[~used]).all()


@given(seed=st.integers(0, 200))
def test_brier_and_nll_are_scikit_learns_where_clusters_and_classes_pair_up(seed):
    q, generator = soft_assignments(seed, concentration=1.0)
    y = generator.integers(0, 4, len(q))
    matched = dict(enumerate([2, 0, 3, 1]))
    of_classes = q[:, [1, 3, 0, 2]]  # the column of class 0 is 1, of class 1 it is 3, ...
    found = calibration(q, matched, y)
    assert found["brier"] == pytest.approx(brier_score_loss(y, of_classes, labels=range(4), scale_by_half=False))
    assert found["nll"] == pytest.approx(log_loss(y, of_classes, labels=range(4)))


def test_a_cluster_without_a_class_is_wrong_and_a_class_without_a_cluster_has_probability_0():
    # Column 0 is class 0, column 1 has no class; class 1 has no cluster.
    q = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    y = np.array([0, 0, 1])
    found = calibration(q, {0: 0}, y)
    # Point 0: (.7 - 1)² + .3²; point 1: (.2 - 1)² + .8²; point 2: .6² + .4² and 1 for the class it could not name.
    assert found["brier"] == pytest.approx((0.18 + 1.28 + 1.52) / 3)
    assert found["nll"] == pytest.approx(-(np.log(0.7) + np.log(0.2) + np.log(SMALLEST_PROBABILITY)) / 3)
    # Confidences .7, .8, .6 in three bins, of which only the first is right.
    assert found["ece"] == pytest.approx((0.3 + 0.8 + 0.6) / 3)


def test_certain_and_right_costs_nothing_and_certain_and_wrong_costs_the_most_there_is():
    right, wrong = np.eye(4), np.eye(4)[[1, 2, 3, 0]]
    free = {"ece": 0, "ece_mass": 0, "brier": 0, "nll": 0}
    assert calibration(right, FOUR, np.arange(4)) == pytest.approx(free)
    most = {"ece": 1, "ece_mass": 1, "brier": 2, "nll": -np.log(np.finfo(np.float32).eps)}
    assert calibration(wrong, FOUR, np.arange(4)) == pytest.approx(most)
    assert calibration(right, {}, np.arange(4)) == pytest.approx(most), "nothing matched: nothing right"


def test_one_cluster_is_as_wrong_as_its_confidence_of_1():
    y = np.array([0, 0, 1, 2])
    found = calibration(np.ones((4, 1)), {0: 0}, y)
    assert found["ece"] == found["ece_mass"] == pytest.approx(0.5)
    assert found["brier"] == pytest.approx((0 + 0 + 2 + 2) / 4)


def test_constant_confidence_is_one_bin_of_either_kind():
    q = np.tile([0.4, 0.3, 0.2, 0.1], (50, 1))
    y = np.repeat([0, 1], 25)
    for binning in ("width", "mass"):
        bins = reliability(q, FOUR, y, binning)
        assert bins.count.tolist().count(0) == N_BINS - 1
        assert bins.error == pytest.approx(abs(0.5 - 0.4))


def test_bins_of_equal_width_are_closed_above():
    edges = np.linspace(0, 1, 16)[8:]
    q = np.stack([edges, 1 - edges], axis=1)
    np.testing.assert_array_equal(reliability(q, {0: 0, 1: 1}, np.zeros(8)).count, [0] * 7 + [1] * 8)


@given(seed=st.integers(0, 200), n=st.integers(1, 80))
def test_no_order_of_the_points_matters_not_even_among_equal_confidences(seed, n):
    generator = np.random.default_rng(seed)
    top = generator.choice([0.5, 0.6, 0.9, 1.0], n)  # many ties, across the borders of bins of equal mass
    q = np.stack([top, 1 - top], axis=1)
    y, order = generator.integers(0, 2, n), generator.permutation(n)
    found = calibration(q, {0: 0, 1: 1}, y)
    assert calibration(q[order], {0: 0, 1: 1}, y[order]) == pytest.approx(found)


SCORES = ("ece", "ece_mass", "brier", "nll")


def null_band(probabilities, generator, draws=200):
    """Return what each score comes to where the classes do come out as the probabilities say."""
    found = [calibration(probabilities, FOUR, drawn_from(probabilities, generator)) for _ in range(draws)]
    return {name: np.quantile([f[name] for f in found], [0.005, 0.995]) for name in SCORES}


def test_a_perfectly_calibrated_assignment_is_within_sampling_error_and_a_sharpened_one_is_not():
    q, generator = soft_assignments(5, n=4000, concentration=1.0)
    y = drawn_from(q, generator)
    found, band = calibration(q, FOUR, y), null_band(q, generator)
    for name in SCORES:
        assert band[name][0] <= found[name] <= band[name][1]
    sharpened = q**2 / (q**2).sum(axis=1, keepdims=True)
    found_sharpened, its_band = calibration(sharpened, FOUR, y), null_band(sharpened, generator)
    for name in SCORES:
        assert found_sharpened[name] > its_band[name][1], "it promises more than comes out"
    assert found_sharpened["brier"] > found["brier"]
    assert found_sharpened["nll"] > found["nll"]
    flattened = np.sqrt(q) / np.sqrt(q).sum(axis=1, keepdims=True)
    too_modest, band = calibration(flattened, FOUR, y), null_band(flattened, generator)
    assert all(too_modest[name] > band[name][1] for name in ("ece", "ece_mass")), "under-confident is not calibrated"


def test_rows_are_made_to_sum_to_1_where_rounding_left_them_off():
    q = soft_assignments(0)[0].astype(np.float32)
    checked = checked_probabilities(q * np.float32(1.0004), len(q))
    assert checked.dtype == np.float64
    np.testing.assert_allclose(checked.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(checked, q, atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda q: np.where(np.eye(*q.shape), np.nan, q), "not finite"),
        (lambda q: q * 1.002, "no probabilities"),
        (lambda q: q * 0.5, "no probabilities"),
        (lambda q: np.add(q, [0.5, -0.5, 0, 0]), "no probabilities"),
        (lambda q: q[:-1], r"shape \(399, 4\)"),
        (lambda q: q[:, 0], r"shape \(400,\)"),
        (lambda q: q[:, :0], r"shape \(400, 0\)"),
    ],
)
def test_what_is_no_soft_assignment_is_said_to_be_none(spoil, reason):
    found = checked_probabilities(spoil(soft_assignments(0)[0]), 400)
    assert isinstance(found, str)
    assert re.search(reason, found)

"""Finding wrong points by a score: against scikit-learn, brute force over orders, and the closed form."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.metrics.detection import detection, risk_coverage


@st.composite
def scored(draw, max_size=30, values=6, mixed=False):
    """Scores with ties, and which points are wrong."""
    n = draw(st.integers(2, max_size))
    wrong = draw(arrays(bool, n))
    if mixed:
        wrong[:2] = [True, False]
    return draw(arrays(np.int64, n, elements=st.integers(0, values))).astype(float), wrong


def area_by_loops(curve):
    """Integrate by the trapezoid rule over the coverages 0, 1/n, ..., 1."""
    n = len(curve) - 1
    return sum((curve[i] + curve[i + 1]) / 2 / n for i in range(n))


def mean_over_orders(score, wrong):
    """Compute AURC, AUGRC and the risks for every order that the scores allow, and take the mean."""
    n = len(score)
    found = []
    for order in itertools.permutations(range(n)):
        if all(score[a] <= score[b] for a, b in itertools.pairwise(order)):
            errors = [sum(wrong[i] for i in order[:kept]) for kept in range(n + 1)]
            risks = [errors[kept] / kept for kept in range(1, n + 1)]
            found.append([sum(risks) / n, area_by_loops([e / n for e in errors]), *risks])
    return np.mean(found, axis=0)


@given(scored(max_size=6, values=2))
@settings(max_examples=60)
def test_ties_are_taken_in_every_order_alike(case):
    expected = mean_over_orders(*case)
    found = detection(*case)
    coverage, risk = risk_coverage(*case)
    n = len(case[0])
    assert [found["aurc"], found["augrc"]] == pytest.approx(expected[:2])
    np.testing.assert_allclose(risk, expected[2:])
    np.testing.assert_allclose(coverage, np.arange(1, n + 1) / n)


@given(scored(mixed=True))
def test_auroc_counts_pairs_with_ties_as_half_and_aupr_is_scikit_learns(case):
    score, wrong = case
    pairs = [(a > b) + (a == b) / 2 for a in score[wrong] for b in score[~wrong]]
    found = detection(score, wrong)
    assert found["auroc"] == pytest.approx(np.mean(pairs)) == pytest.approx(roc_auc_score(wrong, score))
    assert found["aupr"] == pytest.approx(average_precision_score(wrong, score))


@given(scored(mixed=True, max_size=200))
def test_augrc_is_its_closed_form_for_any_number_of_points_and_ties(case):
    score, wrong = case
    found, accuracy = detection(score, wrong), 1 - wrong.mean()
    closed = (1 - found["auroc"]) * accuracy * (1 - accuracy) + (1 - accuracy) ** 2 / 2
    assert found["augrc"] == pytest.approx(closed, rel=1e-12)


@given(scored(), st.randoms(use_true_random=False))
def test_no_order_of_the_points_and_no_monotone_scale_matters(case, random):
    score, wrong = case
    order = list(range(len(score)))
    random.shuffle(order)
    found = detection(score, wrong)
    for other in (detection(score[order], wrong[order]), detection(np.exp(score) - 7, wrong)):
        assert {n: v for n, v in other.items() if isinstance(v, str)} == {
            n: v for n, v in found.items() if isinstance(v, str)
        }
        numbers = {n: v for n, v in found.items() if not isinstance(v, str)}
        assert {n: other[n] for n in numbers} == pytest.approx(numbers)


@given(scored(mixed=True))
def test_the_score_turned_round_finds_what_the_score_misses(case):
    score, wrong = case
    assert detection(-score, wrong)["auroc"] == pytest.approx(1 - detection(score, wrong)["auroc"])


def test_the_best_and_the_worst_order_by_hand():
    wrong = np.array([False, False, True])
    # Wrong one last: risks 0, 0, 1/3; errors kept 0, 0, 0, 1 of 3, of which the trapezoids make 1/18.
    assert detection(np.array([1, 2, 3]), wrong) == pytest.approx(
        {"auroc": 1, "aupr": 1, "aurc": 1 / 9, "augrc": 1 / 18}
    )
    # Wrong one first: risks 1, 1/2, 1/3; errors kept 0, 1, 1, 1 of 3.
    assert detection(np.array([3, 2, 1]), wrong) == pytest.approx(
        {"auroc": 0, "aupr": 1 / 3, "aurc": 11 / 18, "augrc": 5 / 18}
    )


def test_constant_scores_are_chance():
    wrong = np.array([True, False, False, False])
    # Every risk is 1/4 in expectation; AUGRC: half of it.
    assert detection(np.ones(4), wrong) == pytest.approx({"auroc": 0.5, "aupr": 0.25, "aurc": 0.25, "augrc": 0.125})


@pytest.mark.parametrize("score", [np.arange(5.0), np.ones(5)])
def test_where_nothing_or_everything_is_wrong_there_is_nothing_to_rank_but_still_a_risk(score):
    none, everything = (detection(score, np.full(5, wrong)) for wrong in (False, True))
    assert none == {"auroc": "no point is mis-clustered", "aupr": "no point is mis-clustered", "aurc": 0, "augrc": 0}
    assert everything["auroc"] == everything["aupr"] == "every point is mis-clustered"
    assert (everything["aurc"], everything["augrc"]) == pytest.approx((1, 0.5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_detects_nothing(value):
    found = detection(np.array([0.0, value, 1.0]), np.array([True, False, True]))
    assert set(found.values()) == {"the score has values that are not finite"}

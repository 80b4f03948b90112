"""The paired test, its estimates and its correction agree with exhaustive computation."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from bench.statistics.correction import all_pairs, compare_methods, holm, smallest_n
from bench.statistics.paired import one_sample_comparison, paired_comparison, smallest_p
from bench.statistics.wilcoxon import (
    hodges_lehmann_interval,
    signed_rank_null,
    signed_rank_test,
    walsh_averages,
)

# Ten runs of AE+KMeans and of DEC on USPS, published with DEC-keras.
AE_KMEANS = [0.69692, 0.70026, 0.71284, 0.70918, 0.69628, 0.70951, 0.71843, 0.70757, 0.70886, 0.72607]
DEC = [0.76307, 0.75436, 0.76866, 0.76834, 0.75113, 0.76812, 0.76371, 0.76758, 0.76425, 0.76715]

tied_differences = st.lists(st.integers(-4, 4), min_size=2, max_size=12).map(lambda d: np.array(d) / 100)


def p_by_all_sign_patterns(differences):
    """Share of the 2^n sign patterns whose rank sum is at least as far from its mean."""
    differences = differences[differences != 0]
    if len(differences) == 0:
        return 1.0
    ranks = scipy.stats.rankdata(np.abs(differences))
    patterns = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    far = np.abs(patterns @ ranks - ranks.sum() / 2)
    return float(np.mean(far >= abs(ranks[differences > 0].sum() - ranks.sum() / 2)))


@given(tied_differences)
@settings(max_examples=150, deadline=None)
def test_p_is_exact_with_ties_and_zeros(differences):
    _, p, _ = signed_rank_test(differences)
    assert p == pytest.approx(p_by_all_sign_patterns(differences), abs=1e-12)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=12, unique=True), st.integers(0, 4095))
@settings(max_examples=50, deadline=None)
def test_p_is_exact_without_ties(sizes, signs):
    differences = np.array([size if signs >> i & 1 else -size for i, size in enumerate(sizes)]) / 1000
    _, p, method = signed_rank_test(differences)
    assert method == "exact"
    assert p == pytest.approx(p_by_all_sign_patterns(differences), abs=1e-12)


def test_the_null_of_whole_ranks_is_the_tabled_one():
    # n = 3: the rank sums 0..6 have 1, 1, 1, 2, 1, 1, 1 of 8 sign patterns.
    np.testing.assert_array_equal(signed_rank_null(np.array([1, 2, 3]))[::2] * 8, [1, 1, 1, 2, 1, 1, 1])


def test_usps_example_by_hand():
    # All ten differences are positive: W = 0, p = 2 / 2^10. Of the 55 Walsh averages the 28th is
    # (.04528 + .06615) / 2 = .055715. P(W <= 8) = 25/1024 = .0244, P(W <= 9) = .0322: k = 9, and the 9th from
    # below is (.04108 + .05861) / 2 = .049845, the 9th from above .06001 itself.
    result = paired_comparison(DEC, AE_KMEANS)
    assert (result.n, result.n_zero, result.statistic, result.method) == (10, 0, 0.0, "exact")
    assert result.p_value == pytest.approx(0.001953125)
    assert result.p_value == pytest.approx(result.smallest_p)
    assert result.hodges_lehmann == pytest.approx(0.055715)
    assert result.hodges_lehmann_interval == pytest.approx((0.049845, 0.06001))
    assert (result.rank_biserial, result.prob_superiority, result.practical) == (1.0, 1.0, "greater")


def test_the_comparison_is_antisymmetric():
    there, back = paired_comparison(DEC[::-1], AE_KMEANS), paired_comparison(AE_KMEANS, DEC[::-1])
    assert there.p_value == back.p_value
    assert there.hodges_lehmann == pytest.approx(-back.hodges_lehmann)
    assert there.hodges_lehmann_interval == pytest.approx(tuple(-x for x in back.hodges_lehmann_interval[::-1]))
    assert there.prob_superiority == 1 - back.prob_superiority
    assert back.practical == "smaller"


def test_float_noise_does_not_break_ties():
    a = np.array([0.3, 0.3, 0.5, 0.7])
    b = np.array([0.1, 0.5, 0.3, 0.5])  # differences ±.2 up to noise in the last bit
    assert len(np.unique(np.abs(a - b))) > 1
    assert paired_comparison(a, b).method == "permutation"
    assert paired_comparison(a, b).p_value == pytest.approx(p_by_all_sign_patterns(np.array([1, -1, 1, 1])))


def test_equal_scores_show_no_difference_and_are_equivalent():
    result = paired_comparison(DEC, DEC)
    assert (result.p_value, result.n_zero, result.rank_biserial) == (1.0, 10, 0.0)
    assert (result.prob_superiority, result.practical) == (0.5, "equivalent")


@given(tied_differences)
@settings(max_examples=50, deadline=None)
def test_hodges_lehmann_is_the_median_of_the_walsh_averages(differences):
    pairs = itertools.combinations_with_replacement(differences, 2)
    expected = np.median([(first + second) / 2 for first, second in pairs])
    assert paired_comparison(differences, np.zeros_like(differences)).hodges_lehmann == pytest.approx(expected)


@given(st.lists(st.integers(-300, 300), min_size=6, max_size=12, unique=True), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_the_interval_holds_the_shifts_that_are_not_rejected(differences, share):
    # Walsh averages of integers are multiples of 1/2: a shift at an odd quarter makes no tie and no zero.
    differences = np.array(differences, float)
    low, high = hodges_lehmann_interval(differences)
    inside = np.clip(np.floor(2 * (low + share * (high - low))) / 2 + 0.25, low + 0.25, high - 0.25)
    for shift in {low + 0.25, high - 0.25, float(inside)} if high > low else ():
        assert signed_rank_test(differences - shift)[1] > 0.05
    for shift in (low - 0.25, high + 0.25):
        assert signed_rank_test(differences - shift)[1] <= 0.05


def test_no_interval_exists_below_six_pairs():
    assert hodges_lehmann_interval(np.arange(1.0, 6.0)) is None
    assert hodges_lehmann_interval(np.arange(1.0, 7.0)) == (1.0, 6.0)
    assert paired_comparison(DEC[:5], AE_KMEANS[:5]).practical == "undecided"
    assert len(walsh_averages(np.arange(5.0))) == 15


@given(tied_differences.filter(lambda d: (d != 0).any()))
@settings(max_examples=12, deadline=None)
def test_rank_biserial_is_pingouins(differences):
    pingouin = pytest.importorskip("pingouin")
    expected = pingouin.wilcoxon(differences, np.zeros_like(differences))["RBC"].iloc[0]
    ours = paired_comparison(differences, np.zeros_like(differences)).rank_biserial
    assert ours == pytest.approx(expected, abs=1e-9)


def test_superiority_counts_a_tie_half_and_its_interval_is_seeded():
    result = paired_comparison([1, 1, 0, 3], [0, 1, 1, 2])
    assert result.prob_superiority == (2 + 0.5) / 4
    low, high = result.prob_superiority_interval
    assert low < result.prob_superiority < high
    assert paired_comparison([1, 1, 0, 3], [0, 1, 1, 2]) == result


def test_above_fifty_pairs_the_test_is_asymptotic():
    differences = np.random.default_rng(0).normal(0.1, 1, 60)
    result = paired_comparison(differences, np.zeros(60))
    expected = scipy.stats.wilcoxon(np.round(differences, 6), method="asymptotic")
    assert result.method == "asymptotic"
    assert result.p_value == pytest.approx(expected.pvalue)
    low, high = result.hodges_lehmann_interval
    assert low < result.hodges_lehmann < high


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [([1], [1], "at least 2"), ([1, 2], [1], "matched"), ([1, np.nan], [1, 2], "finite")],
)
def test_scores_that_do_not_pair_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        paired_comparison(a, b)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=8, deadline=None)  # statsmodels collects garbage in every call, a second in this process
def test_holm_is_statsmodels(p_values):
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_steps_down_is_monotone_and_at_most_1(p_values):
    order = np.argsort(p_values, kind="stable")
    stepped = [min(1.0, (len(p_values) - i) * p_values[k]) for i, k in enumerate(order)]
    np.testing.assert_allclose(holm(p_values)[order], np.maximum.accumulate(stepped))


def test_holm_by_hand():
    # Sorted .01, .02, .03 times 3, 2, 1 gives .03, .04, .03, and the last is raised to .04.
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


@pytest.mark.parametrize(("n", "family"), [(5, 0), (6, 1), (7, 3), (8, 6), (9, 12), (10, 25), (11, 51)])
def test_the_largest_family_that_n_pairs_can_serve(n, family):
    assert smallest_p(n) * family <= 0.05 < smallest_p(n) * (family + 1)
    clear_win = {"a": {s: 0.9 + s / 1000 for s in range(n)}, "b": dict.fromkeys(range(n), 0.5)}
    assert {c.verdict for c in compare_methods(clear_win, [("a", "b")] * family)} == ({"better"} if family else set())
    (one, *_) = larger = compare_methods(clear_win, [("a", "b")] * (family + 1))
    assert {c.outcome for c in larger} == {"too few"}
    assert one.verdict == f"too few seeds ({n}; {n + 1} needed)"
    assert smallest_p(n + 1) * (family + 1) <= 0.05, "with what is needed it could be significant"


def test_seeds_are_matched_not_ordered():
    a = {s: 0.5 + s / 100 for s in range(10)}
    b = {s: a[s] - 0.001 * (s + 1) for s in reversed(range(2, 14)) if s in a} | {20: 0.9}
    (comparison,) = compare_methods({"a": a, "b": b}, [("a", "b")])
    assert comparison.matched == tuple(range(2, 10))
    assert (comparison.result.n, comparison.verdict) == (8, "better")


def test_lower_can_be_better():
    scores = {"a": dict(enumerate(DEC)), "b": dict(enumerate(AE_KMEANS))}
    (comparison,) = compare_methods(scores, [("a", "b")], greater_is_better=False)
    assert comparison.verdict == "worse"
    assert comparison.result.hodges_lehmann > 0


def test_a_pair_without_common_seeds_is_not_compared_and_counts_in_the_family():
    scores = {"a": dict(enumerate(DEC)), "b": dict(enumerate(AE_KMEANS)), "c": {0: 0.5}}
    ab, ac, bc = compare_methods(scores, all_pairs(scores))
    assert (ac.result, ac.verdict, bc.verdict) == (None, "not compared", "not compared")
    assert ac.reason == "1 matched seed; a comparison needs at least 2"
    # What is still to come must not change a verdict: it counts with p = 1 until it is there.
    assert (ab.family_size, ab.p_adjusted) == (3, 3 * ab.result.p_value)


def test_a_lost_run_is_in_no_difference_and_a_claim_must_hold_with_it_as_the_worst():
    nan = float("nan")
    a, b = dict(enumerate(DEC)), dict(enumerate(AE_KMEANS))
    (whole,) = compare_methods({"a": a, "b": b}, [("a", "b")])
    (b_lost,) = compare_methods({"a": a, "b": b | {0: nan}}, [("a", "b")])
    assert (whole.outcome, whole.lost, b_lost.outcome, b_lost.lost) == ("better", (0, 0), "better", (0, 1))
    assert b_lost.matched == tuple(range(1, 10))
    assert b_lost.result == paired_comparison(DEC[1:], AE_KMEANS[1:])
    assert b_lost.p_value == b_lost.result.p_value == 2 / 2**9, "ten signs alike would be 2 / 2^10: the larger counts"
    (a_lost,) = compare_methods({"a": a | {0: nan, 1: nan}, "b": b}, [("a", "b")])
    # Eight differences for A, and two against it that are larger than all: W- = 9.5 + 9.5 of 55.
    assert a_lost.result.p_value == 2 / 2**8
    assert a_lost.p_value == pytest.approx(p_by_all_sign_patterns(np.array([*range(1, 9), -9, -9])))
    assert (a_lost.lost, a_lost.outcome) == ((2, 0), "not significant")
    (lower,) = compare_methods({"a": a | {0: nan, 1: nan}, "b": b}, [("a", "b")], greater_is_better=False)
    assert (lower.p_value, lower.outcome) == (2 / 2**8, "worse"), "where lower is better, both tests speak against A"
    (mostly,) = compare_methods({"a": a | dict.fromkeys(range(7), nan), "b": b}, [("a", "b")])
    assert mostly.p_value == 1.0, "the two tests point to different sides"
    (both,) = compare_methods({"a": a | {0: nan}, "b": b | {0: nan}}, [("a", "b")])
    assert both.lost == (0, 0)


def test_leaving_out_failures_that_depend_on_the_score_makes_no_false_claims():
    """Equal methods of which one fails on its six worst seeds of twenty: survivors alone differ in a quarter."""
    rng = np.random.default_rng(0)
    wrong = {"as it is": 0, "survivors": 0}
    for _ in range(200):
        a, b = rng.normal(size=(2, 20))
        failed = np.argsort(a)[:6]
        scores = {"a": {s: float("nan") if s in failed else x for s, x in enumerate(a)}, "b": dict(enumerate(b))}
        (comparison,) = compare_methods(scores, [("a", "b")])
        wrong["as it is"] += comparison.outcome == "better"
        wrong["survivors"] += comparison.result.p_value <= 0.05 and comparison.result.rank_biserial > 0
    assert wrong["survivors"] > 30
    assert wrong["as it is"] <= 8


@pytest.mark.parametrize("number", [float, np.float32, np.float64, int])
def test_any_number_is_one_score(number):
    (comparison,) = compare_methods({"a": number(1), "b": dict(enumerate(DEC))}, [("a", "b")])
    assert comparison.result.form == "one-sample"


def test_the_fewest_pairs_that_serve_a_family():
    assert [smallest_n(family) for family in (1, 3, 15, 25, 26, 28)] == [6, 7, 10, 10, 11, 11]


def test_one_score_is_compared_by_the_one_sample_test_and_not_copied():
    scores = {"kmeans": 0.66, "dec": dict(enumerate(DEC)), "birch": 0.7}
    dec, turned, none = compare_methods(scores, [("dec", "kmeans"), ("kmeans", "dec"), ("kmeans", "birch")])
    expected = scipy.stats.wilcoxon(np.array(DEC) - 0.66, method="exact")
    assert (dec.result.form, dec.result.n, dec.n) == ("one-sample", 10, "n = 1 against n = 10")
    assert (dec.result.p_value, dec.outcome, turned.outcome) == (expected.pvalue, "better", "worse")
    assert turned.result.hodges_lehmann == -dec.result.hodges_lehmann
    assert none.reason == "both give one score whatever the seed, so nothing varies that could be tested"
    assert (none.verdict, none.family_size) == ("not compared", 2), "it can never be made, so it does not count"
    paired = compare_methods({"dec": scores["dec"], "a": dict.fromkeys(range(10), 0.66)}, [("dec", "a")])[0]
    assert paired.n == "n = 10"


def test_one_sample_scores_that_do_not_fit_are_refused():
    for a, b in (([0.1, 0.2], [0.1, 0.2]), (0.1, 0.2)):
        with pytest.raises(ValueError, match="one of a and b must be a row of scores, the other a number"):
            one_sample_comparison(a, b)
    with pytest.raises(ValueError, match="at least 2"):
        one_sample_comparison([0.1], 0.2)


def test_nothing_is_equivalent_before_it_is_said_what_would_matter():
    assert paired_comparison(DEC, DEC, rope=None).practical == "undecided"
    assert paired_comparison(DEC, AE_KMEANS, rope=None).practical == "undecided"
    assert paired_comparison(DEC, DEC, rope=0.01).practical == "equivalent"
    assert paired_comparison(DEC, AE_KMEANS, rope=0.06).practical == "undecided", "the interval ends at .06001"
    assert paired_comparison(DEC, AE_KMEANS, rope=0.0601).practical == "equivalent"
    with pytest.raises(ValueError, match="rope must be 0 or more, or None"):
        paired_comparison(DEC, DEC, rope=-0.01)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no scores for x; there are scores for a"):
        compare_methods({"a": {}}, [("a", "x")])

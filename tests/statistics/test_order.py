"""No order is claimed that the tests do not show, and no total that would mix unequal things."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.statistics.aggregate import interquartile_mean, mean_ranks, wins_ties_losses
from bench.statistics.correction import MethodComparison, all_pairs
from bench.statistics.order import cliques, rank_ranges

NAMES = ["a", "b", "c", "d"]


def comparisons(better):
    """All pairs of the four, where `better` holds (winner, loser)."""

    def outcome(a, b):
        return "better" if (a, b) in better else "worse" if (b, a) in better else "not significant"

    return [MethodComparison(a, b, (), None, (0, 0), None, None, 6, outcome(a, b)) for a, b in all_pairs(NAMES)]


def test_a_rank_is_a_range_where_the_test_shows_no_order():
    # a beats c and d, b beats d: a may be 1 or 2, b 1 to 3, c 2 to 4, d 3 or 4.
    shown = comparisons({("a", "c"), ("a", "d"), ("b", "d")})
    assert rank_ranges(NAMES, shown) == {"a": (1, 2), "b": (1, 3), "c": (2, 4), "d": (3, 4)}


def test_a_rank_is_one_number_where_the_test_shows_the_order():
    shown = comparisons(set(all_pairs(NAMES)))
    assert rank_ranges(NAMES, shown) == {"a": (1, 1), "b": (2, 2), "c": (3, 3), "d": (4, 4)}


def test_cliques_are_the_maximal_sets_without_a_difference():
    shown = comparisons({("a", "c"), ("a", "d"), ("b", "d")})
    assert cliques(NAMES, shown) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert cliques(NAMES, comparisons(set())) == [tuple(NAMES)]
    assert cliques(NAMES, comparisons(set(all_pairs(NAMES)))) == []


@given(st.sets(st.sampled_from(list(itertools.permutations(NAMES, 2)))))
@settings(max_examples=60, deadline=None)
def test_cliques_are_those_of_exhaustive_search(pairs):
    better = {(a, b) for a, b in pairs if (b, a) not in pairs}
    same = {frozenset(p) for p in all_pairs(NAMES)} - {frozenset(p) for p in better}
    sets = [
        s
        for size in (2, 3, 4)
        for s in itertools.combinations(NAMES, size)
        if all(frozenset(p) in same for p in itertools.combinations(s, 2))
    ]
    maximal = [s for s in sets if not any(set(s) < set(other) for other in sets)]
    assert sorted(cliques(NAMES, comparisons(better))) == sorted(maximal)


def test_mean_ranks_share_ties_and_follow_the_direction():
    means = {"a": [0.9, 0.5], "b": [0.9, 0.7], "c": [0.1, 0.6]}
    assert mean_ranks(means) == {"a": (1.5 + 3) / 2, "b": (1.5 + 1) / 2, "c": (3 + 2) / 2}
    assert mean_ranks(means, greater_is_better=False) == {"a": (2.5 + 1) / 2, "b": (2.5 + 3) / 2, "c": (1 + 2) / 2}


def test_a_total_rank_over_unequal_sets_of_data_sets_is_refused():
    for means in ({"a": [0.9, 0.5], "b": [0.9]}, {"a": [0.9, 0.5], "b": [0.9, np.nan]}):
        with pytest.raises(ValueError, match="every method on every data set"):
            mean_ranks(means)


def test_wins_ties_and_losses_are_counted_to_six_decimals():
    assert wins_ties_losses([0.5, 0.6, 0.7], [0.5 + 1e-9, 0.5, 0.8]) == (1, 1, 1)
    assert wins_ties_losses([0.5, 0.6, 0.7], [0.6, 0.5, 0.8], greater_is_better=False) == (2, 0, 1)


def test_the_interquartile_mean_is_that_of_the_middle_half():
    scores = np.array([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 100.0]])
    found = interquartile_mean(scores)
    assert found.value == np.mean([2, 3, 4, 5])
    assert interquartile_mean(scores) == found, "the bootstrap is seeded"


def test_no_interval_is_given_for_fewer_than_five_seeds_or_data_sets():
    scores = np.random.default_rng(0).random((6, 6))
    few_seeds, few_datasets = interquartile_mean(scores[:, :4]), interquartile_mean(scores[:4])
    assert (few_seeds.interval_fixed, few_seeds.interval_resampled) == (None, None)
    assert few_datasets.interval_fixed is not None
    assert few_datasets.interval_resampled is None
    assert interquartile_mean(scores).interval_resampled is not None


@given(st.integers(0, 1000), st.integers(5, 12), st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_the_estimate_lies_in_its_intervals(seed, n_seeds, n_datasets):
    scores = np.random.default_rng(seed).normal(size=(n_datasets, n_seeds))
    found = interquartile_mean(scores)
    for interval in (found.interval_fixed, found.interval_resampled):
        if interval is not None:
            assert interval[0] <= found.value <= interval[1]


def test_the_interval_over_seeds_is_scipys_for_one_data_set():
    values = np.random.default_rng(0).normal(0.7, 0.05, 40)
    low, high = interquartile_mean(values[None]).interval_fixed
    theirs = scipy.stats.bootstrap(
        (values,), lambda x, axis: scipy.stats.trim_mean(x, 0.25, axis=axis), method="percentile", n_resamples=4000
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_seeds_are_drawn_within_their_data_set():
    # Constant within each data set: other seeds change nothing, other data sets do.
    scores = np.repeat([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]], 5, axis=1)
    found = interquartile_mean(scores)
    assert found.interval_fixed == pytest.approx((found.value, found.value))
    low, high = found.interval_resampled
    assert low < 0.3
    assert high > 0.4


def test_a_data_set_without_scores_is_refused():
    with pytest.raises(ValueError, match="neither of them 0"):
        interquartile_mean(np.empty((3, 0)))

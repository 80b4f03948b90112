"""The estimate and interval of a shift agree with counting, and with scipy's test."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics.wilcoxon import rank_sum_null, shift_estimate, shift_interval

sizes = st.integers(1, 5)


@given(sizes, sizes)
def test_the_null_is_that_of_all_ways_to_share_out_the_ranks(m, n):
    counts = np.zeros(m * n + 1)
    for ranks in itertools.combinations(range(m + n), m):
        counts[sum(ranks) - m * (m - 1) // 2] += 1
    assert rank_sum_null(m, n) == pytest.approx(counts / counts.sum(), abs=1e-15)


def test_the_null_of_large_samples_is_a_distribution_about_its_mean():
    null = rank_sum_null(50, 60)
    assert null.sum() == pytest.approx(1, abs=1e-12)
    assert null @ np.arange(len(null)) == pytest.approx(50 * 60 / 2)
    assert null == pytest.approx(null[::-1], abs=1e-15)


@given(st.integers(4, 8), st.integers(4, 8), st.integers(0, 10_000))
def test_the_interval_holds_the_shifts_that_scipys_exact_test_does_not_reject(m, n, seed):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=m), generator.normal(size=n)
    low, high = shift_interval(a, b)

    def p(shift):
        return scipy.stats.mannwhitneyu(a - shift, b, method="exact").pvalue

    step = np.diff(np.unique(np.subtract.outer(a, b))).min() / 2
    assert p(low + step) > 0.05 > p(low - step)
    assert p(high - step) > 0.05 > p(high + step)
    assert low <= shift_estimate(a, b) <= high


def test_by_hand():
    # Five against five: P(U <= 2) = 4/252 = .016, P(U <= 3) = 7/252 = .028, so the third difference from either end:
    # of 1..5 less 11..15 these are -14, -13, -13, -12, ... and ..., -8, -7, -7, -6.
    a, b = np.arange(1.0, 6), np.arange(11.0, 16)
    assert shift_interval(a, b) == (-13.0, -7.0)
    assert shift_estimate(a, b) == -10.0
    assert shift_estimate(b, a) == 10.0


def test_three_against_three_have_no_interval_and_four_against_four_do():
    assert shift_interval(np.arange(3.0), np.arange(3.0)) is None  # 1 of 20 on either side
    assert shift_interval(np.arange(4.0), np.arange(4.0)) == (-3.0, 3.0)  # 1 of 70 on either side
    assert shift_interval(np.arange(1.0), np.arange(30.0)) is None


@pytest.mark.parametrize("grid", [0.0, 0.5])
def test_it_covers_the_true_shift_as_often_as_it_says(grid):
    # Ten against ten: 1 - 2 P(U <= 23) = .9567; of values rounded to a coarse grid, more.
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(2000):
        a, b = generator.normal(1, 1, size=10), generator.normal(0, 1, size=10)
        if grid:
            a, b = (np.round(x / grid) * grid for x in (a, b))
        low, high = shift_interval(a, b)
        covered += low <= 1 <= high
    expected = 1 - 2 * rank_sum_null(10, 10)[:24].sum()
    error = 4 * np.sqrt(expected * (1 - expected) / 2000)
    assert covered / 2000 >= expected - error
    if not grid:
        assert covered / 2000 <= expected + error

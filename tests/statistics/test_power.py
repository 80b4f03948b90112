"""The power of the signed-rank test, against theory and against scipy's test of freshly drawn differences."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, wilcoxon

from bench.statistics.correction import smallest_n
from bench.statistics.power import detectable_effect, signed_rank_power


def rejected_by_scipy(n, effect, alpha, trials=4_000):
    """Share of normal samples whose mean scipy's test finds to be positive."""
    drawn = np.random.default_rng(n).normal(effect, 1, (trials, n))
    found = wilcoxon(drawn, axis=1, method="exact" if n <= 50 else "asymptotic")
    return np.mean((found.pvalue <= alpha) & (drawn.mean(axis=1) > 0))


@pytest.mark.parametrize(("n", "expected"), {6: 0.24, 10: 0.58, 15: 0.81, 20: 0.91}.items())
def test_power_at_08_standard_deviations_is_the_protocols(n, expected):
    assert signed_rank_power(n, 0.8) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 9])
@pytest.mark.parametrize("n", [10, 15, 20, 50, 51, 80])
def test_scipys_test_finds_a_detectable_effect_four_times_in_five(n, alpha):
    effect = detectable_effect(n, alpha)
    assert rejected_by_scipy(n, effect, alpha) == pytest.approx(0.8, abs=0.025)
    assert rejected_by_scipy(n, effect / 2, alpha) == pytest.approx(signed_rank_power(n, effect / 2, alpha), abs=0.025)


@given(st.floats(0, 3))
@settings(deadline=None)
def test_six_pairs_are_significant_where_all_signs_agree(effect):
    exact = norm.cdf(effect) ** 6
    assert signed_rank_power(6, effect) == pytest.approx(exact, abs=0.015)


def test_the_smallest_effect_is_the_one_with_the_power_asked_for():
    for n, alpha, power in ((9, 0.05, 0.5), (20, 0.05 / 9, 0.8), (60, 0.05 / 15, 0.9)):
        assert signed_rank_power(n, detectable_effect(n, alpha, power), alpha) == pytest.approx(power, abs=1e-3)


def test_more_pairs_show_less_and_a_larger_family_needs_more():
    effects = [detectable_effect(n, 0.05 / 9) for n in (9, 10, 12, 15, 20, 30, 50, 51, 100, 1_000)]
    assert effects == sorted(effects, reverse=True)
    assert detectable_effect(20, 0.05) < detectable_effect(20, 0.05 / 9) < detectable_effect(20, 0.05 / 15)


@given(st.integers(1, 200))
@settings(deadline=None)
def test_nothing_is_detectable_with_fewer_pairs_than_the_family_needs(family_size):
    n = smallest_n(family_size)
    assert detectable_effect(n - 1, 0.05 / family_size) is None
    assert signed_rank_power(n - 1, 100, 0.05 / family_size) == 0
    assert detectable_effect(n, 0.05 / family_size) > 0


def test_it_takes_a_fraction_of_a_second():
    start = time.process_time()
    detectable_effect(47, 0.0123)
    assert time.process_time() - start < 2  # a quarter at rest

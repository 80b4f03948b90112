"""The statistics keep what they promise where the truth is known: errors, coverage, power.

The slow ones take a quarter of an hour on one core; results/statistics has their numbers and a figure.
"""

import numpy as np
import pytest
from scipy.stats import binom

from bench.statistics.power import signed_rank_power
from tests.simulation import study
from tests.simulation.agreement import LIMITS, MODELS, N_RUNS, agreement_coverage, pairwise_ari
from tests.simulation.claims import N_PAIRS, coverage, family_wise_error, pooling_error, power
from tests.simulation.contrasts import N_CONTRASTS, contrasts_found
from tests.simulation.exact import attainable_coverage, attainable_level, family_wise_bound, power_of_six

UNTIED = ("normal noise", "heavy-tailed noise", "skewed noise")


def within_chance(rate, expected):
    """Say whether a rate is as far from the expected one as four standard errors allow."""
    return abs(rate.value - expected) <= 4 * np.sqrt(expected * (1 - expected) / rate.trials)


def test_a_few_hundred_boards_keep_the_promises():
    # By chance alone, each of these fails once in ten thousand choices of a seed.
    for setting in ("normal noise", "rounded to .01"):
        errors, _ = family_wise_error(10, **study.FAMILY_SETTINGS[setting], families=100)
        assert errors.count <= binom.isf(1e-4, errors.trials, 0.055), setting
        errors, _ = contrasts_found(10, **study.FAMILY_SETTINGS[setting], families=100)
        assert errors.count <= binom.isf(1e-4, errors.trials, 0.055), setting
    assert within_chance(coverage(10, intervals=20_000), attainable_coverage(10))
    assert within_chance(power(6, comparisons=1_000), power_of_six(0.8))


def test_the_exact_figures_by_hand():
    # All six signs equal: 2 of 64. Ten pairs: W <= 8 has 25 of 1024 patterns on either side. Fifteen pairs of
    # methods at n = 10 need p <= .0033, which W = 0 alone has.
    assert attainable_level(5, 0.05) == 0
    assert attainable_coverage(6) == 1 - 2 / 64
    assert attainable_coverage(10) == 1 - 50 / 1024
    assert family_wise_bound(10, N_PAIRS) == pytest.approx(15 * 2 / 1024)


@pytest.mark.slow
@pytest.mark.parametrize("setting", study.FAMILY_SETTINGS)
@pytest.mark.parametrize("n_seeds", study.FAMILY_SEEDS)
def test_the_family_wise_error_is_at_most_055(n_seeds, setting):
    options = study.FAMILY_SETTINGS[setting]
    errors, _ = family_wise_error(n_seeds, **options, families=study.FAMILIES[n_seeds])
    assert errors.value <= 0.055
    if setting in UNTIED:
        bound = family_wise_bound(n_seeds, N_PAIRS)
        assert errors.value <= bound + 4 * errors.standard_error
        assert errors.value >= bound / 2  # and it is a test that can reject


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", study.FAMILY_SEEDS)
def test_every_data_set_is_a_family_of_its_own(n_seeds):
    per_family, anywhere = family_wise_error(n_seeds, **study.TWO_DATASETS, families=study.FAMILIES[n_seeds] // 2)
    assert per_family.value <= 0.055
    # Over both data sets nothing is promised: independent families add up.
    assert within_chance(anywhere, 1 - (1 - per_family.value) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("setting", study.FAMILY_SETTINGS)
@pytest.mark.parametrize("n_seeds", study.FAMILY_SEEDS)
def test_the_family_wise_error_of_nine_contrasts_is_at_most_055(n_seeds, setting):
    errors, _ = contrasts_found(n_seeds, **study.FAMILY_SETTINGS[setting], families=study.CONTRAST_FAMILIES[n_seeds])
    assert errors.value <= 0.055
    if setting in UNTIED:
        bound = family_wise_bound(n_seeds, N_CONTRASTS)
        assert errors.value <= bound + 4 * errors.standard_error
        assert errors.value >= bound / 2


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", study.CONTRAST_POWER_SEEDS)
def test_the_noise_of_one_method_is_detected_as_often_as_the_first_step_says_and_no_other_contrast_claimed(n_seeds):
    errors, found = contrasts_found(n_seeds, effect=study.CONTRAST_EFFECT, families=study.CONTRAST_POWER_FAMILIES)
    assert errors.value <= 0.055
    first_step = signed_rank_power(n_seeds, study.CONTRAST_EFFECT, 0.05 / N_CONTRASTS)
    assert found.value >= first_step - 4 * found.standard_error
    assert found.value <= first_step + 0.05  # the later steps add little where one method differs


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_93_to_97_percent_of_the_intervals_of_mean_ari_hold_the_truth(model):
    for n in study.AGREEMENT_RUNS:
        held = agreement_coverage(model, n, intervals=study.AGREEMENT_INTERVALS)
        assert 0.93 <= held.value <= 0.97, n


@pytest.mark.slow
def test_no_interval_knows_of_runs_that_are_not_among_its_own():
    rates = {n: agreement_coverage("one run in ten fails", n, intervals=5_000).value for n in study.AGREEMENT_RUNS}
    assert rates[10] < 1 - 0.9**10 + 0.05
    assert rates[20] == pytest.approx(1 - 0.9**20, abs=0.05)
    assert all(agreement_coverage("runs that agree by chance", n, intervals=5_000).value > 0.97 for n in rates)


@pytest.mark.slow
@pytest.mark.parametrize("model", [*MODELS, *LIMITS])
def test_the_runs_of_a_model_agree_as_its_name_says(model):
    ari = pairwise_ari(model)
    of_run = (ari.sum(axis=1) - 1) / (N_RUNS - 1)
    assert {
        "runs of unequal quality": of_run.std() > 0.1,
        "runs that agree closely": ari.mean() > 0.9,
        "two local optima, 7 to 3": np.quantile(of_run, 0.1) < ari.mean() - 0.05,
        "two local optima, even": of_run.std() < ari.std() / 2,  # whichever optimum, half of the others are in it
        "k-means on digits": 0.7 < ari.mean() < 0.8,
        "one run in ten fails": (of_run < 0.3).mean() == pytest.approx(0.1, abs=0.03),
        "runs that agree by chance": abs(ari.mean()) < 0.01,
    }[model]


@pytest.mark.slow
@pytest.mark.parametrize("setting", UNTIED)
@pytest.mark.parametrize("n", study.COVERAGE_N)
def test_95_percent_intervals_cover_94_to_97_percent(n, setting):
    covered = coverage(n, **study.COVERAGE_SETTINGS[setting], intervals=study.INTERVALS)
    assert 0.94 <= covered.value <= 0.97
    assert within_chance(covered, attainable_coverage(n))


@pytest.mark.slow
@pytest.mark.parametrize("setting", [s for s in study.COVERAGE_SETTINGS if s not in UNTIED])
@pytest.mark.parametrize("n", study.COVERAGE_N)
def test_intervals_of_tied_differences_cover_no_less(n, setting):
    covered = coverage(n, **study.COVERAGE_SETTINGS[setting], intervals=study.INTERVALS)
    assert covered.value >= attainable_coverage(n)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "expected"), study.PROTOCOL_POWER.items())
def test_power_at_an_effect_of_08_standard_deviations_of_the_differences(n, expected):
    assert power(n, comparisons=study.POWER_COMPARISONS).value == pytest.approx(expected, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("interaction", study.POOLED_INTERACTIONS)
@pytest.mark.parametrize("n_datasets", study.POOLED_DATASETS)
@pytest.mark.parametrize("n_seeds", [5, 10])
def test_pooled_seeds_claim_what_means_of_data_sets_do_not(n_seeds, n_datasets, interaction):
    pooled, of_means = pooling_error(n_datasets, n_seeds, interaction, comparisons=study.POOLED_COMPARISONS)
    assert 0.2 <= pooled.value <= 0.6
    assert within_chance(of_means, attainable_level(n_datasets, 0.05))

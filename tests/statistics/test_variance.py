"""Components of variance, against analysis of variance, hand-computed tables and simulated truth."""

import math

import numpy as np
import pandas as pd
import pingouin
import pytest

from bench.statistics.variance import variance_components


def simulated(rng, *, n_configs, n_seeds, n_draws, sds, block=0.0):
    """Return means over draws and the sds between them; ``block`` is what all configurations share at a seed."""
    hyper, seed, draw = sds
    runs = rng.normal(0, hyper, (n_configs, 1)) + rng.normal(0, block, (1, n_seeds))
    runs = runs + rng.normal(0, seed, (n_configs, n_seeds))
    draws = runs[..., None] + rng.normal(0, draw, (n_configs, n_seeds, n_draws))
    return draws.mean(axis=2), draws.std(axis=2, ddof=1)


def values(components):
    parts = (components.draws, components.seeds, components.hyper_parameters)
    return [None if part is None else part.variance for part in parts]


def test_a_table_by_hand():
    # within: (2 + 2)/2 = 2, and draws 4 over 8 of them: 2 - .5. apart: half the mean of 36 and 4 is 10, less 2.
    found = variance_components([[0, 2], [4, 6]], [[2, 2], [2, 2]], 8)
    assert values(found) == pytest.approx([4, 1.5, 8])
    assert found.seeds.share == pytest.approx(1.5 / 13.5)
    assert found.seeds.sd == pytest.approx(math.sqrt(1.5))
    assert not found.hyper_parameters.truncated


def test_complete_tables_agree_with_the_two_way_analysis_of_variance():
    rng = np.random.default_rng(0)
    scores, _ = simulated(rng, n_configs=6, n_seeds=7, n_draws=2, sds=(1.0, 0.5, 0.0), block=0.7)
    long = pd.DataFrame(scores).melt(ignore_index=False, var_name="seed").reset_index(names="config")
    two_way = pingouin.rm_anova(long, dv="value", within="config", subject="seed", detailed=True).set_index("Source")
    expected = (two_way.loc["config", "MS"] - two_way.loc["Error", "MS"]) / 7
    found = variance_components(scores, None, 0)
    assert found.hyper_parameters.variance == pytest.approx(expected)
    assert found.seeds.variance == pytest.approx(scores.var(axis=1, ddof=1).mean())


def test_estimates_are_right_on_average_with_runs_missing_and_seeds_in_common():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(1500):
        scores, sds = simulated(rng, n_configs=5, n_seeds=6, n_draws=4, sds=(2.0, 1.0, 1.5), block=0.8)
        scores[0, :3], scores[3, 1:5] = np.nan, np.nan
        found.append(values(variance_components(scores, sds, 4)))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / math.sqrt(len(found))
    # a nested analysis, which compares configurations at one seed too, would give the last .8²/6 = .11 too little
    assert (abs(mean - [1.5**2, 1.0 + 0.8**2, 4.0]) < 3 * error + 0.01).all()


def test_what_draws_make_of_the_spread_between_seeds_is_not_counted_twice():
    rng = np.random.default_rng(2)
    scores, sds = simulated(rng, n_configs=1, n_seeds=4000, n_draws=2, sds=(0.0, 0.3, 1.0))
    found = variance_components(scores, sds, 2)
    assert found.draws.variance == pytest.approx(1.0, rel=0.1)
    assert found.seeds.variance == pytest.approx(0.09, abs=0.05)  # the means themselves vary by .59


def test_an_estimate_below_nothing_is_nothing_and_says_so():
    found = variance_components([[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], 4)
    assert (found.seeds.variance, found.seeds.truncated, found.seeds.share) == (0, True, 0)
    assert found.draws.share == 1
    still = variance_components([[1.0, 1.0]], None, 1)
    assert still.seeds.variance == 0
    assert not still.seeds.truncated
    assert math.isnan(still.seeds.share)


def test_a_component_that_nothing_tells_of_is_absent():
    one_config = variance_components([[1.0, 2.0, np.nan]], None, 1)
    assert values(one_config) == [None, 0.5, None]
    one_seed = variance_components([[1.0], [2.0]], [[0.5], [0.5]], 32)
    assert values(one_seed) == [0.25, None, None]
    assert values(variance_components([[np.nan, np.nan]], [[np.nan, np.nan]], 32)) == [None, None, None]
    assert values(variance_components([[1.0, np.nan], [2.0, np.nan], [1.0, 3.0]], None, 1))[2] is not None


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="n_configs"):
        variance_components([1.0, 2.0], None, 1)
    for sds, n_draws in (([[1.0]], 4), ([[1.0, np.nan]], 4), ([[1.0, 1.0]], 0)):
        with pytest.raises(ValueError, match="standard deviation"):
            variance_components([[1.0, 2.0]], sds, n_draws)

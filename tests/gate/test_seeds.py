"""Verdicts with too few seeds, lost scores and ignored seeds, and the error rates of the gate."""

import pytest

from tests.gate.scores import BEFORE, check, row_of, run_of
from tests.simulation.gate import measure


@pytest.mark.parametrize("seeds", [range(3), range(7, 10)])
def test_too_few_seeds_for_a_test_are_judged_by_the_mean(seeds):
    before = run_of([0.80, 0.81, 0.82], seeds=range(3))
    for drop, exit_code in ((0.16, 1), (0.14, 0)):  # so few tolerate .15
        comparison = check(before, run_of([0.80 - drop, 0.81 - drop, 0.82 - drop], seeds=seeds))
        assert comparison.exit_code == exit_code
        assert "by the mean alone" in row_of(comparison, "acc").reason


def test_a_method_without_a_seed_is_compared_whatever_its_seed():
    before = run_of([0.8], seeded=False)
    assert check(before, run_of([0.8], seeds=[10], seeded=False)).exit_code == 0
    assert check(before, run_of([0.79], seeds=[10], seeded=False)).exit_code == 0  # by .01, and no more
    assert check(before, run_of([0.78], seeds=[10], seeded=False)).exit_code == 1


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_successful_runs_without_a_score_are_a_warning(missing):
    now = [r.model_copy(update={"metrics": {"acc": missing}}) if r.seed < 2 else r for r in BEFORE]
    row = row_of(check(BEFORE, now), "acc")
    assert (row.verdict, row.n) == ("warn", 8)
    assert row.reason.startswith("2 more runs than in the baseline without this score; within")
    assert row_of(check(now, BEFORE), "acc").verdict == "pass"


@pytest.mark.parametrize("drop", [0.0, 0.3])
def test_too_many_lost_scores_for_an_interval_cannot_be_compared(drop):
    def after(lost):
        return [r.model_copy(update={"metrics": {"acc": None if r.seed < lost else r.metrics["acc"] - drop}})
                for r in BEFORE]  # fmt: skip

    comparison = check(BEFORE, after(lost=9))
    assert row_of(comparison, "acc").verdict == "cannot compare"
    assert (
        row_of(comparison, "acc").reason
        == "9 more runs than in the baseline without this score; 1 left, too few for a test"
    )
    assert comparison.exit_code == 2
    assert row_of(check(BEFORE, after(lost=4)), "acc").verdict == ("fail" if drop else "warn")
    assert check(after(lost=9), after(lost=9)).exit_code == 0  # as in the baseline


def test_a_seed_that_is_ignored_fails_though_every_score_is_good():
    comparison = check(BEFORE, run_of([0.81] * 10))
    assert row_of(comparison, "seeds").verdict == "fail"
    said = "10 seeds gave one score: the method ignores its seed, or every start now gives the same result"
    assert row_of(comparison, "seeds").reason == said
    assert comparison.exit_code == 1


def test_equal_scores_have_no_row_if_the_baseline_has_equal_scores():
    always = run_of([0.81] * 10)
    assert not [row for row in check(always, always).rows if row.metric == "seeds"]


def test_equal_scores_warn_where_chance_may_explain_them():
    mostly = run_of([0.81] * 9 + [0.8])
    assert row_of(check(mostly, run_of([0.81] * 10)), "seeds").verdict == "warn"
    assert row_of(check(run_of([0.8, 0.81]), run_of([0.81, 0.81])), "seeds").verdict == "warn"


@pytest.mark.parametrize("changes", [{"version": 2}, {"params": {"beta": 5}}])
def test_a_changed_method_whose_starts_all_reach_one_optimum_is_only_warned_of(changes):
    comparison = check(BEFORE, run_of([0.9] * 10, **changes))
    assert row_of(comparison, "seeds").verdict == "warn"
    assert comparison.exit_code == 0


def test_twelve_checks_agree_with_the_error_rates():
    # With rates of 5 % and 90 %, four false alarms or seven detections have a probability of 1/500.
    rates = measure(12, same_seeds=False)
    assert rates.alarms <= 3 / 12
    assert min(rates.found.values()) >= 8 / 12


@pytest.mark.slow
@pytest.mark.parametrize("same_seeds", [False, True])
def test_unchanged_code_passes_and_a_drop_of_twice_the_tolerance_is_detected(same_seeds):
    rates = measure(1000, same_seeds=same_seeds)
    assert rates.alarms <= 0.05
    assert min(rates.found.values()) >= 0.9, rates.found


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [1, 2, 3, 5])
def test_with_few_seeds_unchanged_code_passes(n_seeds):
    assert measure(400, same_seeds=True, n_seeds=n_seeds).alarms <= 0.05

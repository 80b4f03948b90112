"""The verdicts of the gate: regressions fail, incomparable rows are errors, and everything else passes or warns."""

import numpy as np
import pytest

from bench.gate import compare
from bench.metrics import METRICS_VERSION
from tests.gate.scores import BEFORE, SPREAD, baseline_of, check, row_of, run_of
from tests.simulation.gate import make_record

WOBBLE = np.array([3, -2, 1, -4, 2, -1, 4, -3, 0.5, -0.5]) / 10_000


def test_the_same_run_passes():
    comparison = check(BEFORE, BEFORE)
    assert comparison.exit_code == 0
    assert {row.metric: row.verdict for row in comparison.rows} == dict.fromkeys(
        ("acc", "wall_time", "peak_memory", "runs", "seeds", "repeat"), "pass"
    )
    row = row_of(comparison, "acc")
    assert (row.drop, row.low, row.high, row.n) == (0, 0, 0, 10)
    assert row.baseline == row.run == pytest.approx(0.8045)


@pytest.mark.parametrize(("drop", "verdict", "exit_code"), [
    (0.02, "fail", 1), (0.0101, "warn", 0), (0.005, "warn", 0), (0.0, "pass", 0), (-0.1, "pass", 0),
])  # fmt: skip
def test_a_drop_fails_where_its_whole_interval_lies_beyond_the_tolerance(drop, verdict, exit_code):
    comparison = check(BEFORE, run_of(0.8 + SPREAD - drop + WOBBLE))
    row = row_of(comparison, "acc")
    assert (row.verdict, row.tolerance) == (verdict, 0.01)
    assert row.low <= drop <= row.high
    assert comparison.exit_code == exit_code


def test_a_drop_within_the_tolerance_has_another_reason_than_an_inconclusive_one():
    within = row_of(check(BEFORE, run_of(0.8 + SPREAD - 0.005 + WOBBLE)), "acc")
    straddles = row_of(check(BEFORE, run_of(0.8 + SPREAD - 0.0101 + WOBBLE)), "acc")
    assert within.reason.startswith("worse, within the tolerance")
    assert straddles.reason.startswith("inconclusive")


def test_the_direction_is_the_metrics_own():
    lower = {"metrics": ["davies_bouldin_pixels"]}
    values = 2 + SPREAD
    before = run_of(values, metric="davies_bouldin_pixels")
    for factor, verdict in ((1.2, "fail"), (0.8, "pass")):
        now = run_of(values * factor, metric="davies_bouldin_pixels")
        row = row_of(compare(now, baseline_of(before, **lower)), "davies_bouldin_pixels")
        assert row.verdict == verdict
        assert row.tolerance == pytest.approx(0.101)  # 5 % of the mean, rounded up
        assert np.sign(row.drop) == np.sign(factor - 1)


def test_other_seeds_are_compared_as_two_samples():
    worse = check(BEFORE, run_of(0.78 + SPREAD, seeds=range(10, 20)))
    assert worse.exit_code == 1
    row = row_of(worse, "acc")
    assert "10 seeds against 10 others" in row.reason
    # By hand: U <= 23 has P < .025, so the 24th smallest and largest of the differences .02 + (i - j) / 1000.
    differences = np.sort(np.subtract.outer(np.arange(10), np.arange(10)), axis=None) / 1000 + 0.02
    assert (row.low, row.high) == pytest.approx((differences[23], differences[-24]))
    assert check(BEFORE, run_of(0.8 + SPREAD, seeds=range(10, 20))).exit_code == 0


def test_more_seeds_than_the_baseline_has_are_compared_on_the_baselines():
    comparison = check(BEFORE, run_of([*(0.8 + SPREAD), 0.1, 0.1, None]))
    row = row_of(comparison, "acc")
    assert (row.drop, row.run, row.n) == (0, row.baseline, 10)
    assert row_of(comparison, "runs").verdict == "pass"


def test_seeds_that_overlap_in_part_are_not_paired():
    row = row_of(check(BEFORE, run_of(0.8 + SPREAD, seeds=range(5, 15))), "acc")
    assert "against" in row.reason


def test_failures_are_a_regression_and_are_not_imputed():
    now = run_of([None, None, *(0.802 + SPREAD[:8])])
    comparison = check(BEFORE, now)
    assert row_of(comparison, "runs").verdict == "fail"
    assert row_of(comparison, "acc").verdict == "pass"
    assert row_of(comparison, "acc").n == 8
    assert check(now, now).exit_code == 0  # as many failed before
    assert row_of(check(now, BEFORE), "runs").verdict == "pass"


def test_if_all_runs_fail_the_row_on_the_runs_is_the_regression():
    comparison = check(BEFORE, run_of([None] * 10))
    assert comparison.exit_code == 1
    assert [row.metric for row in comparison.failures] == ["runs"]
    assert row_of(comparison, "acc").verdict == "not compared"


def test_a_metric_that_no_run_has_any_more_cannot_be_compared():
    comparison = check(BEFORE, run_of(0.8 + SPREAD, metric="nmi"))
    assert row_of(comparison, "acc").verdict == "cannot compare"
    assert comparison.exit_code == 2


@pytest.mark.parametrize(("collapsed", "verdict"), [(0, "pass"), (1, "warn"), (3, "warn"), (4, "fail")])
def test_collapsed_runs_fail_where_chance_does_not_explain_them(collapsed, verdict):
    # Against none of 10, by hand: 3 of 10 have p = C(10, 3) / C(20, 3) = .105, 4 have C(10, 4) / C(20, 4) = .043.
    now = [record.model_copy(update={"flags": ["collapsed"] * (record.seed < collapsed)}) for record in BEFORE]
    assert row_of(check(BEFORE, now), "runs").verdict == verdict
    assert row_of(check(now, BEFORE), "runs").verdict == "pass"


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "pass"), (1.4, "pass"), (1.6, "fail")])
def test_time_is_compared_as_a_ratio(factor, verdict):
    slower = [r.model_copy(update={"timings": {"fit": r.timings["fit"] * factor}}) for r in BEFORE]
    row = row_of(check(BEFORE, slower), "wall_time")
    assert row.verdict == verdict
    assert row.tolerance == 0.5
    assert row.drop == pytest.approx(factor - 1, abs=0.01)


def test_if_half_of_the_runs_take_longer_that_is_a_warning():
    slower = [r.model_copy(update={"timings": {"fit": 25.0 if r.seed < 5 else 10.0}}) for r in BEFORE]
    assert row_of(check(BEFORE, slower), "wall_time").verdict == "warn"


def test_times_below_a_second_are_all_the_same():
    def timed(seconds):
        return [record.model_copy(update={"timings": {"fit": seconds}}) for record in BEFORE]

    assert row_of(check(timed(0.02), timed(0.9)), "wall_time").verdict == "pass"
    assert row_of(check(timed(0.02), timed(3.0)), "wall_time").verdict == "fail"


def test_memory_is_tolerated_to_a_fifth():
    larger = [record.model_copy(update={"peak_memory": 610.0}) for record in BEFORE]
    assert row_of(check(BEFORE, larger), "peak_memory").verdict == "fail"


def test_costs_on_other_hardware_are_not_compared():
    elsewhere = [
        record.model_copy(update={"hardware": record.hardware | {"processor": "another"}, "timings": {"fit": 999.0}})
        for record in BEFORE
    ]
    for before, now in ((BEFORE, elsewhere), (elsewhere, BEFORE), (elsewhere[:5] + BEFORE[5:],) * 2):
        comparison = check(before, now)
        assert comparison.exit_code == 0
        for metric in ("wall_time", "peak_memory"):
            assert row_of(comparison, metric).verdict == "not compared"
            assert "other hardware" in row_of(comparison, metric).reason


def test_a_failed_run_on_other_hardware_is_ignored():
    failed = make_record("dec", 0, {}, status="failed", hardware={"processor": "the parent's", "threads": 2})
    assert row_of(check(BEFORE, [failed, *BEFORE[1:]]), "wall_time").verdict == "pass"


def test_a_regression_beside_what_cannot_be_compared_is_a_regression():
    both = [*BEFORE, *run_of(0.7 + SPREAD, variant="sdec")]
    assert check(both, run_of(0.5 + SPREAD)).exit_code == 1


@pytest.mark.parametrize(("changes", "said"), [
    ({"dataset": "usps"}, "does not have this data set; it has usps"),
    ({"fingerprint": "e" * 64}, "the data have changed: ffffffffffff in the baseline, eeeeeeeeeeee in the run"),
    ({"metrics_version": METRICS_VERSION + 1}, f"version {METRICS_VERSION} in the baseline, {METRICS_VERSION + 1} in"),
])  # fmt: skip
def test_other_data_and_other_metrics_cannot_be_compared(changes, said):
    comparison = check(BEFORE, [record.model_copy(update=changes) for record in BEFORE])
    assert comparison.exit_code == 2
    (row,) = comparison.rows
    assert said in row.reason


def test_runs_of_the_selection_are_not_compared():
    chosen = [record.model_copy(update={"part": "selection", "key": f"s{record.key}"}) for record in BEFORE]
    bad = [record.model_copy(update={"metrics": {"acc": 0.1}}) for record in chosen]
    assert row_of(check(BEFORE, [*BEFORE, *bad]), "acc").drop == 0


def test_changed_parameters_and_versions_are_compared_and_noted():
    params = {"beta": 0.1, "new": "x", "random_state": 5}
    now = [record.model_copy(update={"params": params, "version": 2, "config": "other"}) for record in BEFORE]
    comparison = check(BEFORE, now)
    assert comparison.exit_code == 0
    assert comparison.notes == [
        "digits / dec: version 1 -> 2",
        "digits / dec: other parameters: beta 0.01 -> 0.1, new (absent) -> 'x'",
    ]


def test_other_scores_with_equal_seeds_and_versions_are_a_warning():
    better = [r.model_copy(update={"metrics": {"acc": r.metrics["acc"] + 0.001}}) if r.seed < 3 else r for r in BEFORE]
    row = row_of(check(BEFORE, better), "repeat")
    assert (row.verdict, row.reason[:44]) == ("warn", "3 of 10 seeds gave different scores with the")
    assert row_of(check(BEFORE, BEFORE), "repeat").verdict == "pass"
    for changes in (
        {"version": 2},
        {"params": {"beta": 5}},
        {"versions": {"python": "3.12"}},
        {"hardware": {"processor": "another", "threads": 1}},
    ):
        known = [record.model_copy(update=changes) for record in better]  # then other scores are no wonder
        assert not [row for row in check(BEFORE, known).rows if row.metric == "repeat"]


def test_the_worst_comes_first():
    names = ("good", "bad", "worse", "gone")
    before = [record for name in names for record in run_of(0.8 + SPREAD, variant=name)]
    now = [
        *run_of(0.8 + SPREAD, variant="good"),
        *run_of(0.7 + SPREAD, variant="bad"),
        *run_of(0.6 + SPREAD, variant="worse"),
    ]
    rows = check(before, now).rows
    assert [row.variant for row in rows[:3]] == ["worse", "bad", "gone"]
    assert {row.verdict for row in rows[3:]} <= {"warn", "pass"}

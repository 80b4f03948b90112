"""Which variants and records are compared, and the reasons why some cannot be compared."""

import pytest

from bench.errors import InputError
from bench.metrics import METRICS_VERSION
from tests.gate.scores import BEFORE, SPREAD, check, row_of, run_of
from tests.simulation.gate import make_record


def dec_of(variant, scores=0.8 + SPREAD):
    """Return records of the method dec under another variant's name."""
    return run_of(scores, variant=variant, method="dec")


def test_a_missing_method_cannot_be_compared_and_a_new_one_is_noted():
    both = [*BEFORE, *run_of(0.7 + SPREAD, variant="sdec")]
    comparison = check(both, BEFORE)
    assert comparison.exit_code == 2
    (row,) = comparison.having("cannot compare")
    assert (row.dataset, row.variant) == ("digits", "sdec")
    comparison = check(BEFORE, both)
    assert comparison.exit_code == 0
    assert comparison.notes == ["digits / sdec: new, the baseline does not have it"]


def test_fewer_seeds_cannot_be_compared():
    comparison = check(BEFORE, BEFORE[:9])
    assert comparison.exit_code == 2
    assert comparison.rows[0].reason == "the run has 9 seeds, the baseline 10"
    assert check(BEFORE, BEFORE[:1]).rows[0].reason == "the run has 1 seed, the baseline 10"


def test_a_method_that_no_longer_takes_a_seed_cannot_be_compared():
    comparison = check(BEFORE, run_of([0.8], seeded=False))
    assert comparison.exit_code == 2
    assert comparison.rows[0].reason.startswith(
        "the method no longer takes a seed: the run has 1 seed, the baseline 10"
    )
    assert check(run_of([0.8], seeded=False), BEFORE).notes == ["digits / dec: takes a seed now"]


def test_two_configurations_of_one_name_are_not_mixed():
    other = [r.model_copy(update={"config": "other", "key": f"o{r.key}", "params": {"beta": 1}}) for r in BEFORE]
    comparison = check(BEFORE, [*BEFORE, *other])
    assert comparison.exit_code == 2
    assert "use a new --out" in comparison.rows[0].reason


def test_a_check_may_be_restricted_and_a_wrong_name_is_refused():
    both = [*run_of(0.8 + SPREAD), *run_of(0.7 + SPREAD, variant="sdec")]
    now = [*run_of(0.5 + SPREAD), *run_of(0.7 + SPREAD, variant="sdec")]
    assert check(both, now).exit_code == 1
    assert check(both, now, methods=["sdec"]).exit_code == 0
    assert check(both, now, metrics=["wall_time"]).exit_code == 0
    assert check(both, now, tolerances={"acc": 0.5}).exit_code == 0
    with pytest.raises(InputError, match=r"no metric 'nmi'; it has acc, wall_time, peak_memory"):
        check(both, now, metrics=["nmi"])
    with pytest.raises(InputError, match=r"no metric 'nmi'"):
        check(both, now, tolerances={"nmi": 0.1})
    with pytest.raises(InputError, match=r"no method 'vade'; it has dec, sdec"):
        check(both, now, methods=["vade"])
    for nothing in ({"metrics": []}, {"methods": []}):  # every run would pass
        with pytest.raises(InputError, match=r"none is named; name one or more, or leave it out for all"):
            check(both, now, **nothing)


@pytest.mark.parametrize(("there", "said"), [
    ("dec@stable", True), ("dec v2", True), ("dec #0123ab", True), ("dec lr=0.1", True), ("dec@stable lr=1 v2", True),
    ("dec (twin of sdec)", False), ("decade", False),
])  # fmt: skip
def test_for_a_missing_variant_only_names_that_extend_its_name_are_suggested(there, said):
    (row,) = check(BEFORE, dec_of(there)).rows
    assert row.verdict == "cannot compare"
    assert (f"it has {there}: use a new --out" in row.reason) == said


def test_older_metrics_of_a_method_that_is_not_compared_are_ignored():
    older = run_of(0.7 + SPREAD, variant="sdec", metrics_version=METRICS_VERSION - 1)
    both = [*BEFORE, *run_of(0.7 + SPREAD, variant="sdec")]
    assert check(both, [*BEFORE, *older], methods=["dec"]).exit_code == 0
    assert check(BEFORE, [*BEFORE, *older]).exit_code == 0
    assert check(both, [*BEFORE, *older]).exit_code == 2


AGAIN = ": a new --out folder computes it again"
BASELINE = [*BEFORE, *dec_of("dec lr=1"), *dec_of("dec (twin of sdec)"), *run_of(0.7 + SPREAD, variant="sdec")]


@pytest.mark.parametrize(("asked", "compared"), [
    ({"dec"}, {"dec", "dec lr=1"}),
    ({"sdec"}, {"sdec", "dec (twin of sdec)"}),  # a counterpart goes with its stochastic method
    ({"sdec", "vade"}, {"sdec", "dec (twin of sdec)"}),
])  # fmt: skip
def test_all_variants_of_a_method_and_its_counterparts_are_compared(asked, compared):
    comparison = check(BASELINE, run_of(0.6 + SPREAD, variant="sdec"), asked=asked)
    assert {row.variant for row in comparison.rows} == compared


def test_a_new_variant_is_noted_if_its_method_is_compared():
    now = [*BASELINE, *dec_of("dec lr=2"), *run_of(0.7 + SPREAD, variant="vade")]
    new = "the baseline does not have it"
    assert check(BASELINE, now, asked={"sdec"}).notes == []
    assert check(BASELINE, now, asked={"dec"}).notes == [f"digits / dec lr=2: new, {new}"]
    assert check(BASELINE, now, asked={"vade", "dec"}).notes == [
        f"digits / dec lr=2: new, {new}",
        f"digits / vade: new, {new}",
    ]
    assert check(BASELINE, now, methods=["dec"]).notes == [f"digits / dec lr=2: new, {new}"]
    nothing = check(BASELINE, now, asked={"vade"})
    assert (nothing.notes, nothing.exit_code) == ([f"digits / vade: new, {new}"], 2)


def test_of_repeated_runs_one_counts_and_a_success_comes_first():
    again = [record.model_copy(update={"key": f"again-{record.key}"}) for record in BEFORE]
    failed = [record.model_copy(update={"status": "failed"}) for record in again]
    assert check(BEFORE, [*failed, *BEFORE]).exit_code == 0
    assert row_of(check(BEFORE, [*BEFORE, *again]), "acc").n == 10


def test_of_repeated_runs_the_one_with_the_most_outliers_counts_as_on_a_leaderboard():
    outliers = {"noise": {"distance": {"auroc": 0.9}}}
    more = run_of(0.7 + SPREAD, outliers=outliers)
    for prefix in "az":  # whatever their keys
        again = [record.model_copy(update={"key": f"{prefix}-{record.key}"}) for record in more]
        for now in ([*BEFORE, *again], [*again, *BEFORE]):
            assert row_of(check(more, now), "acc").drop == 0


def test_a_planned_failure_is_not_hidden_by_a_success_of_an_older_command():
    again = [record.model_copy(update={"key": f"again-{record.key}", "status": "failed"}) for record in BEFORE]
    planned = {record.key for record in again}
    assert check(BEFORE, [*BEFORE, *again]).exit_code == 0
    assert check(BEFORE, [*BEFORE, *again], planned=planned).exit_code == 1


A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(("commits", "here", "said"), [
    ([A], A, []),
    ([A], B, [f"computed at {A[:12]}; the code here is {B[:12]}{AGAIN}"]),
    ([A], f"{A}-dirty", [f"computed at {A[:12]}; the code here is {A[:12]}-dirty{AGAIN}"]),
    ([A, B], B, [f"computed at {A[:12]} and {B[:12]}; the code here is {B[:12]}{AGAIN}"]),
    ([A, B], None, [f"computed at {A[:12]} and {B[:12]}: a new --out folder computes all of it by one"]),
    ([A], None, []),
    ([None], B, []),
])  # fmt: skip
def test_a_run_of_other_code_than_this_is_noted(commits, here, said):
    now = [record.model_copy(update={"commit": commits[record.seed % len(commits)]}) for record in BEFORE]
    elsewhere = make_record("vade", 0, {"acc": 0.5}, commit="e" * 40)  # ignored, since it is not compared
    assert check(BEFORE, [*now, elsewhere], methods=["dec"], commit=here).notes == said

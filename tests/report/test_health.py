"""What a report says of runs that failed, collapsed or lost their noise."""

import numpy as np
import pytest

from bench.report.runs_frame import NOT_RUN
from bench.report.sections.health import section as health
from tests.report.made_runs import dataset_of, notes_of, runs_of, table_of, texts_of


def failing(variant, n, **failure):
    rows = runs_of(variant, n, health="healthy", error="")
    rows[0] |= {"status": "failed", "health": None, "acc": np.nan, **failure}
    return rows


def test_healthy_runs_are_one_sentence_and_nothing_else():
    runs = dataset_of(runs_of("dec", health="healthy"), runs_of("sdec", twin="dec", health="healthy"))
    assert texts_of(health, runs) == ["All 20 runs finished and are healthy."]
    rows = health.rows(runs)
    assert not health.tables(rows)
    assert not health.notes(rows, runs)
    assert not health.figures(rows, runs)
    assert not health.is_news(rows)


def test_runs_that_were_not_made_are_not_called_healthy():
    rows = runs_of("dec", health="healthy")
    rows[9] |= {"status": NOT_RUN, "health": None}
    assert texts_of(health, dataset_of(rows)) == ["All 9 runs finished and are healthy; 1 more has not been made."]


def test_runs_without_a_verdict_are_not_called_healthy():
    runs = dataset_of(runs_of("dec", health="healthy"), runs_of("kmeans", health=None))
    assert texts_of(health, runs) == ["All 20 runs finished. The health of 10 is known: they are healthy."]


def test_runs_of_an_earlier_version_have_no_health():
    assert health.rows(dataset_of(runs_of("dec"), runs_of("sdec", twin="dec"))).empty


def test_noise_that_shrinks_without_a_prior_is_listed_and_no_news():
    shrunk = {"health": "degenerate variance", "health_epoch": 3.0, "health_advice": None}
    ablation = runs_of("sdec (noise only)", title="S-DEC, noise only", role="ablation", kind="stochastic", **shrunk)
    healthy = runs_of("sdec", title="S-DEC", twin="dec", health="healthy", health_epoch=np.nan, health_advice=None)
    runs = dataset_of(healthy + ablation)
    assert not health.is_news(health.rows(runs))
    assert "S-DEC, noise only" in " ".join(texts_of(health, runs))
    method = dataset_of(runs_of("sdec", title="S-DEC", twin="dec", **shrunk))
    assert health.is_news(health.rows(method))


def test_a_failed_run_is_news_with_its_reason_and_what_to_do():
    runs = dataset_of(failing("dec", 4, error="ValueError: no points"), runs_of("kmeans", 4, health="healthy"))
    (text,) = texts_of(health, runs)
    assert text == "1 run failed; retry with --retry-failed. dec: 1 of 4 failed (ValueError: no points)."
    assert health.is_news(health.rows(runs))
    own = {row["method"]: row for row in table_of(health, runs)}
    assert [own["dec"][name] for name in ("healthy", "failed", "note")] == ["3", "1", "failed"]
    assert [own["kmeans"][name] for name in ("healthy", "failed", "note")] == ["4", "0", ""]
    assert "collapsed" not in own["dec"], "a column of zeros says nothing"


@pytest.mark.parametrize(("status", "words"), [("timeout", "timed out"), ("diverged", "diverged")])
def test_a_run_that_ended_otherwise_counts_as_failed_by_its_status(status, words):
    one, other = (failing(name, 3, status=status, error="no") for name in ("dec", "vade"))
    (text,) = texts_of(health, dataset_of(one, other))
    assert text.startswith("2 runs failed; retry with --retry-failed.")
    assert f"vade: 1 of 3 {words} (no)" in text


def test_failed_runs_are_reported_where_no_other_run_has_a_verdict():
    assert texts_of(health, dataset_of(runs_of("dec", 2, status="failed", acc=np.nan)))[0].startswith("2 runs failed")


def unhealthy():
    return dataset_of(
        runs_of("sdec beta=1", 3, twin="dec", health="collapsed", health_epoch=[1.0, 2.0, 9.0]),
        runs_of("sdec beta=0.0001", 3, twin="dec", health="degenerate variance", health_epoch=4.0),
        runs_of("dec", 3, health="healthy", health_epoch=np.nan),
    )


def test_what_is_not_healthy_is_stated_with_the_median_epoch():
    texts = texts_of(health, unhealthy())
    assert texts == [
        "sdec beta=1: 3 of 3 runs collapsed, from epoch 2 on (median).",
        "sdec beta=0.0001: 3 of 3 runs lost their noise (degenerate variance), from epoch 4 on (median); deterministic "
        "in effect: compare with the counterpart.",
    ]
    own = {row["method"]: row for row in table_of(health, unhealthy())}
    assert [own["dec"][name] for name in ("healthy", "collapsed", "since epoch")] == ["3", "0", "–"]
    assert [own["sdec beta=1"][name] for name in ("healthy", "collapsed", "since epoch")] == ["0", "3", "2"]


def test_that_collapsed_runs_are_left_out_of_uncertainty_is_noted():
    assert "Collapsed runs have no uncertainty, calibration or stability" in notes_of(health, unhealthy())


def test_a_run_that_is_flagged_as_collapsed_is_not_counted_as_healthy():
    flags = [["collapsed"], [], []]
    runs = dataset_of(runs_of("dec", 3, flags=flags, health="healthy"))
    assert health.rows(runs)[["n_healthy", "n_collapsed"]].to_numpy().tolist() == [[2, 1]]


def test_the_most_frequent_advice_is_the_evidence():
    advice = ["Try a_b.", "Try a_b.", None, "Try more."]
    runs = dataset_of(runs_of("dec", 4, title="DEC", health="collapsed", health_epoch=2.0, health_advice=advice))
    assert texts_of(health, runs) == ["DEC: 4 of 4 runs collapsed, from epoch 2 on (median). Try a_b."]


@pytest.mark.figures
def test_the_figure_counts_what_the_table_counts():
    runs = unhealthy()
    (figure,) = health.figures(health.rows(runs), runs)
    assert "sdec beta=1: 3 collapsed (epoch 2)" in figure.alt
    assert "dec: 3 healthy" in figure.alt


def test_too_many_configurations_are_counted_in_one_sentence():
    grid = [runs_of(f"sdec beta={i}", 2, twin="dec", health="healthy" if i else "collapsed") for i in range(21)]
    assert texts_of(health, dataset_of(*grid)) == ["Of 42 runs of 21 configurations 40 are healthy and 2 collapsed."]
    assert table_of(health, dataset_of(*grid)) is None
    assert "With more than 20 configurations" in notes_of(health, dataset_of(*grid))
    assert "scores.csv" in notes_of(health, dataset_of(*grid))

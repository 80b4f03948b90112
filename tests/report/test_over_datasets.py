"""What is said over several data sets: a data set counts once."""

import numpy as np
import pandas as pd
import pytest

from bench.report.sections.over_datasets import over_datasets
from bench.statistics.paired import paired_comparison
from tests.report.frames import board_of, notes_of, rows_of, runs, section, sentences_of, spread

DATASETS = ["d1", "d2", "d3", "d4", "d5", "d6"]


def over(datasets, **scores):
    """The same variants on several data sets; a score is one number a data set."""
    return pd.DataFrame(
        [
            run
            for name, means in scores.items()
            for dataset, mean in zip(datasets, means, strict=True)
            if mean is not None
            for run in runs(name, spread(mean, n=4), dataset=dataset, twin="b" if name == "a" else None)
        ]
    )


def ranking(frame):
    return over_datasets(board_of(frame)).ranking


def totals_of(frame):
    """Return the cells of the table of totals as text, by method and heading."""
    table = section("over_datasets").tables(rows_of("over_datasets", frame))[-1]
    headings = [column.heading for column in table.columns]
    return {row[0].text: dict(zip(headings, (v.text for v in row), strict=True)) for row in table.rows}


def test_the_unit_is_a_data_set():
    frame = over(DATASETS, a=[0.61, 0.72, 0.83, 0.64, 0.75, 0.86], b=[0.6, 0.7, 0.8, 0.6, 0.7, 0.8])
    (contrast,) = over_datasets(board_of(frame)).contrasts
    differences = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    expected = paired_comparison(differences, np.zeros(6))
    assert contrast.matched == tuple(DATASETS)
    assert (contrast.result.n, contrast.result.p_value) == (6, expected.p_value)
    assert contrast.result.hodges_lehmann == pytest.approx(expected.hodges_lehmann)
    assert sentences_of("over_datasets", frame) == [
        "a vs b: ΔACC +.035, 95 % CI [.010, .060] (unadjusted), p = .031, n = 6; significantly better after Holm "
        "(.031)."
    ]
    cells = totals_of(frame)["b"]
    assert (cells["runs"], cells["data sets"], cells["mean ACC"]) == ("24/0/0", "6", ".700")
    assert (cells["win/tie/loss"], cells["mean rank"], cells["rank"]) == ("0/0/6", "2.000", "2")


def test_two_data_sets_are_too_few_and_it_is_said():
    frame = over(DATASETS[:2], a=[0.7, 0.8], b=[0.6, 0.7])
    assert sentences_of("over_datasets", frame) == [
        "a vs b: ΔACC +.100, p = .500, n = 2; too few data sets (2; 6 needed)."
    ]


def test_one_data_set_says_nothing_over_data_sets():
    assert rows_of("over_datasets", over(DATASETS[:1], a=[0.7], b=[0.6])).empty


def test_a_variant_that_lacks_a_data_set_has_no_total_rank():
    frame = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5], c=[0.9, None, 0.9])
    assert set(ranking(frame).names) == {"a", "b"}
    assert ranking(frame).mean_rank == {"a": 1.0, "b": 2.0}
    note = "c has no total and no rank: not all its runs have a score on d2."
    assert note in notes_of("over_datasets", frame)
    assert totals_of(frame)["c"]["data sets"] == "2 of 3"
    assert totals_of(frame)["c"]["mean ACC"] == totals_of(frame)["c"]["rank"] == "–"
    complete = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5], c=[0.9, 0.9, 0.9])
    assert ranking(complete).mean_rank == {"c": 1.0, "a": 2.0, "b": 3.0}


def test_a_mean_that_skips_a_failure_is_no_value_over_data_sets():
    frame = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5])
    assert set(ranking(frame).names) == {"a", "b"}
    frame.loc[(frame["variant"] == "a") & (frame["dataset"] == "d2") & (frame["seed"] == 1), "status"] = "failed"
    assert ranking(frame).names == ("b",)
    assert over_datasets(board_of(frame)).contrasts[0].matched == ("d1", "d3")
    note = "a and its counterpart b are compared without d2, where not all runs of both have a score."
    assert note in notes_of("over_datasets", frame)


def test_data_sets_of_which_one_name_stands_for_several_contents_do_not_count():
    frame = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5])
    frame["revised"] = frame["dataset"] == "d3"
    assert over_datasets(board_of(frame)).datasets == ["d1", "d2"]
    note = "Not counted, since one name stands for different data: d3."
    assert note in notes_of("over_datasets", frame)


def test_fewer_than_two_data_sets_with_a_score_say_so():
    frame = over(DATASETS[:2], a=[0.7, 0.8], b=[0.6, 0.7])
    frame.loc[frame["dataset"] == "d2", "acc"] = np.nan
    assert sentences_of("over_datasets", frame) == [
        "Fewer than two data sets have an ACC: nothing is said over data sets."
    ]

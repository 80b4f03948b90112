"""Over data sets the unit is a data set."""

import numpy as np
import pytest

from bench.report.sections.over_datasets import contrast_rows_over_datasets, over_datasets, section
from bench.statistics.paired import paired_comparison
from tests.report.made_runs import board_of, notes_of, scored, spread, texts_of

DATASETS = ["d1", "d2", "d3", "d4", "d5", "d6"]


def over(datasets, **scores):
    """The same variants on several data sets; a score is one number a data set, None where there are no runs."""
    return [
        run
        for name, means in scores.items()
        for dataset, mean in zip(datasets, means, strict=True)
        if mean is not None
        for run in scored(name, spread(mean, n=4), dataset=dataset, twin="b" if name == "a" else None)
    ]


def totals(board):
    """The last table, by method."""
    *_, table = section.tables(section.rows(board))
    headings = [column.heading for column in table.columns]
    return {str(row[0]): dict(zip(headings, map(str, row), strict=True)) for row in table.rows}


def test_the_unit_of_a_contrast_is_a_data_set():
    board = board_of(over(DATASETS, a=[0.61, 0.72, 0.83, 0.64, 0.75, 0.86], b=[0.6, 0.7, 0.8, 0.6, 0.7, 0.8]))
    (row,) = contrast_rows_over_datasets(board).to_dict("records")
    expected = paired_comparison(np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06]), np.zeros(6))
    assert (row["n_pairs"], row["p_value"], row["unit"]) == (6, expected.p_value, "data set")
    assert row["difference"] == pytest.approx(expected.hodges_lehmann)
    assert (row["wins"], row["ties"], row["losses"]) == (6, 0, 0)
    assert texts_of(section, board) == [
        "a vs b: ΔACC +.035, 95 % CI over data sets [.010, .060], p = .031, n = 6; significantly better."
    ]
    row = totals(board)["b"]
    assert (row["runs"], row["data sets"], row["mean ACC"]) == ("24/0/0", "6", ".700")
    assert (row["win/tie/loss"], row["mean rank"], row["rank"]) == ("0/0/6", "2.000", "2")


def test_two_data_sets_are_too_few_and_it_is_said():
    board = board_of(over(DATASETS[:2], a=[0.7, 0.8], b=[0.6, 0.7]))
    (sentence,) = texts_of(section, board)
    assert sentence.endswith("n = 2; too few data sets (2; 6 needed).")
    assert "A pair needs 6 paired data sets to show a difference." in notes_of(section, board)


def test_a_variant_that_lacks_a_data_set_has_no_total_rank():
    board = board_of(over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5], c=[0.9, None, 0.9]))
    assert set(over_datasets(board).ranking.names) == {"a", "b"}
    assert over_datasets(board).ranking.mean_rank == {"a": 1.0, "b": 2.0}
    note = "c has no total and no rank: not all its runs have a score on d2."
    assert note in notes_of(section, board)
    assert (totals(board)["c"]["data sets"], totals(board)["c"]["mean ACC"]) == ("2 of 3", "–")
    complete = board_of(over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5], c=[0.9, 0.9, 0.9]))
    assert over_datasets(complete).ranking.mean_rank == {"c": 1.0, "a": 2.0, "b": 3.0}


def test_a_mean_that_skips_a_failure_is_no_value():
    rows = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5])
    assert set(over_datasets(board_of(rows)).ranking.names) == {"a", "b"}
    (row,) = (r for r in rows if (r["variant"], r["dataset"], r["seed"]) == ("a", "d2", 1))
    row["status"] = "failed"
    board = board_of(rows)
    assert over_datasets(board).ranking.names == ("b",)
    assert over_datasets(board).contrasts[0][1].matched == ("d1", "d3")
    assert "a and b are compared without d2, where not all runs" in notes_of(section, board)


def test_one_name_for_different_data_counts_on_none():
    rows = [row | {"revised": row["dataset"] == "d1"} for row in over(DATASETS[:3], a=[0.7] * 3, b=[0.6] * 3)]
    board = board_of(rows)
    assert over_datasets(board).datasets == ["d2", "d3"]
    assert "Not counted, since one name stands for different data: d1." in notes_of(section, board)


def test_fewer_than_two_data_sets_with_a_score_say_nothing_over_data_sets():
    rows = over(DATASETS[:2], a=[0.7, 0.8], b=[0.6, 0.7])
    assert section.rows(board_of(rows[:4])).empty
    unlabelled = [row | ({"acc": np.nan} if row["dataset"] == "d2" else {}) for row in rows]
    assert texts_of(section, board_of(unlabelled)) == [
        "Fewer than two data sets have scores in ACC: nothing is said over data sets."
    ]

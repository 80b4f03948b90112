"""How numbers and the values of cells are written and sorted."""

import math

import numpy as np
import pytest

from bench.metrics import find_metric
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import (
    format_clusters,
    format_difference,
    format_equation,
    format_interval,
    format_margin,
    format_mean,
    format_p,
    format_score,
    format_share,
)
from bench.report.values import Absent, Count, Interval, Name, Number, P, Quantity, Ranks, Tally

ACC = find_metric("acc")
LARGE = find_metric("calinski_harabasz_pixels")


def test_scores_are_written_as_in_a_paper():
    assert format_mean(0.764, 0.0061, ACC) == ".764 ± .006"
    assert [format_score(v, ACC) for v in (1.0, -0.0312, -0.0001, np.nan)] == ["1.000", "−.031", ".000", "–"]
    assert format_score(247349.2, LARGE) == "247,349"
    assert format_score(-12.5, LARGE) == "−12.5"


def test_differences_have_a_sign_and_zero_has_none():
    assert [format_difference(v, ACC) for v in (0.009, -0.009, 0.0001, -0.0001)] == ["+.009", "−.009", ".000", ".000"]
    assert format_interval(-0.0312, 0.004, ACC) == "[−.031, .004]"
    assert format_interval(np.nan, np.nan, ACC) == ""
    assert [format_margin(v) for v in (0.01, 0.025, 0.1, 1.0)] == ["±.01", "±.025", "±.1", "±1"]


def test_a_p_never_hides_on_which_side_of_the_level_it_is():
    values = (0.0625, 0.0504, 0.0496, 0.05, 0.0002, 1.0, np.nan)
    assert [format_p(p) for p in values] == [".062", ".0504", ".0496", ".050", "< .001", "1.000", "–"]
    assert [format_equation(p) for p in (0.006, 0.0002)] == ["p = .006", "p < .001"]


def test_shares_are_per_cents_and_little_is_not_nothing():
    assert [format_share(v) for v in (0.0, 0.0003, 0.0123, 1.0, np.nan)] == ["0 %", "< 0.1 %", "1.2 %", "100.0 %", "–"]
    assert [format_clusters(v, 10) for v in (10, 10.04, np.nan)] == ["10", "10.0 of 10", "–"]


@pytest.mark.parametrize(
    ("value", "text", "key"),
    [
        (Name("S-DEC"), "S-DEC", "s-dec"),
        (Number(0.7642, ACC, 0.0061), ".764 ± .006", 0.7642),
        (Number(0.7642, ACC, 0.0061, complete=False), ".764 ± .006*", 0.7642),
        (Number(math.nan, ACC, complete=False), "–", None),
        (Interval(-0.031, -0.034, -0.029, ACC, signed=True), "−.031 [−.034, −.029]", -0.031),
        (Interval(0.031, metric=ACC, signed=True), "+.031", 0.031),
        (P(0.0002), "< .001", 0.0002),
        (Ranks(1, 3), "1-3", 1),
        (Ranks(2, 2), "2", 2),
        (Ranks(math.nan, math.nan), "–", None),
        (Count(9.6, 10), "9.6 of 10", 9.6),
        (Tally((9, 1, 0)), "9/1/0", 9.0),
        (Quantity(12.5, "s"), "12.5 s", 12.5),
        (Quantity(505, "MB"), "505 MB", 505),
        (Absent(), "–", None),
    ],
)
def test_a_value_has_a_text_and_a_key_to_sort_by(value, text, key):
    assert (value.text, str(value), value.key) == (text, text, key)


def test_a_row_that_does_not_fit_its_columns_is_refused():
    with pytest.raises(ValueError, match="a row has 1 values for 2 columns"):
        Table("title", (Column("a"), Column("b")), ((Name("x"),),))


def test_a_table_without_a_column_keeps_its_rows_and_its_best():
    table = Table("title", (Column("a"), Column("b")), ((Name("x"), P(0.5)), (Name("y"), P(0.1))), best=1)
    less = table.without(["b"])
    assert [[value.text for value in row] for row in less.rows] == [["x"], ["y"]]
    assert (less.best, [column.heading for column in less.columns]) == (1, ["a"])


def test_a_sentence_is_its_claim_and_its_evidence():
    assert Sentence("It holds.", "p = .03.").text == "It holds. p = .03."
    assert Sentence("It holds.").text == "It holds."

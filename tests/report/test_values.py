"""How numbers and names are written in cells, and what cells are sorted by."""

import numpy as np
import pytest

from bench.metrics import find_metric
from bench.report.numbers import (
    format_clusters,
    format_difference,
    format_equation,
    format_mean,
    format_p,
    format_score,
    format_seconds,
    format_share,
)
from bench.report.values import Absent, Amount, Code, Count, Interval, Name, Number, P, Ranks, Tally

ACC = find_metric("acc")


def test_numbers_are_written_as_in_a_paper():
    assert format_mean(0.764, 0.0061, ACC) == ".764 ± .006"
    assert format_mean(0.764, np.nan, ACC) == ".764", "one run has no deviation"
    assert [format_score(v, ACC) for v in (1.0, -0.0312, -0.0001, np.nan)] == ["1.000", "−.031", ".000", "–"]
    assert [format_difference(v, ACC) for v in (0.009, -0.009, 0.0001)] == ["+.009", "−.009", ".000"]
    assert format_score(247349.2, find_metric("calinski_harabasz_pixels")) == "247,349"


def test_a_p_value_never_hides_on_which_side_of_the_level_it_is():
    assert [format_p(p) for p in (0.0625, 0.0504, 0.0496, 0.05, 0.0002, 1.0, np.nan)] == [
        *(".062", ".0504", ".0496", ".050", "< .001", "1.000", "–")
    ]
    assert [format_equation(p) for p in (0.031, 0.0001)] == ["p = .031", "p < .001"]


def test_shares_are_per_cents_and_little_is_not_nothing():
    assert [format_share(v) for v in (0.0, 0.0003, 0.0123, 1.0, np.nan)] == ["0 %", "< 0.1 %", "1.2 %", "100.0 %", "–"]
    assert [format_clusters(v, 10) for v in (10, 10.04, np.nan)] == ["10", "10.0 of 10", "–"]
    assert [format_seconds(v) for v in (3.0, 180.0, 10_000.0)] == ["3.0 s", "3.0 min", "2.8 h"]


@pytest.mark.parametrize(
    ("value", "text", "key"),
    [
        (Name("VaDE"), "VaDE", "vade"),
        (Code("deepclustbench run"), "deepclustbench run", "deepclustbench run"),
        (Number(0.7, ACC), ".700", 0.7),
        (Number(0.7, ACC, 0.01, complete=False), ".700 ± .010*", 0.7),
        (Number(np.nan, ACC, complete=False), "–", None),
        (Interval(0.01, -0.002, 0.03, ACC, signed=True), "+.010 [−.002, .030]", 0.01),
        (Interval(0.01, metric=ACC), ".010", 0.01),
        (P(0.03), ".030", 0.03),
        (Count(9.6, 10), "9.6 of 10", 9.6),
        (Tally((9, 1, 0)), "9/1/0", 9.0),
        (Amount(180, "s"), "3.0 min", 180),
        (Amount(1234, "MB"), "1,234 MB", 1234),
        (Absent(), "–", None),
    ],
)
def test_a_value_has_a_text_and_what_it_is_sorted_by(value, text, key):
    assert (str(value), value.key) == (text, key)


def test_ranks_are_a_number_or_a_range():
    assert str(Ranks(2, 2)) == "2"
    assert str(Ranks(1, 3)).replace("–", "-") == "1-3"
    assert (str(Ranks(np.nan, np.nan)), Ranks(np.nan, np.nan).key) == ("–", None)

"""The answer to the question, in each way that it can come out."""

import numpy as np
import pandas as pd
import pytest

from bench.report.sections.verdict import NO_CONTRAST
from tests.report.frames import WOBBLE, printed, quick_like, report_on, runs, sentences_of, spread

BETTER, WORSE = spread(0.8, step=0.003), spread(0.6, step=0.003)
SAME, UNCLEAR = spread(0.7), spread(0.7) + WOBBLE


def contrasts(*scores, **more):
    """Return one stochastic method for each row of scores, and its counterpart, whose mean is .7."""
    named = [("S-DEC", "IDEC"), ("VaDE", "AE+GMM"), ("VAE+KMeans", "AE+KMeans")]
    rows = []
    for own, (title, other) in zip(scores, named, strict=False):
        rows += runs(other, spread(0.7, n=len(own)), title=other)
        rows += runs(title, own, title=title, twin=other, **more)
    return pd.DataFrame(rows)


def verdict(*scores, **more):
    (sentence,) = sentences_of("verdict", contrasts(*scores, **more))
    return sentence


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (
            (BETTER, BETTER, BETTER),
            "Yes. On digits all 3 stochastic methods are significantly better in ACC than their deterministic "
            "counterparts (10 paired seeds, Holm): S-DEC, VaDE and VAE+KMeans.",
        ),
        (
            (BETTER, BETTER),
            "Yes. On digits both stochastic methods are significantly better in ACC than their deterministic "
            "counterparts (10 paired seeds, Holm): S-DEC and VaDE.",
        ),
        (
            (BETTER, BETTER, UNCLEAR),
            "For some methods. On digits, 2 of 3 stochastic methods are significantly better in ACC than their "
            "deterministic counterparts (10 paired seeds, Holm): S-DEC and VaDE. VAE+KMeans is inconclusive.",
        ),
        (
            (BETTER, WORSE, SAME),
            "Mixed. On digits, 1 of 3 stochastic methods is significantly better in ACC than its deterministic "
            "counterpart (10 paired seeds, Holm): S-DEC. VaDE is significantly worse. VAE+KMeans is equivalent "
            "within ±.01.",
        ),
        (
            (WORSE, UNCLEAR),
            "No. On digits, 1 of 2 stochastic methods is significantly worse in ACC than its deterministic "
            "counterpart (10 paired seeds, Holm): S-DEC. VaDE is inconclusive.",
        ),
        (
            (SAME, UNCLEAR, UNCLEAR),
            "No. On digits none of 3 stochastic methods differs significantly in ACC from its deterministic "
            "counterpart (10 paired seeds, Holm). S-DEC is equivalent within ±.01; VaDE and VAE+KMeans are "
            "inconclusive.",
        ),
        (
            (SAME, SAME),
            "No. On digits neither stochastic method differs significantly in ACC from its deterministic "
            "counterpart (10 paired seeds, Holm). S-DEC and VaDE are equivalent within ±.01.",
        ),
        (
            (BETTER[:4], WORSE[:4]),
            "Unknown. On digits neither stochastic method can be compared with its deterministic counterpart: too "
            "few seeds (4; 7 needed).",
        ),
        (
            ([0.8], [0.8], [0.8]),
            "Unknown. On digits none of 3 stochastic methods can be compared with its deterministic counterpart: "
            "1 matched seed; a comparison needs at least 2.",
        ),
        (
            (BETTER, UNCLEAR[:4]),
            "For some methods. On digits, 1 of 2 stochastic methods is significantly better in ACC than its "
            "deterministic counterpart (4 to 10 paired seeds, Holm): S-DEC. VaDE has too few seeds (4; 7 needed).",
        ),
        (
            (UNCLEAR, [0.8]),
            "No. On digits neither stochastic method differs significantly in ACC from its deterministic "
            "counterpart (10 paired seeds, Holm). S-DEC is inconclusive; VaDE is not compared.",
        ),
    ],
)
def test_the_answer_comes_first_and_then_who_it_is_about(scores, expected):
    assert verdict(*scores) == expected


def test_a_single_method_is_named_and_its_numbers_stand_beside_the_answer():
    assert verdict(BETTER) == (
        "Yes. On digits S-DEC is significantly better in ACC than its deterministic counterpart IDEC (10 paired seeds, "
        "Holm). S-DEC vs IDEC: ΔACC +.100, 95 % CI [.098, .102] (unadjusted), p = .002, n = 10; significantly better "
        "after Holm (.002)."
    )
    assert verdict(UNCLEAR).startswith("No. On digits S-DEC does not differ significantly in ACC from its determin")
    assert verdict(BETTER[:5]) == (
        "Unknown. On digits S-DEC cannot be compared with its deterministic counterpart: too few seeds (5; 6 needed)."
    )


def test_a_significant_difference_that_does_not_matter_is_said_not_to():
    small = spread(0.705, step=0.0021)
    assert verdict(small, UNCLEAR).endswith(
        "S-DEC. Although significant, the difference of S-DEC is within ±.01; VaDE is inconclusive."
    )


def test_two_methods_of_which_most_runs_collapsed_are_not_called_equivalent():
    assert verdict(SAME, SAME, collapsed=range(6)).endswith("S-DEC and VaDE are inconclusive.")


def test_without_a_pair_nothing_is_known():
    assert sentences_of("verdict", pd.DataFrame(runs("dec", SAME))) == [NO_CONTRAST]


def test_a_lower_score_may_be_the_better_one():
    frame = contrasts(BETTER, UNCLEAR)
    frame["davies_bouldin_pixels"] = frame["acc"]
    (sentence,) = sentences_of("verdict", frame, "davies_bouldin_pixels")
    assert sentence.startswith("No. On digits, 1 of 2 stochastic methods is significantly worse in Davies-Bouldin")


def test_over_several_data_sets_the_answer_over_all_comes_first_and_each_has_its_own():
    frame = pd.concat(
        [contrasts(BETTER + 0.01 * i, BETTER + 0.01 * i).assign(dataset=f"d{i}") for i in range(7)], ignore_index=True
    )
    first, *each = sentences_of("verdict", frame)
    assert first == (
        "Yes. Over all data sets both stochastic methods are significantly better in ACC than their deterministic "
        "counterparts (7 paired data sets, Holm): S-DEC and VaDE."
    )
    assert [sentence.split(" both")[0] for sentence in each] == [f"Yes. On d{i}" for i in range(7)]
    (two, *_) = sentences_of("verdict", frame.loc[frame["dataset"].isin(["d0", "d1"])])
    assert two == (
        "Unknown. Over all data sets neither stochastic method can be compared with its deterministic counterpart: "
        "too few data sets (2; 7 needed)."
    )


def test_data_without_any_score_leave_the_answer_open():
    frame = contrasts(BETTER, BETTER).assign(acc=np.nan)
    (sentence,) = sentences_of("verdict", frame)
    assert sentence.startswith("Unknown. On digits neither stochastic method can be compared")


def test_the_verdict_is_the_last_thing_that_a_terminal_shows(tmp_path):
    text = printed(report_on(quick_like(), tmp_path), width=200, terminal=False)
    assert text.splitlines()[-1].startswith("For some methods. On digits, 1 of 3 stochastic methods is significantly")

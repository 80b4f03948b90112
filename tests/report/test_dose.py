"""Dose and response: what noise does, by how much of the codes' variance it is."""

import numpy as np
import pytest

from bench.report.board import BoardRuns
from bench.report.sections.contrasts import section as contrasts
from bench.report.sections.dose import section
from tests.report.made_runs import board_of, dataset_of, scored, spread, table_of, texts_of


def dose(name, share, scores, **columns):
    """A configuration of S-DEC whose noise has this share, and itself without."""
    variant = f"sdec {name}"
    ablation = scored(
        f"{variant} prior only", spread(0.7, len(scores)), title=f"S-DEC {name}, prior only", role="ablation",
        kind="stochastic", latent_noise=0.0,
    )  # fmt: skip
    asked = scored(
        variant, scores, title=f"S-DEC {name}", twin="dec", prior_only=f"config of {variant} prior only",
        latent_noise=share, **columns,
    )  # fmt: skip
    return asked + ablation


@pytest.fixture
def rows():
    return (
        scored("dec", spread(0.7, 20), title="DEC")
        + dose("beta=1", 0.42, spread(0.68, 20, step=0.0031))
        + dose("beta=.01", 0.02, spread(0.73, 20, step=0.0029))
        + dose("beta=.1", 0.16, spread(0.75, 20, step=0.0027))
    )


def test_doses_are_in_the_order_of_the_noise_that_was_measured(rows):
    table = table_of(section, dataset_of(rows))
    assert [(row["method"], row["latent noise"], row["verdict"]) for row in table] == [
        ("S-DEC beta=.01", "2.0 %", "better"),
        ("S-DEC beta=.1", "16.0 %", "better"),
        ("S-DEC beta=1", "42.0 %", "worse"),
    ]


def test_the_sentence_says_where_noise_helps_and_where_it_hurts(rows):
    (sentence,) = texts_of(section, dataset_of(rows))
    assert sentence.startswith(
        "S-DEC: noise helps at 2 of 3 doses (2.0 to 16.0 % of the variance of the codes) and hurts at 1 of 3 doses "
        "(42.0 % of the variance of the codes). Largest at 16.0 %, S-DEC beta=.1: ΔACC +.050 against S-DEC beta=.1, "
        "prior only, p "
    )


def test_each_effect_is_the_contrast_of_that_name_with_its_p(rows):
    runs = dataset_of(rows)
    of_noise = contrasts.rows(runs).query("question == 'noise given the prior'").set_index("variant")
    ours = section.rows(runs).set_index("variant")
    for column in ("difference", "ci_low", "ci_high", "p_adjusted", "verdict"):
        assert (ours[column] == of_noise.loc[ours.index, column]).all()


def test_without_ablations_the_counterpart_stands_for_the_method_without_noise(rows):
    asked = [row for row in rows if row["role"] == "asked"]
    assert set(section.rows(dataset_of(asked))["counterpart_title"]) == {"DEC"}


def test_one_dose_of_each_method_is_no_curve_but_a_chosen_one_is_shown(rows):
    one = [row for row in rows if row["variant"] in ("dec", "sdec beta=.1", "sdec beta=.1 prior only")]
    assert section.rows(dataset_of(one)).empty
    frame = board_of(one).frame
    (chosen,) = BoardRuns("oracle", frame, board_of(one).metric, None).datasets
    (sentence,) = texts_of(section, chosen)
    assert sentence.startswith("S-DEC beta=.1: noise is 16.0 % of the variance of the codes. ΔACC +.050 against")


def test_too_few_seeds_claim_nothing():
    rows = scored("dec", spread(0.7, 5)) + dose("a", 0.1, spread(0.9, 5)) + dose("b", 0.3, spread(0.2, 5))
    (sentence,) = texts_of(section, dataset_of(rows))
    assert sentence == (
        "S-DEC: no dose could be tested, of 2 with noise of 10.0 to 30.0 % of the variance of the codes. "
        "Too few seeds (5; 8 needed)."
    )


def test_a_method_without_measured_noise_has_no_dose(rows):
    unknown = [row | {"latent_noise": np.nan} for row in rows]
    assert section.rows(dataset_of(unknown)).empty

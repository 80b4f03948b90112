"""What is said of one stochastic method and its deterministic counterpart."""

import numpy as np
import pandas as pd
import pytest

from tests.report.frames import WOBBLE, notes_of, rows_of, runs, section, sentences_of, spread


@pytest.fixture
def frame():
    return pd.DataFrame(
        runs("ae_kmeans", spread(0.71), title="AE+KMeans")
        + runs("vae_kmeans", spread(0.7412, step=0.003), title="VAE+KMeans", twin="ae_kmeans")
        + runs("idec", spread(0.761), title="IDEC", failed=(3,))
        + runs("sdec", spread(0.70), title="S-DEC", twin="idec", collapsed=(1, 2))
        + runs("vade", spread(0.72), title="VaDE", twin="ae_gmm")
    )


def cells_of(frame, metric="acc"):
    table = section("contrasts").table(rows_of("contrasts", frame, metric))
    headings = [column.heading for column in table.columns]
    return {row[0].text: dict(zip(headings, (v.text for v in row), strict=True)) for row in table.rows}


def test_a_sentence_says_which_numbers_are_adjusted_and_what_was_lost(frame):
    assert sentences_of("contrasts", frame) == [
        "VAE+KMeans vs AE+KMeans: ΔACC +.031, 95 % CI [.029, .034] (unadjusted), p = .002, n = 10; significantly "
        "better after Holm (.004).",
        # Nine of nine seeds, but IDEC failed on the tenth: as a loss that leaves p = .092, and no claim.
        "S-DEC vs IDEC: ΔACC −.061, 95 % CI [−.061, −.061] (unadjusted), p = .092, n = 9; not significant after Holm "
        "(.092). 2 runs of S-DEC collapsed. 1 run of IDEC has no score; p counts it as a loss.",
    ]


def test_a_table_has_both_means_the_difference_and_both_p(frame):
    assert cells_of(frame)["VAE+KMeans"] == {
        "method": "VAE+KMeans",
        "ACC": ".741",
        "counterpart": "AE+KMeans",
        "counterpart ACC": ".710",
        "ΔACC [95 % CI]": "+.031 [.029, .034]",
        "p": ".002",
        "p (Holm)": ".004",
        "seeds": "10",
        "verdict": "better",
    }
    assert cells_of(frame)["S-DEC"]["ACC"] == ".700*", "over nine of ten runs"


def test_an_interval_that_excludes_zero_and_an_adjusted_p_do_not_seem_to_disagree():
    """Three contrasts: one p of .031 alone, which Holm makes .094."""
    difference = np.array([0.009, 0.011, 0.013, 0.017, 0.02, 0.008, 0.006, 0.004, -0.007, -0.001])
    rows = [
        *runs("a", spread(0.7), title="AE+GMM"),
        *runs("v", spread(0.7) + difference, title="VaDE", twin="a"),
        *(r for i in range(2) for r in runs(f"t{i}", spread(0.7))),
        *(r for i in range(2) for r in runs(f"s{i}", spread(0.7) + WOBBLE, twin=f"t{i}")),
    ]
    sentence = sentences_of("contrasts", pd.DataFrame(rows))[0]
    row = rows_of("contrasts", pd.DataFrame(rows)).iloc[0]
    assert row["ci_low"] > 0
    assert row["p_value"] < 0.05 < row["p_adjusted"] == pytest.approx(3 * row["p_value"])
    assert "] (unadjusted), p = ." in sentence
    assert "; not significant after Holm (." in sentence


def test_no_effect_is_not_called_equal_and_equal_scores_are():
    unclear = pd.DataFrame(runs("dec", spread(0.7), title="DEC") + runs("s", spread(0.7) + WOBBLE, twin="dec"))
    (sentence,) = sentences_of("contrasts", unclear)
    assert sentence.startswith("s vs DEC: ΔACC .000, 95 % CI [−.020, .020] (unadjusted), p = 1.000")
    assert "equivalent" not in sentence
    assert cells_of(unclear)["s"]["verdict"] == "not significant"
    same = pd.DataFrame(runs("dec", spread(0.7)) + runs("s", spread(0.7), twin="dec"))
    (sentence,) = sentences_of("contrasts", same)
    assert sentence.endswith("; not significant after Holm (1.000), equivalent in practice (within ±.01).")
    assert cells_of(same)["s"]["verdict"] == "equivalent"


def test_five_seeds_are_too_few_and_the_number_that_is_needed_is_given():
    rows = runs("dec", spread(0.7, n=5), title="DEC") + runs("sdec", spread(0.9, n=5, step=0.003), twin="dec")
    assert rows_of("contrasts", pd.DataFrame(rows)).loc[0, "verdict"] == "too few seeds (5; 6 needed)"
    (sentence,) = sentences_of("contrasts", pd.DataFrame(rows))
    assert sentence == "sdec vs DEC: ΔACC +.200, p = .062, n = 5; too few seeds (5; 6 needed)."


def test_a_counterpart_that_was_not_run_is_named(frame):
    assert "vade" not in set(rows_of("contrasts", frame)["variant"])
    assert "The deterministic counterpart was not run, so there is no contrast: VaDE." in notes_of("contrasts", frame)


def test_a_counterpart_without_a_finished_run_is_not_compared_and_counts_in_the_family(frame):
    dead = runs("dec", [0.7] * 3, failed=(0, 1, 2)) + runs("noisy", [0.7] * 3, twin="dec")
    (sentence,) = sentences_of("contrasts", pd.DataFrame(dead))
    assert sentence == "noisy vs dec: not compared (0 matched seeds; a comparison needs at least 2)."
    both = pd.concat([frame, pd.DataFrame(dead)])
    assert rows_of("contrasts", both)["family_size"].tolist() == [3, 3, 3]
    assert rows_of("contrasts", both).loc[0, "p_adjusted"] == pytest.approx(3 * 2 / 2**10)


def test_where_lower_is_better_a_larger_score_is_worse(frame):
    frame["davies_bouldin_pixels"] = 100 * frame["acc"]
    sentence = sentences_of("contrasts", frame, "davies_bouldin_pixels")[0]
    assert sentence.startswith("VAE+KMeans vs AE+KMeans: ΔDavies-Bouldin")
    assert "+3.12, 95 % CI [2.87, 3.37] (unadjusted)" in sentence
    assert "significantly worse" in sentence


def test_one_score_that_no_seed_changes_is_compared_with_all_of_the_other():
    frame = pd.DataFrame(runs("birch", [0.6]) + runs("noisy birch", spread(0.7), twin="birch"))
    frame.loc[frame["variant"] == "birch", "seeded"] = False
    (sentence,) = sentences_of("contrasts", frame)
    assert ", p = .002, n = 1 vs 10; significantly better after Holm (.002)." in sentence
    assert cells_of(frame)["noisy birch"]["seeds"] == "1 vs 10"

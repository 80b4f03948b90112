"""Contrasts: each stochastic method against its deterministic counterpart."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics import find_metric
from bench.report.board import BoardRuns
from bench.report.sections.contrasts import section
from bench.report.sections.leaderboard import section as leaderboard
from bench.report.sections.verdict import section as verdict
from tests.report.made_runs import board_of, by_variant, dataset_of, notes_of, scored, spread, table_of, texts_of


@pytest.fixture
def rows():
    return (
        scored("ae_kmeans", spread(0.71), title="AE+KMeans")
        + scored("vae_kmeans", spread(0.7412, step=0.003), title="VAE+KMeans", twin="ae_kmeans")
        + scored("dec", spread(0.761), title="DEC", failed=(3,))
        + scored("sdec", spread(0.70), title="S-DEC", twin="dec", collapsed=(1, 2))
        + scored("vade", spread(0.72), title="VaDE", twin="ae_gmm")
    )


def two(a, b, **more):
    return scored("dec", a, title="DEC") + scored("sdec", b, title="S-DEC", twin="dec", **more)


def test_a_sentence_has_both_p_and_says_what_was_lost(rows):
    assert texts_of(section, dataset_of(rows)) == [
        "VAE+KMeans vs AE+KMeans: ΔACC +.031, 95 % CI over seeds [.029, .034] (unadjusted), p = .002, n = 10; "
        "significantly better after Holm (.004).",
        # Nine of nine seeds, but DEC failed on the tenth: as a loss that leaves p = .092, and no claim.
        "S-DEC vs DEC: ΔACC −.061, 95 % CI over seeds [−.061, −.061] (unadjusted), p = .092, n = 9; "
        "not significant after Holm (.092). 2 runs of S-DEC collapsed. 1 run of DEC ended without a score and counts "
        "as lost.",
    ]


def test_the_table_has_what_the_sentences_say(rows):
    better, lost = table_of(section, dataset_of(rows))
    assert better == {
        "contrast": "total",
        "method": "VAE+KMeans",
        "ACC": ".741",
        "against": "AE+KMeans",
        "ACC of that": ".710",
        "ΔACC [95 % CI]": "+.031 [.029, .034]",
        "p": ".002",
        "p (Holm)": ".004",
        "seeds": "10",
        "verdict": "better",
    }
    assert (lost["ACC"], lost["seeds"], lost["verdict"]) == (".700*", "9", "not significant")


def test_what_is_not_significant_is_not_called_equal():
    wobble = 0.02 * np.array([1, -1] * 5)
    (sentence,) = texts_of(section, dataset_of(two(spread(0.7), spread(0.7) + wobble)))
    assert sentence == "S-DEC vs DEC: ΔACC .000, 95 % CI over seeds [−.020, .020], p = 1.000, n = 10; not significant."
    same = dataset_of(two(spread(0.7), spread(0.7)))
    (sentence,) = texts_of(section, same)
    assert sentence.endswith("; not significant, equivalent within ±.01.")
    assert table_of(section, same)[0]["verdict"] == "equivalent"


def test_five_seeds_are_too_few():
    runs = dataset_of(two(spread(0.7, n=5), spread(0.9, n=5, step=0.003)))
    (sentence,) = texts_of(section, runs)
    assert sentence == "S-DEC vs DEC: ΔACC +.200, p = .062, n = 5; too few seeds (5; 6 needed)."
    (row,) = table_of(section, runs)
    assert (row["verdict"], row["ΔACC [95 % CI]"]) == ("too few seeds (5; 6 needed)", "+.200")


def test_a_method_whose_counterpart_was_not_run_is_named(rows):
    runs = dataset_of(rows)
    assert "vade" not in set(section.rows(runs)["variant"])
    note = "Without a contrast, since its deterministic counterpart was not run: VaDE."
    assert note in notes_of(section, runs)


def test_a_counterpart_without_a_finished_run_is_not_compared():
    runs = dataset_of(scored("dec", [0.7] * 3, failed=(0, 1, 2)) + scored("sdec", [0.7] * 3, twin="dec"))
    assert texts_of(section, runs) == ["sdec vs dec: not compared, 0 matched seeds; a comparison needs at least 2."]
    (row,) = table_of(section, runs)
    assert (row["verdict"], row["p"], row["seeds"]) == ("not compared", "–", "0")


def test_a_difference_of_a_metric_that_is_better_when_low_is_worse_when_it_grows(rows):
    frame = pd.DataFrame(rows).assign(davies_bouldin_pixels=lambda frame: 100 * frame["acc"])
    (runs,) = BoardRuns("fixed", frame, find_metric("davies_bouldin_pixels"), results=None).datasets
    first = texts_of(section, runs)[0]
    assert "+3.12, 95 % CI over seeds [2.87, 3.37]" in first
    assert "significantly worse after Holm" in first
    assert "equivalent" not in " ".join(texts_of(section, runs)), "no size is known to matter there"


def test_one_score_of_a_counterpart_without_a_seed_is_said():
    runs = scored("birch", [0.6], seeded=False) + scored("noisy birch", spread(0.7), twin="birch")
    (sentence,) = texts_of(section, dataset_of(runs))
    assert "p = .002, n = 1 vs 10;" in sentence
    assert table_of(section, dataset_of(runs))[0]["seeds"] == "1 vs 10"


def test_a_single_contrast_is_not_said_to_be_adjusted(rows):
    one = dataset_of(two(spread(0.7), spread(0.8, step=0.003)))
    assert notes_of(section, one) == ""
    assert "Holm" not in texts_of(section, one)[0]
    assert "p (Holm) is adjusted over all contrasts" in notes_of(section, dataset_of(rows))


# -- what does what ------------------------------------------------------------------------------------


@pytest.fixture
def taken_apart():
    """VAE+KMeans whose noise helps and whose prior harms, by the same amount."""
    return (
        scored("ae_kmeans", spread(0.76), title="AE+KMeans", role="twin")
        + scored("vae_kmeans (prior only)", spread(0.70, step=0.003), title="VAE+KMeans, prior only", role="ablation")
        + scored("vae_kmeans (noise only)", spread(0.75), title="VAE+KMeans, noise only", role="ablation")
        + scored(
            "vae_kmeans",
            spread(0.76) + 0.02 * np.array([1, -1] * 5),
            title="VAE+KMeans",
            twin="ae_kmeans",
            prior_only="config of vae_kmeans (prior only)",
        )
    )


def test_noise_and_prior_are_tested_apart_in_one_family(taken_apart):
    found = section.rows(dataset_of(taken_apart)).set_index("question")
    assert list(found.index) == ["total", "noise given the prior", "prior without noise"]
    assert list(found["variant"]) == ["vae_kmeans", "vae_kmeans", "vae_kmeans (prior only)"]
    assert list(found["counterpart"]) == ["ae_kmeans", "vae_kmeans (prior only)", "ae_kmeans"]
    assert list(found["outcome"]) == ["not significant", "better", "worse"]
    assert set(found["family_size"]) == {3}
    total, noise, prior = found["mean"] - found["counterpart_mean"]
    assert total == pytest.approx(noise + prior)


def test_the_verdict_says_what_noise_does_and_what_the_prior_does(taken_apart):
    total, noise, prior, _ = texts_of(verdict, board_of(taken_apart))
    assert total.startswith("No. On digits VAE+KMeans does not differ significantly in ACC from its deterministic")
    assert noise.startswith(
        "Noise given the prior: yes. On digits VAE+KMeans is significantly better in ACC than VAE+KMeans, prior only"
    )
    assert prior.startswith(
        "Prior without noise: no. On digits VAE+KMeans, prior only is significantly worse in ACC than AE+KMeans"
    )


def test_an_ablation_is_on_the_leaderboard_without_a_rank(taken_apart):
    rows = by_variant(leaderboard, dataset_of(taken_apart))
    assert rows.loc["vae_kmeans (prior only)", "verdict"] == "ablation"
    assert np.isnan(rows.loc["vae_kmeans (prior only)", "rank_best"])
    assert rows.loc["ae_kmeans", "verdict"] == "counterpart"


def test_older_runs_without_ablations_have_the_total_alone(rows):
    assert set(section.rows(dataset_of(rows))["question"]) == {"total"}

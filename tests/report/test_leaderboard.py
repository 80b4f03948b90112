"""What the leaderboard counts, claims and refuses to claim."""

import numpy as np
import pandas as pd
import pytest

from bench.errors import InputError
from bench.report.build import with_between_runs
from tests.report.frames import (
    WOBBLE,
    board_of,
    notes_of,
    results_of,
    rows_of,
    runs,
    section,
    sentences_of,
    spread,
)


@pytest.fixture
def frame():
    better = spread(0.7412, step=0.003)  # against AE+KMeans: .031 on average, each seed's difference its own
    return pd.DataFrame(
        runs("ae_kmeans", spread(0.71), title="AE+KMeans")
        + runs("vae_kmeans", better, title="VAE+KMeans", twin="ae_kmeans")
        + runs("dec", spread(0.761), title="DEC", failed=(3,))
        + runs("sdec", spread(0.70), title="S-DEC", twin="dec", collapsed=(1, 2))
        + runs("vade", spread(0.72), title="VaDE", twin="ae_gmm")
    )


def leaderboard(frame, metric="acc"):
    return rows_of("leaderboard", frame, metric).set_index("variant")


def table_of(name, frame, metric="acc"):
    """Return the cells of a section's table as text, by method and heading."""
    table = section(name).table(rows_of(name, frame, metric))
    headings = [column.heading for column in table.columns]
    return {row[0].text: dict(zip(headings, (v.text for v in row), strict=True)) for row in table.rows}


def test_a_collapsed_run_is_counted_not_dropped():
    scores = [0.7, 0.1, 0.1, 0.7]
    row = leaderboard(pd.DataFrame(runs("sdec", scores, collapsed=(1, 2)))).loc["sdec"]
    assert (row["n_ok"], row["n_collapsed"], row["n_scored"], row["complete"]) == (4, 2, 4, True)
    assert row["mean"] == pytest.approx(0.4)
    assert row["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert (row["q1"], row["median"], row["q3"]) == pytest.approx((0.1, 0.4, 0.7))


@pytest.mark.parametrize("status", ["failed", "diverged", "timeout"])
def test_a_failed_run_is_counted_and_marks_the_mean(frame, status):
    frame.loc[frame["status"] == "failed", "status"] = status
    row = leaderboard(frame).loc["dec"]
    assert (row["n_ok"], row["n_failed"], row["complete"], row["n_pairs"]) == (9, 1, False, 9)
    cells = table_of("leaderboard", frame)["DEC"]
    assert (cells["runs"], cells["ACC ± sd"]) == ("9/1/0", ".761 ± .006*")
    marked = "Marked *, means over fewer runs than planned: DEC 9 of 10. Comparisons use the seeds that both have."
    assert marked in notes_of("leaderboard", frame)


def test_a_score_left_by_a_failed_run_is_not_used():
    frame = pd.DataFrame(runs("dec", [0.5, 0.5, 0.9]))
    frame.loc[2, "status"] = "diverged"
    assert leaderboard(frame).loc["dec", "mean"] == 0.5


def test_runs_that_are_planned_but_absent_mark_the_mean(frame):
    assert leaderboard(frame.assign(planned=12)).loc["vade", "planned"] == 12
    assert any("VaDE 10 of 12" in note for note in notes_of("leaderboard", frame.assign(planned=12)))


def test_runs_that_have_not_been_made_are_counted_apart_from_failed_ones(frame):
    frame.loc[frame["variant"] == "vade", ["status", "acc"]] = ["not run", np.nan]
    assert leaderboard(frame).loc["vade", ["n_ok", "n_failed"]].tolist() == [0, 0]
    assert "Unfinished: 10 of 50 runs have not been made." in notes_of("leaderboard", frame)


def test_the_reference_is_the_best_complete_variant(frame):
    rows = leaderboard(frame)
    assert list(rows.index) == ["dec", "vae_kmeans", "vade", "ae_kmeans", "sdec"]
    assert rows.index[rows["reference"]].tolist() == ["vae_kmeans"]
    assert rows.loc["vae_kmeans", "verdict"] == "reference"
    note = "DEC is above the reference but has fewer runs than planned, and is not the reference."
    assert note in notes_of("leaderboard", frame)


def test_all_pairs_are_one_family(frame):
    row = leaderboard(frame).loc["ae_kmeans"]
    assert row["p_value"] == pytest.approx(2 / 2**10)
    assert row["p_adjusted"] == pytest.approx(10 * 2 / 2**10), "all pairs of five variants, smallest p"
    assert row["verdict"] == "worse"
    # Differences .0267, .0277 ... .0357: nine Walsh averages lie at or below .0287.
    assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx((-0.0312, -0.0337, -0.0287))


def test_both_p_values_stand_beside_the_difference_and_its_interval(frame):
    cells = table_of("leaderboard", frame)["AE+KMeans"]
    assert cells["Δ [95 % CI]"] == "−.031 [−.034, −.029]"
    assert (cells["p"], cells["p (Holm)"], cells["verdict"]) == (".002", ".020", "worse")


def test_the_sentence_names_the_best_mean_and_what_it_is_better_than():
    frame = pd.DataFrame(
        runs("a", spread(0.8), title="A")
        + runs("b", spread(0.8) - 0.001 + WOBBLE, title="B")
        + runs("c", spread(0.6), title="C")
    )
    assert sentences_of("leaderboard", frame) == [
        "Best mean: A, ACC .800 ± .006. It is significantly better than C and not significantly better than B."
    ]
    few = frame.loc[frame["seed"] < 4].assign(planned=4)
    assert sentences_of("leaderboard", few) == [
        "Best mean: A, ACC .794 ± .003. Too few seeds (4; 7 needed) to compare it with B and C."
    ]


def test_unlabelled_data_has_a_sentence_instead_of_a_leaderboard(frame):
    frame[["acc", "nmi"]] = np.nan
    assert sentences_of("leaderboard", frame) == ["No finished run has an ACC (49 runs ok, 1 failed)."]
    frame["unlabelled"] = True
    assert sentences_of("leaderboard", frame) == [
        "The data set is unlabelled: there is no ACC to compare by (49 runs ok, 1 failed)."
    ]
    assert section("leaderboard").table(rows_of("leaderboard", frame)) is None
    internal = frame.assign(silhouette_pixels=0.25)
    assert table_of("metrics", internal)["DEC"]["Silhouette (data)"] == ".250 ± .000"


def test_a_data_set_on_which_everything_failed_says_so():
    frame = pd.DataFrame(runs("dec", [0.7, 0.7], failed=(0, 1)))
    assert sentences_of("leaderboard", frame) == ["No run has finished (0 runs ok, 2 failed)."]


def test_lower_is_better_for_davies_bouldin(frame):
    frame["davies_bouldin_pixels"] = 100 * frame["acc"]
    rows = leaderboard(frame, "davies_bouldin_pixels")
    assert rows.index[0] == "sdec"
    assert rows.loc["sdec", "verdict"] == "reference"
    assert rows.loc["ae_kmeans", "verdict"] == "worse"


def test_variants_with_one_title_are_told_apart():
    frame = pd.DataFrame(runs("sdec", [0.5, 0.5], title="S-DEC") + runs("sdec/b", [0.4, 0.4], title="S-DEC"))
    assert list(leaderboard(frame)["title"]) == ["S-DEC (sdec)", "S-DEC (sdec/b)"]


def test_a_frame_that_cannot_be_read_is_refused(frame, tmp_path):
    with pytest.raises(InputError, match="lacks the columns status"):
        with_between_runs(results_of(frame.drop(columns="status"), tmp_path))
    with pytest.raises(InputError, match="seed 0 of ae_kmeans occurs twice"):
        _ = board_of(pd.concat([frame, frame.head(1)])).datasets


def test_a_method_without_a_seed_has_one_run_is_complete_and_compared_as_one():
    frame = pd.DataFrame(runs("kmeans", spread(0.7)) + runs("birch", [0.9]))
    frame.loc[frame["variant"] == "birch", "seeded"] = False
    frame["planned"] = 10
    rows = leaderboard(frame)
    assert rows.loc["birch", ["planned", "complete"]].tolist() == [1, True]
    assert rows.loc["kmeans", "reference"]
    assert rows.loc["birch", ["verdict", "form", "n_pairs"]].tolist() == ["better", "one-sample", 10]
    notes = notes_of("leaderboard", frame)
    assert "birch is above the reference but takes no seed, so it has one run, and is not the reference." in notes
    assert "Compared by one score, which no seed changes, with all of the reference: birch." in notes


def test_a_rank_is_a_range_where_no_order_is_shown():
    frame = pd.DataFrame(runs("a", spread(0.8)) + runs("b", spread(0.8) + WOBBLE) + runs("c", spread(0.6)))
    rows = leaderboard(frame)
    assert rows[["rank_best", "rank_worst"]].T.to_dict("list") == {"a": [1, 2], "b": [1, 2], "c": [3, 3]}
    assert [cells["rank"] for cells in table_of("leaderboard", frame).values()] == ["1-2", "1-2", "3"]
    clear = frame.assign(acc=frame["acc"].where(frame["variant"] != "b", spread(0.7).tolist() * 3))
    ranks = leaderboard(clear)[["rank_best", "rank_worst"]]
    assert ranks.T.to_dict("list") == {"a": [1, 1], "b": [2, 2], "c": [3, 3]}


def test_only_a_row_that_is_better_than_every_other_is_marked_best(frame):
    assert section("leaderboard").table(rows_of("leaderboard", frame)).best is None, "DEC is incomplete, not best"
    clear = pd.DataFrame(runs("c", spread(0.7)) + runs("a", spread(0.8)))
    table = section("leaderboard").table(rows_of("leaderboard", clear))
    assert table.rows[table.best][0].text == "a"
    close = pd.DataFrame(runs("a", spread(0.8)) + runs("c", spread(0.8) + WOBBLE))
    assert section("leaderboard").table(rows_of("leaderboard", close)).best is None


def test_counterparts_that_nobody_asked_for_do_not_swell_the_family():
    rows = [run for i in range(6) for run in runs(f"m{i}", spread(0.7 + i / 100))]
    rows += [run for i in range(2) for run in runs(f"t{i}", spread(0.6 + i / 100), role="twin")]
    asked = leaderboard(pd.DataFrame(rows))
    assert asked.loc["m0", "p_adjusted"] == pytest.approx(15 * 2 / 2**10)
    assert asked.loc["t0", ["verdict", "n_pairs"]].tolist() == ["counterpart", 0]
    all_asked = pd.DataFrame(rows).assign(role="asked")
    assert leaderboard(all_asked).loc["m0", "verdict"] == "too few seeds (10; 11 needed)"
    assert "28 pairs as one family need 11 paired seeds to show a difference." in notes_of("leaderboard", all_asked)


def test_more_variants_than_can_be_ranked_are_described_alone():
    frame = pd.DataFrame([run for i in range(21) for run in runs(f"m{i}", spread(0.5 + i / 100))])
    assert set(leaderboard(frame)["verdict"]) == {"reference", "not compared"}
    limit = "21 variants are too many to compare every two: at most 20."
    assert limit in notes_of("leaderboard", frame)
    assert limit not in notes_of("leaderboard", frame.loc[frame["variant"] != "m0"])


def test_times_from_different_hardware_are_not_compared(frame):
    assert table_of("metrics", frame)["DEC"]["memory"] == "509 MB"
    frame.loc[frame["seed"] > 4, "hardware"] = "another processor"
    assert not {"time", "memory"} & set(table_of("metrics", frame)["DEC"])
    rows = rows_of("metrics", frame)
    assert rows[["wall_time_mean", "peak_memory_max"]].isna().all(axis=None)
    assert sentences_of("metrics", frame) == [
        "Time and memory are not compared: the runs come from different hardware (a processor; another processor)."
    ]


# Numbers of clusters, and noise


def counted(variant, scores, used, *, asked=10, noise=0.0, **more):
    """Runs that say how many clusters each found."""
    rows = runs(variant, scores, **more)
    found = np.broadcast_to(used, len(rows))
    return [
        row | {"n_clusters_used": float(n), "n_clusters_asked": asked, "noise_share": noise}
        for row, n in zip(rows, found, strict=True)
    ]


@pytest.fixture
def free():
    """One finds what it is asked for, one does not always, and one is asked for none and refuses points."""
    return pd.DataFrame(
        counted("kmeans", spread(0.7), 10, title="KMeans")
        + counted("mixture", spread(0.65), [10] * 6 + [9] * 4, title="Mixture")
        + counted("hdbscan", spread(0.6), [12] * 8 + [14] * 2, asked=None, noise=0.278, title="HDBSCAN")
    )


def test_other_numbers_of_clusters_and_noise_stand_beside_the_scores(free):
    cells = table_of("metrics", free)
    assert [(row["clusters"], row["noise"]) for row in cells.values()] == [
        ("10", "0 %"),
        ("9.6 of 10", "0 %"),
        ("12.4", "27.8 %"),
    ]
    assert any("Noise is always wrong in ACC" in note for note in notes_of("metrics", free))


def test_where_all_find_what_they_are_asked_for_nothing_is_said_of_it(free, frame):
    same = free.loc[free["variant"] == "kmeans"]
    assert "clusters" not in table_of("metrics", same)["KMeans"]
    assert notes_of("metrics", same) == []
    assert "clusters" not in table_of("metrics", frame)["DEC"], "runs that were not counted have no column of dashes"


@pytest.mark.parametrize("sign", [{"noise_share": 0.001}, {"n_clusters_used": 11.0}, {"n_clusters_asked": None}])
def test_one_sign_in_one_run_is_enough(free, sign):
    same = free.loc[free["variant"] == "kmeans"].reset_index(drop=True)
    same.loc[3, list(sign)] = list(sign.values())
    assert "clusters" in table_of("metrics", same)["KMeans"]


def test_failed_runs_found_nothing_and_say_nothing_of_clusters(free):
    alone = free.loc[free["variant"] != "hdbscan"].reset_index(drop=True)
    alone.loc[alone["n_clusters_used"] == 9, "status"] = "failed"
    assert "clusters" not in table_of("metrics", alone)["Mixture"]
    alone = free.assign(status=free["status"].where(free["variant"] != "hdbscan", "failed"))
    cells = table_of("metrics", alone)["HDBSCAN"]
    assert cells["clusters"] == cells["noise"] == "–"


def test_of_two_data_sets_only_the_one_with_noise_tells_of_it(free):
    same = free.loc[free["variant"] == "kmeans"].assign(dataset="usps")
    digits, usps = board_of(pd.concat([free, same])).datasets
    assert section("metrics").notes(section("metrics").rows(digits), digits)
    assert not section("metrics").notes(section("metrics").rows(usps), usps)


def test_unlabelled_data_tells_its_noise_too(free):
    unlabelled = free.assign(acc=np.nan, nmi=np.nan, unlabelled=True)
    assert list(table_of("metrics", unlabelled)["HDBSCAN"])[-5:] == ["stability", "clusters", "noise", "time", "memory"]
    kmeans = unlabelled.loc[unlabelled["variant"] == "kmeans"]
    assert "noise" not in table_of("metrics", kmeans)["KMeans"]

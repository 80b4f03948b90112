"""What the leaderboard counts, claims and refuses to claim."""

import numpy as np
import pandas as pd
import pytest

from bench.errors import InputError
from bench.metrics import find_ranking_metric
from bench.report.board import BoardRuns
from bench.report.runs_frame import check_columns
from bench.report.sections.leaderboard import section
from tests.report.made_runs import board_of, by_variant, dataset_of, notes_of, scored, spread, table_of, texts_of


@pytest.fixture
def rows():
    better = spread(0.7412, step=0.003)  # against AE+KMeans: .031 on average, each seed's difference its own
    return (
        scored("ae_kmeans", spread(0.71), title="AE+KMeans")
        + scored("vae_kmeans", better, title="VAE+KMeans", twin="ae_kmeans")
        + scored("dec", spread(0.761), title="DEC", failed=(3,))
        + scored("sdec", spread(0.70), title="S-DEC", twin="dec", collapsed=(1, 2))
        + scored("vade", spread(0.72), title="VaDE", twin="ae_gmm")
    )


def changed(rows, **columns):
    return [row | columns for row in rows]


def shown(runs):
    """The cells of the table by method."""
    return {row["method"]: row for row in table_of(section, runs)}


def test_a_collapsed_run_is_counted_not_dropped():
    scores = [0.7, 0.1, 0.1, 0.7]
    row = by_variant(section, dataset_of(scored("sdec", scores, collapsed=(1, 2)))).loc["sdec"]
    assert (row["n_ok"], row["n_collapsed"], row["n_scored"], row["complete"]) == (4, 2, 4, True)
    assert row["mean"] == pytest.approx(0.4)
    assert row["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert (row["q1"], row["median"], row["q3"]) == pytest.approx((0.1, 0.4, 0.7))


@pytest.mark.parametrize("status", ["failed", "diverged", "timeout"])
def test_a_failed_run_is_counted_and_marks_the_mean(rows, status):
    runs = dataset_of([row | {"status": status} if row["status"] == "failed" else row for row in rows])
    row = by_variant(section, runs).loc["dec"]
    assert (row["n_ok"], row["n_failed"], row["complete"], row["n_pairs"]) == (9, 1, False, 9)
    assert (shown(runs)["DEC"]["runs"], shown(runs)["DEC"]["ACC ± sd"]) == ("9/1/0", ".761 ± .006*")
    assert "Marked *, means over fewer runs than planned: DEC 9 of 10." in notes_of(section, runs)


def test_a_score_left_by_a_failed_run_is_not_used():
    rows = scored("dec", [0.5, 0.5, 0.9])
    rows[2]["status"] = "diverged"
    assert by_variant(section, dataset_of(rows)).loc["dec", "mean"] == 0.5


def test_runs_that_are_planned_but_absent_mark_the_mean(rows):
    runs = dataset_of(changed(rows, planned=12))
    assert by_variant(section, runs).loc["vade", "planned"] == 12
    assert "VaDE 10 of 12" in notes_of(section, runs)


def test_runs_that_were_not_made_yet_are_counted(rows):
    rows[-1] |= {"status": "not run", "acc": np.nan}
    assert "Unfinished: 1 of 50 runs have not been made." in notes_of(section, dataset_of(rows))


def test_the_reference_is_the_best_complete_variant(rows):
    runs = dataset_of(rows)
    table = section.rows(runs)
    assert list(table["variant"]) == ["dec", "vae_kmeans", "vade", "ae_kmeans", "sdec"]
    assert table.loc[table["reference"], "variant"].tolist() == ["vae_kmeans"]
    assert shown(runs)["VAE+KMeans"]["verdict"] == "reference"
    note = "DEC is above the reference but has fewer runs than planned, and is not the reference."
    assert note in notes_of(section, runs)
    assert texts_of(section, runs) == [
        "The reference: VAE+KMeans, ACC .741 ± .009. It is significantly better than VaDE, AE+KMeans and S-DEC; "
        "not significantly better than DEC."
    ]


def test_the_sentence_names_the_best_mean_and_what_it_is_better_than():
    wobble = 0.02 * np.array([1, -1] * 5)
    rows = scored("A", spread(0.8)) + scored("B", spread(0.799) + wobble) + scored("C", spread(0.6))
    assert texts_of(section, dataset_of(rows)) == [
        "Best mean of the methods asked for: A, ACC .800 ± .006. It is significantly better than C; "
        "not significantly better than B."
    ]


def test_too_few_seeds_leave_names_as_they_are():
    rows = scored("A", spread(0.8, n=5)) + scored("S-DEC", spread(0.6, n=5, step=0.003))
    assert texts_of(section, dataset_of(rows)) == [
        "Best mean of the methods asked for: A, ACC .800 ± .003. Not compared with S-DEC: too few seeds (5; 6 needed)."
    ]
    assert "A pair needs 6 paired seeds to show a difference." in notes_of(section, dataset_of(rows))


def test_the_leaderboard_adjusts_over_its_own_family(rows):
    row = by_variant(section, dataset_of(rows)).loc["ae_kmeans"]
    assert row["p_value"] == pytest.approx(2 / 2**10)
    assert row["p_adjusted"] == pytest.approx(10 * 2 / 2**10), "all pairs of five variants, smallest p"
    assert row["verdict"] == "worse"
    # Differences .0267, .0277 ... .0357: nine Walsh averages lie at or below .0287.
    assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx((-0.0312, -0.0337, -0.0287))


def test_both_p_are_shown_beside_the_difference(rows):
    row = shown(dataset_of(rows))["AE+KMeans"]
    assert (row["Δ [95 % CI]"], row["p"], row["p (Holm)"]) == ("−.031 [−.034, −.029]", ".002", ".020")


def test_unlabelled_data_have_a_sentence_instead_of_a_leaderboard(rows):
    rows = changed(rows, acc=np.nan, nmi=np.nan)
    assert texts_of(section, dataset_of(rows)) == ["No finished run has an ACC (49 runs ok, 1 failed)."]
    unlabelled = dataset_of(changed(rows, unlabelled=True))
    assert texts_of(section, unlabelled) == [
        "The data set is unlabelled: there is no ACC to compare by (49 runs ok, 1 failed)."
    ]
    assert table_of(section, unlabelled) is None
    assert len(section.rows(unlabelled)) == 5, "the numbers that there are stay in the CSV file"


def test_a_data_set_on_which_everything_failed_says_so():
    runs = dataset_of(scored("dec", [0.7, 0.7], failed=(0, 1)))
    assert texts_of(section, runs) == ["No run has finished (0 runs ok, 2 failed)."]


def test_lower_is_better_for_davies_bouldin(rows):
    frame = pd.DataFrame(rows).assign(davies_bouldin_pixels=lambda frame: 100 * frame["acc"])
    metric = find_ranking_metric("davies_bouldin_pixels")
    (runs,) = BoardRuns("fixed", frame, metric, results=None).datasets
    table = section.rows(runs)
    assert table.loc[0, ["variant", "verdict"]].tolist() == ["sdec", "reference"]
    assert table.set_index("variant").loc["ae_kmeans", "verdict"] == "worse"


def test_variants_with_one_title_are_told_apart():
    rows = scored("sdec", [0.5, 0.5], title="S-DEC") + scored("sdec b", [0.4, 0.4], title="S-DEC")
    assert list(section.rows(dataset_of(rows))["title"]) == ["S-DEC (sdec)", "S-DEC (sdec b)"]


def test_a_frame_that_cannot_be_read_is_refused(rows):
    frame = pd.DataFrame(rows)
    with pytest.raises(InputError, match="lacks the columns status"):
        check_columns(frame.drop(columns="status"))
    with pytest.raises(InputError, match="seed 0 of ae_kmeans occurs twice"):
        _ = board_of([*rows, rows[0]]).datasets
    with pytest.raises(InputError, match="own embedding"):
        find_ranking_metric("silhouette_embedding")


def test_a_method_without_a_seed_has_one_run_is_complete_and_compared_as_one():
    rows = scored("kmeans", spread(0.7)) + scored("birch", [0.9], seeded=False, planned=10)
    runs = dataset_of(rows)
    board = by_variant(section, runs)
    assert board.loc["birch", ["planned", "complete"]].tolist() == [1, True]
    assert board.loc["kmeans", "reference"]
    assert board.loc["birch", ["verdict", "form", "n_pairs"]].tolist() == ["better", "one-sample", 10]
    notes = notes_of(section, runs)
    assert "birch is above the reference but takes no seed, so it has one run, and is not the reference." in notes
    assert "Compared by one score, which no seed changes, with all of the reference: birch." in notes
    assert texts_of(section, runs) == ["The reference: kmeans, ACC .700 ± .006. It is significantly worse than birch."]


def test_a_rank_is_a_range_where_no_order_is_shown():
    wobble = 0.02 * np.array([1, -1] * 5)
    close = scored("a", spread(0.8)) + scored("b", spread(0.8) + wobble) + scored("c", spread(0.6))
    board = by_variant(section, dataset_of(close))
    assert board[["rank_best", "rank_worst"]].T.to_dict("list") == {"a": [1, 2], "b": [1, 2], "c": [3, 3]}
    assert [row["rank"].replace("–", "-") for row in table_of(section, dataset_of(close))] == ["1-2", "1-2", "3"]
    clear = scored("a", spread(0.8)) + scored("b", spread(0.7)) + scored("c", spread(0.6))
    ranks = by_variant(section, dataset_of(clear))[["rank_best", "rank_worst"]]
    assert ranks.T.to_dict("list") == {"a": [1, 1], "b": [2, 2], "c": [3, 3]}


def test_only_a_method_that_is_shown_to_be_better_than_every_other_is_marked_as_the_best(rows):
    def best(*rows):
        runs = dataset_of(*rows)
        return section.table(section.rows(runs)).best

    assert best(scored("a", spread(0.8)), scored("b", spread(0.7))) == 0
    assert best(scored("a", spread(0.8)), scored("b", spread(0.8) + 0.02 * np.array([1, -1] * 5))) is None
    assert best(rows) is None, "DEC is incomplete, not best"


def test_counterparts_that_nobody_asked_for_do_not_swell_the_family():
    rows = [run for i in range(6) for run in scored(f"m{i}", spread(0.7 + i / 100))]
    rows += [run for i in range(2) for run in scored(f"t{i}", spread(0.6 + i / 100), role="twin")]
    board = by_variant(section, dataset_of(rows))
    assert board.loc["m0", "p_adjusted"] == pytest.approx(15 * 2 / 2**10)
    assert board.loc["t0", ["verdict", "n_pairs"]].tolist() == ["counterpart", 0]
    all_asked = by_variant(section, dataset_of(changed(rows, role="asked")))
    assert all_asked.loc["m0", "verdict"] == "too few seeds (10; 11 needed)"


def test_more_variants_than_can_be_ranked_are_described_alone():
    rows = [run for i in range(21) for run in scored(f"m{i}", spread(0.5 + i / 100))]
    assert set(section.rows(dataset_of(rows))["verdict"]) == {"reference", "not compared"}
    too_many = "21 variants are too many to compare every two: at most 20."
    assert too_many in notes_of(section, dataset_of(rows))
    assert "too many" not in notes_of(section, dataset_of([row for row in rows if row["variant"] != "m0"]))


def test_the_title_names_what_the_differences_are_against(rows):
    runs = dataset_of(rows)
    assert section.table(section.rows(runs)).title == "ACC, best mean first; Δ and p against VAE+KMeans"
    alone = dataset_of(scored("a", spread(0.8)))
    assert section.table(section.rows(alone)).title == "ACC, best mean first"

"""What the leaderboard counts, claims and refuses to claim."""

import io

import numpy as np
import pandas as pd
import pytest
from bench.report.boards import boards_of
from bench.report.formats.text import render_markdown, render_terminal
from bench.report.formats.tidy_csv import render_csv
from rich.console import Console

from bench.errors import InputError
from bench.metrics import find_metric
from bench.report.formats.latex import render_latex
from bench.report.numbers import (
    escape_markdown,
    format_clusters,
    format_mean,
    format_p,
    format_score,
    format_share,
)
from bench.report.sections.leaderboard import sections_of
from bench.statistics.paired import paired_comparison

ACC = find_metric("acc")


def cells(variant, scores, *, title=None, twin=None, failed=(), collapsed=(), dataset="digits", role="asked"):
    """One row a seed; a failed seed keeps its place and loses its score."""
    return [
        {
            "dataset": dataset,
            "method": variant.split("/")[0],
            "variant": variant,
            "title": title or variant,
            "config": f"config of {variant}",
            "twin": None if twin is None else f"config of {twin}",
            "role": role,
            "kind": "deterministic" if twin is None else "stochastic",
            "planned": len(scores),
            "hardware": "a processor",
            "unlabelled": False,
            "revised": False,
            "seed": seed,
            "status": "failed" if seed in failed else "ok",
            "flags": ["collapsed"] if seed in collapsed else [],
            "acc": np.nan if seed in failed else score,
            "nmi": np.nan if seed in failed else score - 0.1,
            "wall_time": 10.0 + seed,
            "peak_memory": 500.0 + seed,
            "seeded": True,
        }
        for seed, score in enumerate(scores)
    ]


def spread(mean, n=10, step=0.002):
    return mean + step * (np.arange(n) - (n - 1) / 2)


@pytest.fixture
def frame():
    better = spread(0.7412, step=0.003)  # against AE+KMeans: .031 on average, each seed's difference its own
    return pd.DataFrame(
        cells("ae_kmeans", spread(0.71), title="AE+KMeans")
        + cells("vae_kmeans", better, title="VAE+KMeans", twin="ae_kmeans")
        + cells("dec", spread(0.761), title="DEC", failed=(3,))
        + cells("sdec", spread(0.70), title="S-DEC", twin="dec", collapsed=(1, 2))
        + cells("vade", spread(0.72), title="VaDE", twin="ae_gmm")
    )


def row_of(table, variant):
    return table.set_index("variant").loc[variant]


def boards(frame, metric="acc"):
    return boards_of({"fixed": frame}, metric)


def tables(frame, dataset="digits", metric="acc"):
    return next(t for t in boards(frame, metric)[0].datasets if t.dataset == dataset)


def quality_table(frame, dataset, metric):
    return tables(frame, dataset, metric).quality


def twin_table(frame, dataset, metric):
    return tables(frame, dataset, metric).twins


def sentences(frame, metric="acc"):
    """The headline of each section."""
    return [sentence for section in sections_of(boards(frame, metric)[0]) for sentence in section.headline]


def printed(frame, width=100, terminal=True):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    render_terminal(boards(frame, "acc"), console=console)
    return out.getvalue()


def test_a_collapsed_run_is_counted_not_dropped():
    scores = [0.7, 0.1, 0.1, 0.7]
    row = row_of(quality_table(pd.DataFrame(cells("sdec", scores, collapsed=(1, 2))), "digits", "acc"), "sdec")
    assert (row["n_ok"], row["n_collapsed"], row["n_scored"], row["complete"]) == (4, 2, 4, True)
    assert row["mean"] == pytest.approx(0.4)
    assert row["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert (row["q1"], row["median"], row["q3"]) == pytest.approx((0.1, 0.4, 0.7))


@pytest.mark.parametrize("status", ["failed", "diverged", "timeout"])
def test_a_failed_run_is_counted_and_marks_the_mean(frame, status):
    frame.loc[frame["status"] == "failed", "status"] = status
    row = row_of(quality_table(frame, "digits", "acc"), "dec")
    assert (row["n_ok"], row["n_failed"], row["complete"], row["n_pairs"]) == (9, 1, False, 9)
    text = printed(frame)
    assert ".761 ± .006*" in text
    assert "Marked *, means over fewer runs than planned: DEC 9 of 10." in text


def test_a_score_left_by_a_failed_run_is_not_used():
    rows = pd.DataFrame(cells("dec", [0.5, 0.5, 0.9]))
    rows.loc[2, "status"] = "diverged"
    assert row_of(quality_table(rows, "digits", "acc"), "dec")["mean"] == 0.5


def test_runs_that_are_planned_but_absent_mark_the_mean(frame):
    assert row_of(quality_table(frame.assign(planned=12), "digits", "acc"), "vade")["planned"] == 12
    assert "VaDE 10 of 12" in render_markdown(boards(frame.assign(planned=12)))


def test_the_reference_is_the_best_complete_variant(frame):
    table = quality_table(frame, "digits", "acc")
    assert list(table["variant"]) == ["dec", "vae_kmeans", "vade", "ae_kmeans", "sdec"]
    assert table.loc[table["reference"], "variant"].tolist() == ["vae_kmeans"]
    assert row_of(table, "vae_kmeans")["verdict"] == "reference"
    assert "DEC is above the reference but has fewer runs than planned, and is not the reference." in printed(frame)


def test_the_board_adjusts_over_its_own_family(frame):
    table = quality_table(frame, "digits", "acc")
    row = row_of(table, "ae_kmeans")
    assert row["p_value"] == pytest.approx(2 / 2**10)
    assert row["p_adjusted"] == pytest.approx(10 * 2 / 2**10), "all pairs of five variants, smallest p"
    assert row["verdict"] == "worse"
    # Differences .0267, .0277 ... .0357: nine Walsh averages lie at or below .0287.
    assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx((-0.0312, -0.0337, -0.0287))


def test_a_twin_sentence_answers_the_question(frame):
    assert sentences(frame) == [
        "VAE+KMeans is better than its twin AE+KMeans by .031 [.029, .034], p = .004 (Holm), n = 10.",
        # Nine of nine seeds, but DEC failed on the tenth: as a loss that leaves p = .092, and no claim.
        "No difference shown between S-DEC and its twin DEC: -.061 [-.061, -.061], p = .092 (Holm), n = 9. DEC ended "
        "without a score on 1 more, which count as lost. 2 runs of S-DEC collapsed.",
    ]


def test_a_twin_pair_without_an_effect_is_not_called_equal(frame):
    rows = pd.DataFrame(
        cells("dec", spread(0.7), title="DEC")
        + cells("sdec", spread(0.7) + 0.02 * np.array([1, -1] * 5), title="S-DEC", twin="dec")
    )
    (sentence,) = sentences(rows)
    assert sentence.startswith("No difference shown between S-DEC and its twin DEC: .000 [-.020, .020], p = 1.000")
    assert "equivalent" not in sentence
    same = pd.DataFrame(cells("dec", spread(0.7)) + cells("sdec", spread(0.7), twin="dec"))
    (sentence,) = sentences(same)
    assert sentence.endswith("; equivalent in practice (within ±.010).")


def test_five_seeds_cannot_be_significant():
    rows = pd.DataFrame(
        cells("dec", spread(0.7, n=5), title="DEC") + cells("sdec", spread(0.9, n=5, step=0.003), twin="dec")
    )
    assert twin_table(rows, "digits", "acc").loc[0, "verdict"] == "cannot be significant with n = 5"
    (sentence,) = sentences(rows)
    assert sentence == "sdec against its twin DEC cannot be significant with n = 5: difference .200."
    assert "no 95 % interval" in printed(rows)


def test_a_twin_that_was_not_run_is_named(frame):
    assert "vade" not in set(twin_table(frame, "digits", "acc")["variant"])
    assert "No deterministic twin in these runs: VaDE." in printed(frame)


def test_a_twin_without_a_finished_run_is_not_compared():
    rows = pd.DataFrame(cells("dec", [0.7] * 3, failed=(0, 1, 2)) + cells("sdec", [0.7] * 3, twin="dec"))
    (sentence,) = sentences(rows)
    assert sentence == "sdec is not compared with its twin dec: 0 matched seeds; a comparison needs at least 2."
    assert "dec 0 of 3" in printed(rows)


def test_unlabelled_data_has_a_sentence_instead_of_a_board(frame):
    frame[["acc", "nmi"]] = np.nan
    assert "No finished run has an ACC (49 runs ok, 1 failed)." in render_markdown(boards(frame))
    frame["unlabelled"] = True
    text = render_markdown(boards(frame))
    assert "The data set is unlabelled: there is no ACC to compare by (49 runs ok, 1 failed)." in text
    assert "### Board" not in text
    assert "### Internal indices" in text
    assert render_csv(boards(frame)).count("\n") == 6


def test_a_data_set_on_which_everything_failed_says_so():
    rows = pd.DataFrame(cells("dec", [0.7, 0.7], failed=(0, 1)))
    assert "No run has finished (0 runs ok, 2 failed)." in printed(rows)


def test_lower_is_better_for_davies_bouldin(frame):
    frame["davies_bouldin_pixels"] = 100 * frame["acc"]
    table = quality_table(frame, "digits", "davies_bouldin_pixels")
    assert table.loc[0, "variant"] == "sdec"
    assert table.loc[0, "verdict"] == "reference"
    assert row_of(table, "ae_kmeans")["verdict"] == "worse"
    sentence = sentences(frame, "davies_bouldin_pixels")[0]
    assert sentence.startswith("VAE+KMeans is worse than its twin AE+KMeans by 3.12 [2.87, 3.37]")


def test_the_terminal_board_fits_a_hundred_columns(frame):
    lines = printed(frame).splitlines()
    assert max(map(len, lines)) <= 100
    assert any("AE+KMeans" in line and "-.031 [-.034, -.029]" in line and "worse" in line for line in lines)


def test_piped_output_is_plain_aligned_lines(frame):
    text = printed(frame, width=40, terminal=False)
    rows = [line for line in text.splitlines() if line.startswith(("variant ", "VAE+KMeans  "))]
    assert not set(text) & set("─│┃━╷\x1b")
    board = rows[2:4]
    assert board[0].index("runs") + len("runs") == board[1].index("10/0/0") + len("10/0/0")


def test_markdown_in_full():
    rows = pd.DataFrame(
        cells("dec", spread(0.7, n=6), title="DEC") + cells("sdec", spread(0.8, n=6, step=0.004), twin="dec")
    )
    text = render_markdown(boards(rows))
    assert text.startswith("# Leaderboard\n\n## digits\n\n- sdec is better than its twin DEC by .100")
    assert "| variant | runs | ACC ± sd | rank | difference [95 %] | p (Holm) | verdict |\n| :-- | --: |" in text
    assert "| sdec | 6/0/0 | .800 ± .007 | 1 | - | - | reference |" in text
    assert "| DEC | 6/0/0 | .700 ± .004 | 2 | -.100 [-.105, -.095] | .031 | worse |" in text
    assert "| sdec | .800 [.795, .805] | .700 ± .007 | - | 12.5 s | 505 MB |" in text
    assert text.endswith("the further scores only describe.\n")


def test_csv_has_one_tidy_row_for_each_data_set_and_variant(frame):
    both = pd.concat([frame, frame.assign(dataset="usps")])
    back = pd.read_csv(io.StringIO(render_csv(boards(both))))
    assert len(back) == 10
    assert list(back.columns[:5]) == ["board", "dataset", "metric", "variant", "title"]
    row = back.set_index(["dataset", "variant"]).loc[("usps", "vae_kmeans")]
    assert (row["twin_variant"], row["twin_verdict"], row["twin_n_pairs"]) == ("ae_kmeans", "better", 10)
    assert row["mean"] == pytest.approx(0.7412)
    assert row["twin_mean"] == pytest.approx(0.71)


HOSTILE = "x|y [red]z[/red] <b>*_` # [31m :boom: [a](http://b)"


def test_hostile_names_are_printed_not_obeyed(frame):
    frame["title"] = frame["title"].replace("DEC", HOSTILE)
    frame["dataset"] = "<script> # digits"
    markdown = render_markdown(boards(frame))
    assert r"x\|y \[red\]z\[/red\] \<b\>\*\_\` \# \[31m :boom: \[a\](http://b)" in markdown
    assert "## \\<script\\> \\# digits\n" in markdown
    (header,) = {line.replace(r"\|", "").count("|") for line in markdown.splitlines() if "9/1/0" in line}
    assert header == 8, "seven cells, however many bars the name has"
    for terminal in (True, False):
        text = printed(frame, terminal=terminal, width=300)
        assert "x|y [red]z[/red] <b>*_` # [31m :boom: [a](http://b)" in text


def test_variants_with_one_title_are_told_apart():
    rows = pd.DataFrame(cells("sdec", [0.5, 0.5], title="S-DEC") + cells("sdec/b", [0.4, 0.4], title="S-DEC"))
    assert list(quality_table(rows, "digits", "acc")["title"]) == ["S-DEC (sdec)", "S-DEC (sdec/b)"]


def test_a_frame_that_cannot_be_read_is_refused(frame):
    with pytest.raises(InputError, match="lacks the columns status"):
        quality_table(frame.drop(columns="status"), "digits", "acc")
    with pytest.raises(InputError, match="seed 0 of ae_kmeans occurs twice"):
        quality_table(pd.concat([frame, frame.head(1)]), "digits", "acc")
    with pytest.raises(InputError, match="own embedding"):
        boards(frame, "silhouette_embedding")


def test_numbers_are_written_as_in_a_paper():
    assert format_mean(0.764, 0.0061, ACC) == ".764 ± .006"
    assert [format_score(v, ACC) for v in (1.0, -0.0312, -0.0001, np.nan)] == ["1.000", "-.031", ".000", "-"]
    assert format_score(247349.2, find_metric("calinski_harabasz_pixels")) == "247,349"
    assert [format_p(p) for p in (0.0625, 0.0504, 0.05, 0.0002, 1.0)] == [
        ".062",
        ".0504",
        ".050",
        "< .001",
        "1.000",
    ]
    assert escape_markdown("a|b") == r"a\|b"


def test_a_method_without_a_seed_has_one_run_is_complete_and_compared_as_one():
    frame = pd.DataFrame(cells("kmeans", spread(0.7)) + cells("birch", [0.9]))
    frame.loc[frame["variant"] == "birch", "seeded"] = False
    board = quality_table(frame.assign(planned=10), "digits", "acc").set_index("variant")
    assert board.loc["birch", ["planned", "complete"]].tolist() == [1, True]
    assert board.loc["kmeans", "reference"]
    assert board.loc["birch", ["verdict", "form", "n_pairs"]].tolist() == ["better", "one-sample", 10]
    twin = pd.DataFrame(cells("birch", [0.6]) + cells("noisy birch", spread(0.7), twin="birch"))
    twin.loc[twin["variant"] == "birch", "seeded"] = False
    (sentence,) = sentences(twin)
    assert sentence.endswith("p = .002 (Holm), n = 1 against n = 10.")
    assert "1 against 10" in printed(twin)


def test_a_rank_is_a_range_where_no_order_is_shown():
    wobble = 0.02 * np.array([1, -1] * 5)
    frame = pd.DataFrame(cells("a", spread(0.8)) + cells("b", spread(0.8) + wobble) + cells("c", spread(0.6)))
    board = quality_table(frame, "digits", "acc").set_index("variant")
    assert board[["rank_best", "rank_worst"]].T.to_dict("list") == {"a": [1, 2], "b": [1, 2], "c": [3, 3]}
    assert "  1-2  " in printed(frame)
    clear = frame.assign(acc=frame["acc"].where(frame["variant"] != "b", spread(0.7).tolist() * 3))
    ranks = quality_table(clear, "digits", "acc").set_index("variant")[["rank_best", "rank_worst"]]
    assert ranks.T.to_dict("list") == {"a": [1, 1], "b": [2, 2], "c": [3, 3]}


def test_twins_that_nobody_asked_for_do_not_swell_the_family(frame):
    rows = [cell for i in range(6) for cell in cells(f"m{i}", spread(0.7 + i / 100))]
    rows += [cell for i in range(2) for cell in cells(f"t{i}", spread(0.6 + i / 100), role="twin")]
    board = quality_table(pd.DataFrame(rows), "digits", "acc").set_index("variant")
    assert board.loc["m0", "p_adjusted"] == pytest.approx(15 * 2 / 2**10)
    assert board.loc["t0", ["verdict", "n_pairs"]].tolist() == ["twin", 0]
    all_asked = quality_table(pd.DataFrame(rows).assign(role="asked"), "digits", "acc").set_index("variant")
    assert all_asked.loc["m0", "verdict"] == "cannot be significant with n = 10"


def test_more_variants_than_can_be_ranked_are_described_alone():
    frame = pd.DataFrame([cell for i in range(21) for cell in cells(f"m{i}", spread(0.5 + i / 100))])
    assert set(quality_table(frame, "digits", "acc")["verdict"]) == {"reference", "not compared"}
    assert "21 variants are too many to compare every two: at most 20." in printed(frame)
    assert "too many" not in printed(frame.loc[frame["variant"] != "m0"])


def over(datasets, **scores):
    """The same variants on several data sets; a score is one number a data set."""
    return pd.DataFrame(
        [
            cell
            for name, means in scores.items()
            for dataset, mean in zip(datasets, means, strict=True)
            if mean is not None
            for cell in cells(name, spread(mean, n=4), dataset=dataset, twin="b" if name == "a" else None)
        ]
    )


DATASETS = ["d1", "d2", "d3", "d4", "d5", "d6"]


def test_over_data_sets_the_unit_is_a_data_set():
    frame = over(DATASETS, a=[0.61, 0.72, 0.83, 0.64, 0.75, 0.86], b=[0.6, 0.7, 0.8, 0.6, 0.7, 0.8])
    (twins,) = boards(frame, "acc")[0].overall.contrasts
    differences = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    expected = paired_comparison(differences, np.zeros(6))
    assert twins.matched == tuple(DATASETS)
    assert (twins.result.n, twins.result.p_value) == (6, expected.p_value)
    assert twins.result.hodges_lehmann == pytest.approx(expected.hodges_lehmann)
    text = printed(frame, terminal=False)
    assert "a is better than its twin b by .035 [.010, .060], p = .031 (Holm), n = 6 data sets." in text
    (row,) = [line for line in text.splitlines() if line.split()[:2] == ["b", "24/0/0"]]
    assert row.split()[:6] == ["b", "24/0/0", "6", "of", "6", ".700"]
    assert row.split()[-3:] == ["0/0/6", "2.00", "2"]


def test_two_data_sets_cannot_be_significant_and_it_is_said():
    text = printed(over(DATASETS[:2], a=[0.7, 0.8], b=[0.6, 0.7]), terminal=False)
    assert "a against its twin b cannot be significant with n = 2 data sets: difference .100" in text


def test_a_variant_that_lacks_a_data_set_has_no_total_rank():
    frame = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5], c=[0.9, None, 0.9])
    ranking = boards(frame, "acc")[0].overall.ranking
    assert set(ranking.names) == {"a", "b"}
    assert ranking.mean_rank == {"a": 1.0, "b": 2.0}
    text = printed(frame, terminal=False)
    assert "c has no total and no rank: not all its runs have a score on d2." in text
    complete = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5], c=[0.9, 0.9, 0.9])
    assert boards(complete, "acc")[0].overall.ranking.mean_rank == {"c": 1.0, "a": 2.0, "b": 3.0}


def test_a_mean_that_skips_a_failure_is_no_value_over_data_sets():
    frame = over(DATASETS[:3], a=[0.7, 0.8, 0.6], b=[0.6, 0.7, 0.5])
    assert set(boards(frame, "acc")[0].overall.ranking.names) == {"a", "b"}
    frame.loc[(frame["variant"] == "a") & (frame["dataset"] == "d2") & (frame["seed"] == 1), "status"] = "failed"
    assert boards(frame, "acc")[0].overall.ranking.names == ("b",)
    assert boards(frame, "acc")[0].overall.contrasts[0].matched == ("d1", "d3")


def test_times_from_different_hardware_share_no_table(frame):
    assert "505 MB" in printed(frame) or "509 MB" in printed(frame)
    frame.loc[frame["seed"] > 4, "hardware"] = "another processor"
    text = printed(frame)
    assert " MB" not in text
    assert "Time and memory are not compared: the runs come from different hardware" in text


def test_latex_marks_the_best_only_where_the_test_says_so(frame):
    assert "\\textbf" not in render_latex(boards(frame)), "DEC is incomplete, not best"
    rows = pd.DataFrame(cells("a_b", spread(0.8), title="100% & more") + cells("c", spread(0.7)))
    text = render_latex(boards(rows))
    assert "\\textbf{100\\% \\& more} & \\textbf{$10/0/0$} & \\textbf{$.800 \\pm .006$} & \\textbf{$1$}" in text
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    over_two = pd.concat([rows.assign(title="a_b"), rows.assign(title="a_b", dataset="d_2")])
    assert "a\\_b" in render_latex(boards(over_two))
    assert "textbackslash" not in render_latex(boards(over_two)), "a name is escaped once, in captions too"
    close = pd.DataFrame(cells("a", spread(0.8)) + cells("c", spread(0.8) + 0.02 * np.array([1, -1] * 5)))
    assert "\\textbf" not in render_latex(boards(close))


# Numbers of clusters, and noise


def counted(variant, scores, used, *, asked=10, noise=0.0, **more):
    """Cells that say how many clusters each run found."""
    rows = cells(variant, scores, **more)
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


def further_of(frame):
    (section,) = sections_of(boards(frame)[0])
    table = next(t for t in section.tables if t.title.startswith("Further"))
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def test_other_numbers_of_clusters_and_noise_stand_beside_the_scores(free):
    rows = further_of(free)
    assert [(row["clusters"], row["noise"]) for row in rows.values()] == [
        ("10", "0 %"),
        ("9.6 of 10", "0 %"),
        ("12.4", "27.8 %"),
    ]


def test_a_table_wider_than_the_terminal_takes_more_lines_and_loses_no_number(free):
    wide = free.assign(ari=free["acc"], ami=free["acc"], stability=0.97)
    for width in (80, 100):
        lines = printed(wide, width=width).partition("Further")[2].partition("Numbers of")[0].splitlines()
        assert max(map(len, lines)) <= width
        there = {word for line in lines for word in line.split()}
        assert {"[.645,", ".655]", ".650", ".006", "27.8", "9.6", "509", "MB"} <= there


def test_where_all_find_what_they_are_asked_for_nothing_is_said_of_it(free, frame):
    same = free.loc[free["variant"] == "kmeans"]
    for text in (printed(same), render_markdown(boards(same)), render_csv(boards(same)), render_latex(boards(same))):
        assert "clusters found" not in text
        assert "n_clusters" not in text
        assert "(the label -1)" not in text
    assert "clusters" not in further_of(frame)["DEC"], "runs that were not counted have no column of dashes"


@pytest.mark.parametrize("sign", [{"noise_share": 0.001}, {"n_clusters_used": 11.0}, {"n_clusters_asked": None}])
def test_one_sign_in_one_run_is_enough(free, sign):
    same = free.loc[free["variant"] == "kmeans"].reset_index(drop=True)
    same.loc[3, list(sign)] = list(sign.values())
    assert "clusters" in further_of(same)["KMeans"]


def test_failed_runs_found_nothing_and_say_nothing_of_clusters(free):
    alone = free.loc[free["variant"] != "hdbscan"].reset_index(drop=True)
    alone.loc[alone["n_clusters_used"] == 9, "status"] = "failed"
    assert "clusters" not in further_of(alone)["Mixture"]
    alone = free.assign(status=free["status"].where(free["variant"] != "hdbscan", "failed"))
    assert further_of(alone)["HDBSCAN"]["clusters"] == further_of(alone)["HDBSCAN"]["noise"] == "-"


def test_every_format_has_the_numbers_of_clusters_and_the_rule(free):
    rule = "Noise is always wrong in ACC"
    text = printed(free, terminal=False)
    assert "clusters found, noise" in text
    assert "9.6 of 10" in text
    assert rule in text
    markdown = render_markdown(boards(free))
    assert "| 12.4 | 27.8 % |" in markdown
    assert rule in markdown
    latex = render_latex(boards(free))
    assert r"& 9.6 of 10 & 0 \% &" in latex
    assert r"& $12.4$ & 27.8 \% &" in latex
    back = pd.read_csv(io.StringIO(render_csv(boards(free)))).set_index("variant")
    found = back[["n_clusters_asked", "n_clusters_used_mean", "noise_share_mean"]]
    assert found.loc["mixture"].tolist() == [10, 9.6, 0]
    assert found.loc["hdbscan"].tolist()[1:] == [12.4, 0.278]
    assert np.isnan(found.loc["hdbscan", "n_clusters_asked"])


def test_of_two_data_sets_only_the_one_with_noise_tells_of_it(free):
    same = free.loc[free["variant"] == "kmeans"].assign(dataset="usps")
    markdown = render_markdown(boards(pd.concat([free, same])))
    assert markdown.count("clusters found") == markdown.count("(the label -1)") == 1


def test_unlabelled_data_tells_its_noise_too(free):
    unlabelled = free.assign(acc=np.nan, nmi=np.nan, unlabelled=True)
    (line,) = [line for line in render_markdown(boards(unlabelled)).splitlines() if "| variant" in line]
    assert line.endswith("| Clusters used | noise | stability |")
    kmeans = unlabelled.loc[unlabelled["variant"] == "kmeans"]
    assert "noise" not in render_markdown(boards(kmeans)).partition("## How to read")[0]


def test_shares_are_per_cents_and_little_is_not_nothing():
    assert [format_share(v) for v in (0.0, 0.0003, 0.0123, 1.0, np.nan)] == ["0 %", "< 0.1 %", "1.2 %", "100.0 %", "-"]
    assert [format_clusters(v, 10) for v in (10, 10.04, np.nan)] == ["10", "10.0 of 10", "-"]

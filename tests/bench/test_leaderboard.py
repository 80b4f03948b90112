"""What the leaderboard counts, claims and refuses to claim."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from bench.errors import InputError
from bench.leaderboard.numbers import escape_markdown, format_mean, format_p, format_score
from bench.leaderboard.render import render_csv, render_markdown, render_terminal
from bench.leaderboard.tables import quality_table, twin_table
from bench.metrics import find_metric

ACC = find_metric("acc")


def cells(variant, scores, *, title=None, twin=None, failed=(), collapsed=(), dataset="digits"):
    """One row a seed; a failed seed keeps its place and loses its score."""
    return [
        {
            "dataset": dataset,
            "method": variant.split("/")[0],
            "variant": variant,
            "title": title or variant,
            "config": f"config of {variant}",
            "twin": None if twin is None else f"config of {twin}",
            "kind": "deterministic" if twin is None else "stochastic",
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


def printed(frame, width=100, terminal=True, **options):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    render_terminal(frame, primary_metric="acc", console=console, **options)
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
    assert row_of(quality_table(frame, "digits", "acc", planned=12), "vade")["planned"] == 12
    assert "VaDE 10 of 12" in render_markdown(frame, primary_metric="acc", planned=12)


def test_the_reference_is_the_best_complete_variant(frame):
    table = quality_table(frame, "digits", "acc")
    assert list(table["variant"]) == ["dec", "vae_kmeans", "vade", "ae_kmeans", "sdec"]
    assert table.loc[table["reference"], "variant"].tolist() == ["vae_kmeans"]
    assert row_of(table, "vae_kmeans")["verdict"] == "reference"
    assert "Above the reference on fewer runs, so not the reference: DEC." in printed(frame)


def test_the_board_adjusts_over_its_own_family(frame):
    table = quality_table(frame, "digits", "acc")
    row = row_of(table, "ae_kmeans")
    assert row["p_value"] == pytest.approx(2 / 2**10)
    assert row["p_adjusted"] == pytest.approx(4 * 2 / 2**10), "four contrasts with the reference, smallest p"
    assert row["verdict"] == "worse"
    # Differences .0267, .0277 ... .0357: nine Walsh averages lie at or below .0287.
    assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx((-0.0312, -0.0337, -0.0287))


def test_a_twin_sentence_answers_the_question(frame):
    sentences = list(twin_table(frame, "digits", "acc")["sentence"])
    assert sentences == [
        "VAE+KMeans is better than its twin AE+KMeans by .031 [.029, .034], p = .004 (Holm), n = 10.",
        "S-DEC is worse than its twin DEC by .061 [.061, .061], p = .004 (Holm), n = 9.",
    ]


def test_a_twin_pair_without_an_effect_is_not_called_equal(frame):
    rows = pd.DataFrame(
        cells("dec", spread(0.7), title="DEC")
        + cells("sdec", spread(0.7) + 0.02 * np.array([1, -1] * 5), title="S-DEC", twin="dec")
    )
    (sentence,) = twin_table(rows, "digits", "acc")["sentence"]
    assert sentence.startswith("No difference shown between S-DEC and its twin DEC: .000 [-.020, .020], p = 1.000")
    assert "equivalent" not in sentence
    same = pd.DataFrame(cells("dec", spread(0.7)) + cells("sdec", spread(0.7), twin="dec"))
    (sentence,) = twin_table(same, "digits", "acc")["sentence"]
    assert sentence.endswith("; equivalent in practice (within ±.010).")


def test_five_seeds_cannot_be_significant():
    rows = pd.DataFrame(
        cells("dec", spread(0.7, n=5), title="DEC") + cells("sdec", spread(0.9, n=5, step=0.003), twin="dec")
    )
    table = twin_table(rows, "digits", "acc")
    assert table.loc[0, "verdict"] == "cannot be significant with n = 5"
    assert table.loc[0, "sentence"] == "sdec against its twin DEC cannot be significant with n = 5: difference .200."
    assert "no 95 % interval" in printed(rows)


def test_a_twin_that_was_not_run_is_named(frame):
    assert "vade" not in set(twin_table(frame, "digits", "acc")["variant"])
    assert "No deterministic twin in these runs: VaDE." in printed(frame)


def test_a_twin_without_a_finished_run_is_not_compared():
    rows = pd.DataFrame(cells("dec", [0.7] * 3, failed=(0, 1, 2)) + cells("sdec", [0.7] * 3, twin="dec"))
    (sentence,) = twin_table(rows, "digits", "acc")["sentence"]
    assert sentence == "sdec is not compared with its twin dec: 0 matched seeds; a comparison needs at least 2."
    assert "dec 0 of 3" in printed(rows)


def test_unlabelled_data_has_a_sentence_instead_of_a_board(frame):
    frame[["acc", "nmi"]] = np.nan
    text = render_markdown(frame, primary_metric="acc")
    assert "The data set is unlabelled: there is no ACC to compare by (49 runs ok, 1 failed)." in text
    assert "### Board" not in text
    assert "### Internal indices" in text
    assert render_csv(frame, primary_metric="acc").count("\n") == 6


def test_a_data_set_on_which_everything_failed_says_so():
    rows = pd.DataFrame(cells("dec", [0.7, 0.7], failed=(0, 1)))
    assert "No run has finished (0 runs ok, 2 failed)." in printed(rows)


def test_lower_is_better_for_davies_bouldin(frame):
    frame["davies_bouldin_pixels"] = 100 * frame["acc"]
    table = quality_table(frame, "digits", "davies_bouldin_pixels")
    assert table.loc[0, "variant"] == "sdec"
    assert table.loc[0, "verdict"] == "reference"
    assert row_of(table, "ae_kmeans")["verdict"] == "worse"
    sentence = twin_table(frame, "digits", "davies_bouldin_pixels").loc[0, "sentence"]
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
    text = render_markdown(rows, primary_metric="acc")
    assert text.startswith("# Leaderboard\n\n## digits\n\n- sdec is better than its twin DEC by .100")
    assert "| variant | runs | ACC ± sd | difference [95 %] | p (Holm) | verdict |\n| :-- | --: |" in text
    assert "| sdec | 6/0/0 | .800 ± .007 | - | - | reference |" in text
    assert "| DEC | 6/0/0 | .700 ± .004 | -.100 [-.105, -.095] | .031 | worse |" in text
    assert "| sdec | .800 [.795, .805] | .700 ± .007 | - | 12.5 s | 505 MB |" in text
    assert text.endswith("as do the further scores.\n")


def test_csv_has_one_tidy_row_for_each_data_set_and_variant(frame):
    both = pd.concat([frame, frame.assign(dataset="usps")])
    back = pd.read_csv(io.StringIO(render_csv(both, primary_metric="acc")))
    assert len(back) == 10
    assert list(back.columns[:4]) == ["dataset", "metric", "variant", "title"]
    row = back.set_index(["dataset", "variant"]).loc[("usps", "vae_kmeans")]
    assert (row["twin_variant"], row["twin_verdict"], row["twin_n_pairs"]) == ("ae_kmeans", "better", 10)
    assert row["mean"] == pytest.approx(0.7412)
    assert row["twin_mean"] == pytest.approx(0.71)


HOSTILE = "x|y [red]z[/red] <b>*_`\n# \x1b[31m :boom: [a](http://b)"


def test_hostile_names_are_printed_not_obeyed(frame):
    frame["title"] = frame["title"].replace("DEC", HOSTILE)
    frame["dataset"] = "<script>\n# digits"
    markdown = render_markdown(frame, primary_metric="acc")
    assert r"x\|y \[red\]z\[/red\] \<b\>\*\_\` \# \[31m :boom: \[a\](http://b)" in markdown
    assert "## \\<script\\> \\# digits\n" in markdown
    (header,) = {line.replace(r"\|", "").count("|") for line in markdown.splitlines() if "9/1/0" in line}
    assert header == 7, "six cells, however many bars the name has"
    for terminal in (True, False):
        text = printed(frame, terminal=terminal, width=300)
        assert "x|y [red]z[/red] <b>*_` # [31m :boom: [a](http://b)" in text
        assert "\x1b[31m" not in text


def test_variants_with_one_title_are_told_apart():
    rows = pd.DataFrame(cells("sdec", [0.5, 0.5], title="S-DEC") + cells("sdec/b", [0.4, 0.4], title="S-DEC"))
    assert list(quality_table(rows, "digits", "acc")["title"]) == ["S-DEC (sdec)", "S-DEC (sdec/b)"]


def test_a_frame_that_cannot_be_read_is_refused(frame):
    with pytest.raises(InputError, match="lacks the columns status"):
        quality_table(frame.drop(columns="status"), "digits", "acc")
    with pytest.raises(InputError, match="no cells of data set 'mnist'; there are cells of digits"):
        quality_table(frame, "mnist", "acc")
    with pytest.raises(InputError, match="seed 0 of ae_kmeans occurs twice"):
        quality_table(pd.concat([frame, frame.head(1)]), "digits", "acc")
    with pytest.raises(InputError, match="own embedding"):
        render_markdown(frame, primary_metric="silhouette_embedding")


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


def test_a_method_without_a_seed_has_one_run_is_complete_and_no_reference():
    frame = pd.DataFrame(cells("kmeans", spread(0.7)) + cells("birch", [0.9]))
    frame.loc[frame["variant"] == "birch", "seeded"] = False
    board = quality_table(frame, "digits", "acc", planned=10).set_index("variant")
    assert board.loc["birch", ["planned", "complete"]].tolist() == [1, True]
    assert board.loc["kmeans", "reference"]
    assert board.loc["birch", "verdict"] == "not compared"

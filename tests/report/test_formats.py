"""Every format writes the same content, each in its own markup, and obeys no name."""

import io
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len

from bench.report.formats.csv_files import csv_text, index_csv, scores_csv, section_files
from bench.report.formats.latex import escape_latex, render_latex
from bench.report.formats.markdown import escape_markdown, render_markdown
from bench.report.formats.page import render_page
from bench.report.sections import contrasts, leaderboard, metrics, over_datasets, verdict
from tests.report.made_runs import board_of, printed, scored, spread, written

HOSTILE = "x|y [red]z[/red] <b>*_` # [31m :boom: [a](http://b)"
LONG = "a method with a long name, as those have that a program or a file brings"
SOLID = "AMethodOfOneWordThatIsLongerThanAnyOtherAndHasNoSpaceAtAllInIt"


def six(title="DEC", **more):
    """A pair, of which the stochastic one is better by .100."""
    return scored("dec", spread(0.7, n=6), title=title, **more) + scored(
        "sdec", spread(0.8, n=6, step=0.004), title="S-DEC", twin="dec", **more
    )


def csv_of(report, name):
    return pd.read_csv(io.StringIO(dict(section_files(report))[name]))


# -- one number, everywhere -----------------------------------------------------------------------


@pytest.mark.figures
def test_a_number_that_is_changed_in_the_rows_changes_in_every_format(monkeypatch):
    rows_of = type(contrasts.section).rows

    def rows(self, runs):
        return rows_of(self, runs).assign(difference=0.234)

    board, chosen = board_of(six()), (verdict, contrasts)
    before = written(board, sections=chosen, draw=True)
    monkeypatch.setattr(type(contrasts.section), "rows", rows)
    after = written(board_of(six()), sections=chosen, draw=True)
    (figure,) = after.headline.section("verdict").parts[0].figures
    texts = {
        "terminal": lambda report: printed(report, width=200),
        "short": lambda report: printed(report, width=200, verbose=False),
        "markdown": render_markdown,
        "latex": render_latex,
        "page": lambda report: render_page(report, "abc"),
    }
    for name, write in texts.items():
        assert "+.234" in write(after), name
        assert "+.100" not in write(after), name
        assert "+.100" in write(before), name
    assert csv_of(after, "contrasts.csv")["difference"].tolist() == [0.234]
    assert "+.234" in figure.alt or ".234" in figure.alt
    assert figure.svg != before.headline.section("verdict").parts[0].figures[0].svg


# -- Markdown and LaTeX ---------------------------------------------------------------------------


def test_markdown_in_full():
    text = render_markdown(written(board_of(six()), sections=(verdict, contrasts, leaderboard)))
    assert text.startswith("# Does stochasticity help?\n\nmade runs\n\n## Verdict\n\n- Yes. On digits S-DEC is")
    assert "### digits\n\n- Best mean of the methods asked for: S-DEC, ACC .800 ± .007." in text
    assert "| method | runs | ACC ± sd | rank | Δ \\[95 % CI\\] | p | p (Holm) | verdict |\n| :-- | --: |" in text
    assert "| S-DEC | 6/0/0 | .800 ± .007 | 1 | – | – | – | reference |" in text
    assert "| DEC | 6/0/0 | .700 ± .004 | 2 | −.100 \\[−.105, −.095\\] | .031 | .031 | worse |" in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("name", ["+ x", "1. x", "12. x", "12) x", "- x", "# x", "> x", "a|b", "<b>", "`x`", "$x$"])
def test_a_name_that_means_something_in_markdown_is_written_out(name):
    written_out = escape_markdown(name)
    assert written_out != name
    assert written_out.replace("\\", "") == name


def test_hostile_names_are_printed_not_obeyed():
    hostile = written(board_of(six(HOSTILE, dataset="<script> # digits")))
    markdown = render_markdown(hostile)
    assert r"x\|y \[red\]z\[/red\] \<b\>\*\_\` \# \[31m :boom: \[a\](http://b)" in markdown
    assert "### \\<script\\> \\# digits\n" in markdown
    (bars,) = {line.replace(r"\|", "").count("|") for line in markdown.splitlines() if "| 6/0/0 |" in line}
    assert bars == 9, "eight cells, however many bars the name has"
    for terminal in (True, False):
        assert HOSTILE in printed(hostile, terminal=terminal, width=300)
    page = render_page(hostile, "abc")
    assert "<b>*" not in page
    assert "<script> #" not in page


def test_latex_marks_the_best_only_where_the_test_says_so():
    rows = scored("a_b", spread(0.8), title="100% & more") + scored("c", spread(0.7))
    text = render_latex(written(board_of(rows), sections=(leaderboard,)))
    assert "\\textbf{100\\% \\& more} & \\textbf{$10/0/0$} & \\textbf{$.800 \\pm .006$} & \\textbf{$1$}" in text
    assert "$-.100$" in text or "$-.100 [" in text, "a minus is one in mathematics"
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    close = scored("a", spread(0.8)) + scored("c", spread(0.8) + 0.02 * np.array([1, -1] * 5))
    assert "\\textbf" not in render_latex(written(board_of(close)))
    failed = scored("a", spread(0.8), failed=(1,)) + scored("c", spread(0.7))
    assert "\\textbf" not in render_latex(written(board_of(failed)))


def test_a_name_is_escaped_once_in_latex_in_captions_too():
    rows = [run for name in ("d_1", "d_2") for run in scored("a", spread(0.8), title="a_b", dataset=name)]
    text = render_latex(written(board_of(rows)))
    assert "a\\_b" in text
    assert "\\caption{d\\_1. " in text
    assert "textbackslash" not in text
    assert escape_latex(r"\input{x} $^~") == r"\textbackslash{}input\{x\} \$\textasciicircum{}\textasciitilde{}"


def test_a_data_set_without_a_table_is_a_comment_in_latex():
    text = render_latex(written(board_of(scored("dec", [0.7, 0.7], failed=(0, 1))), sections=(leaderboard,)))
    assert "% digits: No run has finished (0 runs ok, 2 failed)." in text
    assert "\\begin" not in text


# -- the terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("title", ["DEC", LONG, SOLID, "雪" * 20])
def test_the_short_form_fits_the_terminal_and_breaks_no_name(width, title):
    rows = six(title) + [run for i in range(6) for run in scored(f"method {i}", spread(0.5 + i / 30, n=6))]
    lines = printed(written(board_of(rows)), width=width, verbose=False).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= 20
    text = "\n".join(lines)
    for word in [*title.split(), "S-DEC"]:
        assert word in text, "a name is broken at its spaces at most"
    assert ".700 ± .004" in text
    last = " ".join(text[text.rindex("\n\n") :].split())
    assert last.startswith("Yes. On digits S-DEC is significantly better in ACC")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("title", ["DEC", LONG])
def test_all_tables_fit_the_terminal_and_lose_no_number(width, title):
    rows = [run | {"ari": run["acc"], "ami": run["acc"], "stability": 0.97} for run in six(title)]
    text = printed(written(board_of(rows)), width=width)
    assert max(map(cell_len, text.splitlines())) <= width
    numbers = {word for word in printed(written(board_of(rows)), width=500).split() if any(map(str.isdigit, word))}
    assert len(numbers) > 20
    assert numbers <= set(text.split())


def test_of_many_methods_and_data_sets_the_short_form_shows_what_fits():
    rows = [
        run
        for d in range(9)
        for i in range(8)
        for run in scored(f"S{i}", spread(0.7 + i / 50, n=6), dataset=f"data set {d}", twin=f"B{i}", title=f"S{i}")
        + scored(f"B{i}", spread(0.6, n=6), dataset=f"data set {d}", role="twin")
    ]
    lines = printed(written(board_of(rows)), width=80, verbose=False).splitlines()
    assert len(lines) <= 20
    assert "verdicts; --verbose prints all" in "\n".join(lines)
    assert "On data set 0" not in lines[-1] or lines[-1].endswith("."), "no sentence is cut"


def test_a_file_gets_plain_aligned_lines_with_all_columns():
    text = printed(written(board_of(six())), width=40, terminal=False, verbose=False)
    assert not set(text) & set("─│┃━╷\x1b")
    heading, first, second = (line for line in text.splitlines() if line.startswith(("method ", "S-DEC ", "DEC ")))
    assert heading.index("runs") + len("runs") == first.index("6/0/0") + len("6/0/0") == second.index("6/0/0") + 5
    assert "verdict" in heading


# -- CSV files ------------------------------------------------------------------------------------

NAMES = 'a "quoted", name; with\nlines, and ünïcode'


def frame_of_runs():
    frame = pd.DataFrame(six(NAMES, key="k", error=""))
    frame["flags"] = [["collapsed", "diverged"], *frame["flags"].iloc[1:]]
    return frame.assign(acc=frame["acc"] + 1 / 3)


def test_a_csv_file_has_one_row_for_each_data_set_and_variant():
    both = written(board_of(six(), [run | {"dataset": "usps"} for run in six()]))
    back = csv_of(both, "leaderboard.csv")
    assert list(back.columns[:4]) == ["board", "dataset", "metric", "variant"]
    assert back.groupby("dataset").size().to_dict() == {"digits": 2, "usps": 2}
    contrast = csv_of(both, "contrasts.csv").set_index("dataset").loc["usps"]
    assert (contrast["counterpart"], contrast["verdict"], contrast["n_pairs"]) == ("dec", "better", 6)
    assert contrast["mean"] == pytest.approx(0.8)
    assert contrast["counterpart_mean"] == pytest.approx(0.7)
    totals = csv_of(both, "tables/over_datasets.csv")
    assert set(totals["kind"]) == {"contrast", "total"}
    assert {"contrasts.csv", "leaderboard.csv", "tables/over_datasets.csv", "tables/metrics.csv"} == set(
        dict(section_files(both))
    )


def test_pandas_reads_names_numbers_and_lists_back():
    frame = frame_of_runs()
    back = pd.read_csv(io.StringIO(scores_csv(frame)))
    assert back["title"].tolist() == frame["title"].tolist()
    assert back["acc"].to_numpy() == pytest.approx(frame["acc"].to_numpy(), rel=1e-9)
    assert (back["seed"].dtype, back["acc"].dtype, back["seeded"].dtype) == (np.int64, np.float64, bool)
    assert back.loc[0, "flags"].split(";") == ["collapsed", "diverged"]
    index = pd.read_csv(io.StringIO(index_csv(frame)))
    assert list(index.columns) == ["key", "dataset", "method", "variant", "title", "config", "seed", "status", "error"]
    assert index["seed"].tolist() == frame["seed"].tolist()


def test_a_missing_number_is_an_empty_cell_and_arrays_are_lists():
    frame = pd.DataFrame({"x": [1.5, np.nan], "flags": [np.array(["a", "b"]), None], "n": [1, 2]})
    assert csv_text(frame) == "x,flags,n\n1.5,a;b,1\n,,2\n"


def test_r_reads_the_same_numbers(tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("needs R: Rscript is not installed")
    frame = frame_of_runs()
    report = written(board_of(frame.to_dict("records")))
    for name, text in {"scores.csv": scores_csv(frame), "index.csv": index_csv(frame)}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, text in section_files(report):
        (tmp_path / name.replace("/", "-")).write_text(text, encoding="utf-8")
    script = """
    scores <- read.csv("scores.csv", encoding = "UTF-8")
    cat(sprintf("%.9f", scores$acc), "\\n")
    cat(class(scores$seed), class(scores$acc), class(as.logical(scores$seeded)), "\\n")
    cat(nrow(read.csv("index.csv")), strsplit(scores$flags[1], ";")[[1]], "\\n")
    board <- read.csv("leaderboard.csv", encoding = "UTF-8")
    cat(sprintf("%.9f", board$mean), nrow(read.csv("contrasts.csv")), "\\n")
    for (file in list.files(".", "^tables-")) stopifnot(nrow(read.csv(file)) > 0)
    writeLines(unique(scores$title), "titles.txt", useBytes = TRUE)
    """
    done = subprocess.run(["Rscript", "-e", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores, classes, index, means = (line.split() for line in done.stdout.splitlines())
    assert scores == [f"{value:.9f}" for value in frame["acc"]]
    assert classes == ["integer", "numeric", "logical"]
    assert index == [str(len(frame)), "collapsed", "diverged"]
    assert means == [*(f"{value:.9f}" for value in csv_of(report, "leaderboard.csv")["mean"]), "1"]
    assert (tmp_path / "titles.txt").read_text(encoding="utf-8") == f"{NAMES}\nS-DEC\n"


# -- numbers of clusters, and noise ---------------------------------------------------------------


def counted(variant, scores, used, *, asked=10, noise=0.0, **more):
    """Runs that say how many clusters each found."""
    found = np.broadcast_to(used, len(scores)).astype(float)
    return scored(variant, scores, n_clusters_used=found, n_clusters_asked=asked, noise_share=noise, **more)


@pytest.fixture
def free():
    """One finds what it is asked for, one does not always, and one is asked for none and refuses points."""
    return (
        counted("kmeans", spread(0.7), 10, title="KMeans")
        + counted("mixture", spread(0.65), [10] * 6 + [9] * 4, title="Mixture")
        + counted("hdbscan", spread(0.6), [12] * 8 + [14] * 2, asked=None, noise=0.278, title="HDBSCAN")
    )


def of_kmeans(free):
    return [run for run in free if run["variant"] == "kmeans"]


def metrics_table(*rows):
    (table,) = written(board_of(*rows), sections=(metrics,)).headline.section("metrics").parts[0].tables
    headings = [column.heading for column in table.columns]
    return {str(row[0]): dict(zip(headings, map(str, row), strict=True)) for row in table.rows}


def test_other_numbers_of_clusters_and_noise_stand_beside_the_scores(free):
    assert [(row["clusters"], row["noise"]) for row in metrics_table(free).values()] == [
        ("10", "0 %"),
        ("9.6 of 10", "0 %"),
        ("12.4", "27.8 %"),
    ]


def test_where_all_find_what_they_are_asked_for_nothing_is_said_of_it(free):
    same = written(board_of(of_kmeans(free)))
    for text in (printed(same), render_markdown(same), render_latex(same)):
        assert "clusters" not in text
        assert "(the label -1)" not in text
    assert "clusters" not in metrics_table(six())["DEC"], "runs that were not counted have no column of dashes"


@pytest.mark.parametrize("sign", [{"noise_share": 0.001}, {"n_clusters_used": 11.0}, {"n_clusters_asked": None}])
def test_one_sign_in_one_run_is_enough(free, sign):
    same = of_kmeans(free)
    same[3] |= sign
    assert "clusters" in metrics_table(same)["KMeans"]


def test_failed_runs_found_nothing_and_say_nothing_of_clusters(free):
    alone = [
        row | ({"status": "failed"} if row["n_clusters_used"] == 9 else {})
        for row in free
        if row["variant"] != "hdbscan"
    ]
    assert "clusters" not in metrics_table(alone)["Mixture"]
    failed = [row | ({"status": "failed"} if row["variant"] == "hdbscan" else {}) for row in free]
    assert metrics_table(failed)["HDBSCAN"]["clusters"] == metrics_table(failed)["HDBSCAN"]["noise"] == "–"


def test_every_format_has_the_numbers_of_clusters_and_the_rule(free):
    report = written(board_of(free))
    for text in (printed(report, terminal=False), render_markdown(report), render_page(report, "abc")):
        assert "9.6 of 10" in text
        assert "Noise is always wrong in ACC" in text.replace("\\", "")
    assert "| 12.4 | 27.8 % |" in render_markdown(report)
    latex = render_latex(report)
    assert r"& 9.6 of 10 & 0 \% &" in latex
    assert r"& 12.4 & 27.8 \% &" in latex
    found = csv_of(report, "tables/metrics.csv").set_index("variant")
    found = found[["n_clusters_asked", "n_clusters_used_mean", "noise_share_mean"]]
    assert found.loc["mixture"].tolist() == [10, 9.6, 0]
    assert found.loc["hdbscan"].tolist()[1:] == [12.4, 0.278]
    assert np.isnan(found.loc["hdbscan", "n_clusters_asked"])


def test_of_two_data_sets_only_the_one_with_noise_tells_of_it(free):
    usps = [row | {"dataset": "usps"} for row in of_kmeans(free)]
    markdown = render_markdown(written(board_of(free, usps), sections=(metrics,)))
    assert markdown.count("| clusters |") == markdown.count("(the label -1)") == 1


def test_unlabelled_data_tell_their_noise_too(free):
    unlabelled = [row | {"acc": np.nan, "nmi": np.nan, "unlabelled": True} for row in free]
    assert list(metrics_table(unlabelled)["HDBSCAN"])[-4:] == ["clusters", "noise", "time", "memory"]
    assert "noise" not in metrics_table(of_kmeans(unlabelled))["KMeans"]


def test_times_from_different_hardware_are_not_compared():
    assert metrics_table(six())["DEC"]["time"] == "12.5 s"
    mixed = [row | ({"hardware": "another processor"} if row["seed"] > 3 else {}) for row in six()]
    assert "time" not in metrics_table(mixed)["DEC"]
    text = printed(written(board_of(mixed)), terminal=False)
    assert " MB" not in text
    assert "Time and memory are not compared: the runs come from different hardware" in text


def test_nothing_is_said_over_a_single_data_set():
    assert written(board_of(six()), sections=(over_datasets,)).headline.sections == ()

"""That every format says the same, and that names stay names in each."""

import io
import re
import shutil
import subprocess

import pandas as pd
import pytest

from bench.report.document import figures_of
from bench.report.formats.csv_files import as_csv, index_csv, scores_csv, section_files
from bench.report.formats.latex import escape_latex, render_latex
from bench.report.formats.markdown import escape_markdown, render_markdown
from bench.report.formats.page import render_page
from bench.report.sections.contrasts import Contrasts
from bench.report.sections.leaderboard import Leaderboard
from tests.report.frames import HOSTILE, WOBBLE, printed, quick_like, report_on, runs, spread

pytestmark = pytest.mark.figures

AWKWARD = 'a, "b"\nand; c'


def written(report):
    """Return the report in every format, without markup that would stand between the words."""
    page = re.sub(r"<(style|script)>.*?</\1>", "", render_page(report, "abc"), flags=re.DOTALL)
    return {
        "terminal": printed(report, 400, verbose=True),
        "markdown": re.sub(r"\\(.)", r"\1", render_markdown(report)),
        "latex": render_latex(report),
        "csv": "".join(text for _, text in section_files(report)),
        "page": page,
        "alt": " ".join(figure.alt for figure in figures_of(report)),
        "svg": " ".join(figure.svg for figure in figures_of(report)),
    }


def test_a_changed_number_of_the_leaderboard_changes_in_every_format(tmp_path, monkeypatch):
    before = written(report_on(quick_like(), tmp_path))
    original = Leaderboard.rows

    def rows(self, runs):
        changed = original(self, runs)
        changed.loc[changed["variant"] == "kmeans", "mean"] = 0.4321
        return changed

    monkeypatch.setattr(Leaderboard, "rows", rows)
    after = written(report_on(quick_like(), tmp_path))
    for format_, number in (("terminal", ".432 ±"), ("markdown", ".432 ±"), ("latex", r"$.432 \pm"), ("csv", "0.4321")):
        assert number in after[format_], format_
        assert number not in before[format_], format_
    assert re.search(r'data-number="0\.4321"[^>]*>\s*\.432', after["page"])


def test_a_changed_number_of_a_contrast_changes_in_every_format_the_verdict_and_the_forest(tmp_path, monkeypatch):
    before = written(report_on(quick_like(), tmp_path, draw=True))
    original = Contrasts.rows

    def rows(self, runs):
        changed = original(self, runs)
        changed.loc[changed["variant"] == "vade", ["difference", "p_adjusted"]] = 0.3217, 0.0123
        changed.loc[changed["variant"] == "vade", "outcome"] = "better"
        return changed

    monkeypatch.setattr(Contrasts, "rows", rows)
    after = written(report_on(quick_like(), tmp_path, draw=True))
    for format_, number in (
        ("terminal", "VaDE vs AE+GMM: ΔACC +.322"),
        ("markdown", "VaDE vs AE+GMM: ΔACC +.322"),
        ("latex", "$+.322"),
        ("csv", "0.3217"),
        ("page", "ΔACC +.322"),
        ("page", "+.322 ["),
        ("alt", ".322 ["),
        ("alt", "p = .012 (Holm)"),
        ("svg", "p = .012 (Holm)"),
    ):
        assert number in after[format_], (format_, number)
        assert number not in before[format_], (format_, number)
    for format_ in ("terminal", "markdown", "page"):
        assert "On digits, 1 of 3 stochastic methods is significantly better" in before[format_], format_
        assert "On digits, 2 of 3 stochastic methods are significantly better" in after[format_], format_


def test_markdown_has_the_sections_in_order_and_tables_that_line_up(tmp_path):
    frame = pd.DataFrame(
        runs("dec", spread(0.7, n=6), title="DEC") + runs("sdec", spread(0.8, n=6, step=0.004), twin="dec")
    )
    text = render_markdown(report_on(frame, tmp_path))
    assert text.startswith(
        "# Does stochasticity help?\n\nsmall\n\n## Verdict\n\n- Yes. On digits sdec is significantly"
    )
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings[:3] == ["Verdict", "Stochastic methods against their counterparts", "Leaderboard"]
    assert headings[-1] == "Provenance"
    assert r"| sdec | 6/0/0 | .800 ± .007 | 1 | – | – | – | reference |" in text
    assert r"| DEC | 6/0/0 | .700 ± .004 | 2 | −.100 \[−.105, −.095\] | .031 | .031 | worse |" in text


def test_latex_marks_the_best_only_where_the_test_says_so(tmp_path):
    frame = pd.DataFrame(runs("a_b", spread(0.8), title="100% & more") + runs("c", spread(0.7)))
    text = render_latex(report_on(frame, tmp_path))
    assert r"\textbf{100\% \& more} & \textbf{$10/0/0$} & \textbf{$.800 \pm .006$} & \textbf{$1$}" in text
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    close = pd.DataFrame(runs("a", spread(0.8)) + runs("c", spread(0.8) + WOBBLE))
    assert "\\textbf" not in render_latex(report_on(close, tmp_path))


def test_latex_escapes_a_name_once_in_captions_too(tmp_path):
    frame = pd.concat([pd.DataFrame(runs("a_b", spread(0.8), dataset=d) + runs("c", spread(0.7), dataset=d))
                       for d in ("d_1", "d_2")])  # fmt: skip
    text = render_latex(report_on(frame, tmp_path))
    assert "\\caption{d\\_1. ACC, best mean first" in text
    assert "textbackslash" not in text


def test_a_data_set_without_a_table_is_a_comment_in_latex(tmp_path):
    text = render_latex(report_on(pd.DataFrame(runs("dec", [0.7, 0.7], failed=(0, 1))), tmp_path))
    assert "% digits: No run has finished (0 runs ok, 2 failed)." in text


@pytest.mark.parametrize(
    "name", [HOSTILE, "</script><script>window.x=1</script>", "+ x", "1. x", "- x", "$\\input{x}$"]
)
def test_names_stay_names_in_every_markup(tmp_path, name):
    frame = quick_like()
    frame["title"] = frame["title"].replace("S-DEC", name)
    frame["dataset"] = name
    report = report_on(frame, tmp_path)
    markdown = render_markdown(report)
    assert f"| {escape_markdown(name)} |" in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("| ")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in tables if escape_markdown(name) in line]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
    assert set(bars) <= widths
    assert len(widths) < 7, "a bar in a name makes no column"
    assert escape_latex(name) in render_latex(report)
    assert "\\input" not in render_latex(report)
    page = render_page(report, "abc")
    assert page.count("<script") == 1
    assert "<b>*_" not in page


def test_a_description_written_with_markup_is_escaped_in_markdown():
    assert escape_markdown("x|y <b> #1 $x$ [a](b)") == r"x\|y \<b\> \#1 \$x\$ \[a\](b)"
    assert escape_markdown("+ x") == r"\+ x"
    assert escape_markdown("1. x") == r"1\. x"


# -- CSV --------------------------------------------------------------------------------------------


@pytest.fixture
def frame():
    made = quick_like()
    made["title"] = made["title"].replace("S-DEC", AWKWARD)
    made["flags"] = [["collapsed", "few clusters"], *made["flags"][1:]]
    made.loc[made["variant"] == "vade", "acc"] /= 3
    return made


def files_of(frame, folder):
    report = report_on(frame, folder)
    return dict(section_files(report)) | {"scores.csv": scores_csv(frame), "index.csv": index_csv(frame)}


def test_pandas_reads_every_file_with_its_types(frame, tmp_path):
    files = {name: pd.read_csv(io.StringIO(text)) for name, text in files_of(frame, tmp_path).items()}
    assert set(files) == {"contrasts.csv", "leaderboard.csv", "tables/metrics.csv", "scores.csv", "index.csv"}
    scores = files["scores.csv"]
    assert len(scores) == len(frame)
    pd.testing.assert_series_equal(scores["acc"], frame["acc"], check_exact=True)
    assert scores["seed"].dtype == "int64"
    assert scores["seeded"].dtype == "bool"
    assert AWKWARD in set(scores["title"])
    assert scores.loc[0, "flags"] == "collapsed;few clusters"
    assert pd.isna(scores.loc[1, "flags"])
    assert "run" not in scores
    board = files["leaderboard.csv"].set_index("variant")
    assert list(files["leaderboard.csv"].columns[:3]) == ["board", "dataset", "metric"]
    assert board["reference"].dtype == "bool"
    assert board.loc["sdec", "title"] == AWKWARD
    assert board.loc["vade", "mean"] == pytest.approx(frame.loc[frame["variant"] == "vade", "acc"].mean(), abs=1e-10)
    assert "counterpart" not in board, "contrasts are a file of their own"
    contrasts = files["contrasts.csv"].set_index("variant")
    assert contrasts.loc["vae_kmeans", ["counterpart", "n_pairs"]].tolist() == ["ae_kmeans", 10]
    assert list(files["index.csv"]) == [
        *("key", "dataset", "method", "variant", "title", "config", "seed", "status", "error"),
    ]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_reads_every_file_as_pandas_does(frame, tmp_path):
    reading = (
        'd <- read.csv(commandArgs(TRUE)[1], fileEncoding = "UTF-8"); '
        'for (n in names(d)) cat(n, class(d[[n]]), if (is.numeric(d[[n]])) sprintf("%.17g", sum(d[[n]], na.rm = TRUE)) '
        'else length(unique(d[[n]])), nrow(d), sep = "\\t", fill = FALSE, "\\n")'
    )
    for name, text in files_of(frame, tmp_path).items():
        path = tmp_path / name.replace("/", "-")
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["Rscript", "--vanilla", "-e", reading, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        ours = pd.read_csv(path)
        rows = [line.split("\t")[:4] for line in done.stdout.splitlines()]
        assert len(rows) == len(ours.columns), name
        for (_, kind, value, n), column in zip(rows, ours, strict=True):
            assert int(n) == len(ours), name
            series = ours[column]
            if series.dtype == "bool":
                assert kind == "logical", (name, column)
            elif pd.api.types.is_numeric_dtype(series) and series.notna().any():
                assert kind in ("integer", "numeric"), (name, column)
                assert float(value) == pytest.approx(series.sum(), rel=1e-12), (name, column)
            elif series.notna().all():
                assert (kind, int(value)) == ("character", series.nunique()), (name, column)


def test_a_table_of_lists_and_names_survives_the_way_there_and_back():
    frame = pd.DataFrame({"name": [AWKWARD, "'"], "values": [[1, 2], []], "number": [0.1, 1e-300]})
    back = pd.read_csv(io.StringIO(as_csv(frame)), keep_default_na=False)
    assert back["name"].tolist() == frame["name"].tolist()
    assert back["values"].tolist() == ["1;2", ""]
    assert back["number"].tolist() == [0.1, 1e-300]

"""What a terminal shows of a report: short, and no line wider than it is."""

import pandas as pd
import pytest
from rich.cells import cell_len

from tests.report.frames import HOSTILE, printed, quick_like, report_on, runs, spread

LONG = "Deep embedded clustering of sampled points and of their copies"


@pytest.mark.parametrize("width", [80, 120])
def test_a_report_takes_at_most_twenty_lines_and_the_verdict_is_last(tmp_path, width):
    lines = printed(report_on(quick_like(), tmp_path), width).splitlines()
    assert len(lines) <= 20
    assert max(map(cell_len, lines)) <= width
    assert sum(line.startswith(("DEC ", "S-DEC ", "VAE+KMeans ", "AE+GMM ")) for line in lines) == 4, "names are whole"
    table = next(i for i, line in enumerate(lines) if line.startswith("method "))
    assert next(i for i, line in enumerate(lines) if line.startswith("For some methods.")) > table
    assert lines[-1].endswith("inconclusive.")


@pytest.mark.parametrize("width", [80, 100, 120])
def test_eighty_columns_have_mean_rank_difference_and_adjusted_p(tmp_path, width):
    text = printed(report_on(quick_like(), tmp_path), width)
    (header,) = [line for line in text.splitlines() if line.startswith("method ")]
    assert "ACC ± sd  rank" in header
    assert "Δ [95 % CI]" in header
    assert "p (Holm)" in header
    (row,) = [line for line in text.splitlines() if line.startswith("AE+KMeans ")]
    assert "−.037 [−.040, −.035]" in row


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", [LONG, "x" * 60, "深層クラスタリング" * 5, HOSTILE])
def test_long_names_are_folded_and_no_number_is_lost(tmp_path, width, name):
    frame = quick_like()
    frame["title"] = frame["title"].replace("S-DEC", name)
    for verbose in (False, True):
        text = printed(report_on(frame, tmp_path), width, verbose=verbose)
        assert max(map(cell_len, text.splitlines())) <= width
    lines = printed(report_on(frame, tmp_path), width).splitlines()
    assert len(lines) <= 20
    (row,) = [line for line in lines if line.startswith("VaDE  ")]
    assert ".748 ± .021" in row
    assert "−.053 [−.072, −.034]" in row


def test_many_variants_are_cut_and_it_is_said_how_many_there_are(tmp_path):
    frame = pd.DataFrame([run for i in range(30) for run in runs(f"m{i}", spread(0.5 + i / 100))])
    lines = printed(report_on(frame, tmp_path), 80).splitlines()
    assert len(lines) <= 20
    assert "(the first 12 of 30)" in " ".join(lines)


def test_many_data_sets_show_the_leaderboard_over_all_and_say_that_there_are_more_verdicts(tmp_path):
    frame = pd.concat([quick_like().assign(dataset=f"d{i}", fingerprint=f"f{i}") for i in range(8)], ignore_index=True)
    lines = printed(report_on(frame, tmp_path), 80).splitlines()
    assert len(lines) <= 20
    assert lines[1].startswith("Mean ACC over data sets")
    assert lines[-1] == "… all with --verbose"


def test_verbose_prints_every_section_and_the_verdict_last(tmp_path):
    lines = printed(report_on(quick_like(), tmp_path), 100, verbose=True).splitlines()
    titles = [line for line in lines if line in ("Verdict", "Leaderboard", "Provenance", "How to read this")]
    assert titles == ["Leaderboard", "How to read this", "Provenance", "Verdict"]
    assert lines[-1].endswith("inconclusive.")


def test_piped_output_is_plain_aligned_lines_with_every_column(tmp_path):
    text = printed(report_on(quick_like(), tmp_path), 40, terminal=False)
    assert not set(text) & set("─│┃━╷\x1b")
    header, *rows = [line for line in text.splitlines() if line.startswith(("method ", "VAE+KMeans "))]
    assert header.index("runs") + len("runs") == rows[0].index("10/0/0") + len("10/0/0")
    assert "verdict" in header


def test_hostile_names_are_printed_not_obeyed(tmp_path):
    frame = quick_like()
    frame["title"] = frame["title"].replace("DEC", HOSTILE)
    for terminal in (True, False):
        assert HOSTILE in printed(report_on(frame, tmp_path), 400, terminal=terminal, verbose=True)


def test_data_without_a_score_say_why_instead_of_a_leaderboard(tmp_path):
    frame = pd.DataFrame(runs("dec", [0.7, 0.7], failed=(0, 1)))
    lines = printed(report_on(frame, tmp_path), 80).splitlines()
    assert lines[1] == "No run has finished (0 runs ok, 2 failed)."

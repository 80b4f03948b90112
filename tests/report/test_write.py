"""Which files a report writes, and that it writes nothing where nothing has changed."""

import os
import shutil

import pytest

from bench.report.plots import export
from bench.report.write import WRITTEN
from tests.report.frames import spread
from tests.report.test_report import make_run, record  # noqa: F401 - a fixture


@pytest.fixture
def folder(make_run):  # noqa: F811
    """The folder of a run of two stochastic methods and their counterparts, reported once."""
    records = []
    for name, mean, twin in (("dec", 0.7, None), ("sdec", 0.75, "dec"), ("ae", 0.6, None), ("vae", 0.65, "ae")):
        kind = {"kind": "stochastic", "twin": f"c-{twin}"} if twin else {}
        records += [record(name, seed, score, **kind) for seed, score in enumerate(spread(mean, 6, 0.003).tolist())]
    return make_run("a", records)


def state_of(folder):
    """Return content and time of every file but the lock."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def drawn(monkeypatch):
    """The names of the figures that are drawn from now on."""
    names, as_svg = [], export.as_svg

    def counted(drawing, name, alt):
        names.append(name)
        return as_svg(drawing, name, alt)

    monkeypatch.setattr(export, "as_svg", counted)
    return names


def test_a_report_has_a_page_tables_and_no_picture_files(folder, cli):
    assert cli("report", folder)[0] == 0
    names = set(state_of(folder))
    assert {*WRITTEN, "report.html", "leaderboard.csv", "contrasts.csv", "tables/metrics.csv"} <= names
    assert not any(name.endswith((".png", ".svg", ".partial")) for name in names)


def test_nothing_is_written_or_drawn_where_nothing_has_changed(folder, cli, drawn):
    assert cli("report", folder)[0] == 0
    assert drawn
    before, first = state_of(folder), cli("report", folder)
    drawn.clear()
    again = cli("report", folder)
    assert state_of(folder) == before
    assert not drawn
    assert first == again, "the terminal shows the same"


def test_a_run_with_nothing_left_to_do_leaves_the_report_as_it_is(cli, tiny, tmp_path, drawn):
    folder = tmp_path / "run"
    command = ["run", tiny, "--methods", "kmeans", "--out", folder, "--device", "cpu", "--jobs", "1"]
    assert cli(*command)[0] == 0
    before = state_of(folder)
    drawn.clear()
    assert cli(*command)[0] == 0
    assert cli("report", folder)[0] == 0
    changed = {name for name, state in state_of(folder).items() if before.get(name) != state}
    assert not changed
    assert not drawn


def test_a_run_passed_on_without_its_raw_outputs_is_reported_and_the_report_says_so(folder, cli):
    n = len(list((folder / "outputs").iterdir()))
    shutil.rmtree(folder / "outputs")
    code, out, _ = cli("report", folder)
    assert code == 0
    assert f"{n} finished runs without raw outputs: stability, disagreement and pictures leave them out." in out


@pytest.mark.parametrize("change", ["record", "leaderboard.md", "scores.csv", "report.html", "commands.txt"])
def test_what_is_changed_or_missing_is_written_anew(folder, cli, drawn, change):
    assert cli("report", folder)[0] == 0
    before = state_of(folder)
    drawn.clear()
    if change == "record":
        path = min((folder / "records").iterdir())
        path.write_text(path.read_text().replace('"acc": 0.', '"acc": 0.1'))
        os.utime(path, ns=(1, 1))
    elif change == "commands.txt":
        (folder / change).write_text("deepclustbench run another\n")
    else:
        (folder / change).unlink()
    assert cli("report", folder)[0] == 0
    assert drawn
    after = state_of(folder)
    assert set(after) >= set(before)
    if change == "record":
        assert after["leaderboard.csv"][0] != before["leaderboard.csv"][0]
    if change == "commands.txt":
        assert b"run another" in after["report.html"][0]


def test_an_option_that_asks_for_more_draws_again(folder, cli, drawn):
    assert cli("report", folder)[0] == 0
    drawn.clear()
    assert cli("report", folder, "--png")[0] == 0
    assert drawn
    assert any(name.endswith(".png") for name in state_of(folder))

"""A section, a plot and a metric of a package are one file each; one that fails leaves the rest of the report whole."""

import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from bench.metrics import METRICS_VERSION
from bench.metrics.plugins import installed_metrics
from bench.records.record import Record
from bench.records.results import collect
from bench.records.store import Run
from bench.report.build import boards_of, report_of, with_between_runs
from bench.report.formats.markdown import render_markdown
from bench.report.section import all_sections, built_in_sections, installed_sections
from bench.report.write import write_report

SPREAD = """
import pandas as pd

from bench.report.document import Column, Sentence, Table
from bench.report.section import Section
from bench.report.values import Name, Number


class Spread(Section):
    name = "spread"
    title = "Spread of the scores"
    place = 25

    def rows(self, runs):
        spread = runs.frame.groupby("title")[runs.metric.name].agg(lambda x: x.max() - x.min())
        return spread.rename("spread").reset_index()

    def table(self, rows):
        columns = (Column("method", words=True), Column("largest less smallest"))
        return Table("Spread", columns, tuple((Name(r.title), Number(r.spread)) for r in rows.itertuples()))

    def sentences(self, rows):
        return [Sentence(f"The widest spread is that of {rows.loc[rows['spread'].idxmax(), 'title']}.")]


section = Spread()
"""

PLOT = """
import pandas as pd
from matplotlib.figure import Figure as Drawing

from bench.report.plots.figure import Figure
from bench.report.section import Section


class Line(Section):
    name = "line"
    title = "A line"

    def rows(self, runs):
        return pd.DataFrame({"x": [0, 1], "y": [0, 1]})

    def figures(self, rows, runs):
        drawing = Drawing(figsize=(3, 2))
        drawing.add_subplot().plot(rows["x"], rows["y"])
        return [Figure(NAME, "A line of " + runs.dataset, "A line from 0 to 1.", drawing)]


section = Line()
"""

METRIC = """
import numpy as np

from bench.metrics import Metric


def largest_share(labels):
    return np.bincount(labels[labels >= 0]).max() / len(labels)


metric = Metric(
    name="largest_share", function=largest_share, needs=("labels",), title="Largest share",
    greater_is_better=False, worst=1.0, best=0.0, on_boards=True,
)
"""


def record(variant, seed, score):
    return Record(
        key=f"{variant}-{seed}",
        dataset="digits",
        fingerprint="f" * 64,
        method=variant,
        version=1,
        preset="quick",
        variant=variant,
        title=variant.upper(),
        kind="deterministic",
        config=f"c-{variant}",
        seeded=True,
        twin=None,
        params={},
        seed=seed,
        status="ok",
        metrics={"acc": score},
        metrics_version=METRICS_VERSION,
        timings={"fit": 3.0},
        peak_memory=500.0,
        versions={"python": "3.11"},
        hardware={"device": "cpu", "processor": "a processor", "threads": 1},
        commit=None,
    )


@pytest.fixture
def run(tmp_path):
    """Six runs of two methods, and the suite that asked for them."""
    run = Run(tmp_path / "run")
    with run.lock():
        for variant, mean in (("dec", 0.7), ("kmeans", 0.6)):
            for seed in range(6):
                run.write(record(variant, seed, mean + seed**2 / 1000), {"labels": np.arange(8) % 3})
    (run.folder / "suite.toml").write_text(
        'name = "made"\npreset = "quick"\nmethods = ["dec"]\ndatasets = ["digits"]\nseeds = 6\n'
    )
    return run


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with one module, announced under a group of entry points."""

    def install(group, **modules):
        info = tmp_path / "packages" / "lab_report-1.0.dist-info"
        info.mkdir(parents=True)
        for name, content in modules.items():
            (info.parent / f"lab_{name}.py").write_text(textwrap.dedent(content))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-report\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = lab_{name}:{group[:-1]}" for name in modules)
        (info / "entry_points.txt").write_text(f"[deepclustbench.{group}]\n{lines}\n")
        monkeypatch.syspath_prepend(str(info.parent))
        forget()

    def forget():
        installed_sections.cache_clear()
        installed_metrics.cache_clear()

    yield install
    monkeypatch.undo()
    forget()
    for name in [name for name in sys.modules if name.startswith("lab_")]:
        del sys.modules[name]


def written_by(run):
    """Write the report, and return it with the text of its files."""
    report = write_report(collect([run], lambda _: []), run)
    names = ("leaderboard.md", "leaderboard.csv", "report.html")
    return report, {name: (run.folder / name).read_text() for name in names}


def test_a_section_of_a_package_is_in_every_format(install, run):
    install("sections", spread=SPREAD)
    report, files = written_by(run)
    names = [section.name for section in report.headline.sections]
    assert names.index("leaderboard") < names.index("spread") < names.index("metrics"), "at its place"
    for name in ("leaderboard.md", "report.html"):
        assert "Spread of the scores" in files[name]
        assert "The widest spread is that of DEC." in files[name]
    assert "| DEC | .025 |" in files["leaderboard.md"]
    back = pd.read_csv(run.folder / "tables" / "spread.csv")
    assert back["spread"].tolist() == pytest.approx([0.025, 0.025])
    assert list(back.columns) == ["board", "dataset", "title", "spread"]
    assert "tables/spread.csv" in report.files


@pytest.mark.figures
def test_a_plot_of_a_package_is_in_the_page(install, run):
    install("sections", line=PLOT.replace("NAME", '"line-of-mine"'))
    report, files = written_by(run)
    (figure,) = report.headline.section("line").parts[0].figures
    assert figure.svg.startswith(("<?xml", "<svg"))
    assert "line-of-mine" in files["report.html"]
    assert "A line from 0 to 1." in files["report.html"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("return spread.rename", "1 / 0; return spread.rename"), "ZeroDivisionError"),
        (("Name(r.title)", "r.title"), "AttributeError"),
        (("Number(r.spread)", "None"), "AttributeError"),
        (('"Spread", columns, tuple((Name', '"Spread", columns[:1], tuple((Name'), "ValueError"),
    ],
)
def test_a_section_that_fails_is_left_out_with_a_note_and_the_rest_is_whole(install, run, change, reason):
    _, before = written_by(run)
    (run.folder / "report.html").unlink()
    install("sections", spread=SPREAD.replace(*change))
    report, after = written_by(run)
    (note,) = report.notes
    assert note.startswith(f"Left out: section spread: {reason}")
    assert after["leaderboard.csv"] == before["leaderboard.csv"]
    assert after["leaderboard.md"].replace(" ", "").endswith(before["leaderboard.md"][-200:].replace(" ", ""))
    assert "Left out: section spread" in after["report.html"]
    assert not (run.folder / "tables" / "spread.csv").exists()


@pytest.mark.parametrize("name", ['"two words"', '"scores-fixed-digits"'])
def test_a_plot_that_no_page_can_hold_leaves_its_section_out(install, run, name):
    install("sections", line=PLOT.replace("NAME", name))
    report, files = written_by(run)
    assert report.headline.section("line") is None
    assert "Left out: section line" in report.notes[0]
    assert "Left out: section line" in files["leaderboard.md"]


def test_what_is_no_section_or_has_a_name_that_is_taken_is_a_line(install, run):
    install("sections", broken="import nowhere", other="section = 1", taken=SPREAD.replace('"spread"', '"verdict"', 1))
    assert all_sections() == built_in_sections()
    report, _ = written_by(run)
    broken, other, taken = report.notes
    assert "section broken = lab_broken" in broken
    assert "nowhere" in broken
    assert "it is of type int; write section = MySection()" in other
    assert "named 'verdict', as another section is; give it another name" in taken


def test_a_metric_of_a_package_is_in_the_report(install, run):
    install("metrics", share=METRIC)
    results = with_between_runs(collect([run], lambda _: []))
    text = render_markdown(report_of(results, boards_of(results), draw=False))
    assert "Largest share" in text
    assert "| .375 ± .000 |" in text, "three of eight points"
    write_report(collect([run], lambda _: []), run)
    assert pd.read_csv(run.folder / "scores.csv")["largest_share"].tolist() == [0.375] * 12


def test_a_file_of_a_section_that_is_gone_is_removed(install, run):
    install("sections", spread=SPREAD)
    written_by(run)
    assert (run.folder / "tables" / "spread.csv").is_file()
    before = (run.folder / "report.html").read_bytes()
    installed_sections.cache_clear()
    sys.modules["lab_spread"].section.rows = lambda runs: pd.DataFrame()
    written_by(run)
    assert (run.folder / "report.html").read_bytes() == before, "nothing that the report is made of has changed"
    (run.folder / "report.html").unlink()
    written_by(run)
    assert not (run.folder / "tables" / "spread.csv").exists()

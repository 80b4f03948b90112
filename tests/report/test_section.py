"""A section of a report is one file, ours or a package's."""

import io
import sys
import textwrap

import pandas as pd
import pytest

from bench.metrics.plugins import installed_metrics
from bench.report.formats.csv_files import scores_csv, section_files
from bench.report.formats.markdown import render_markdown
from bench.report.formats.page import render_page
from bench.report.section import built_in_sections, installed_sections
from tests.report.frames import printed, quick_like, report_on

SPREAD = """
import pandas as pd
from bench.report.document import Column, Sentence, Table
from bench.report.section import Section
from bench.report.values import Name, Number

class Spread(Section):
    name = "spread"
    title = "Spread over seeds"
    place = 25

    def rows(self, runs):
        summary = runs.summary
        return summary.assign(spread=summary["q3"] - summary["q1"])[["title", "spread"]]

    def table(self, rows):
        written = tuple((Name(row.title), Number(row.spread)) for row in rows.itertuples())
        return Table("Interquartile range", (Column("method", words=True), Column("range")), written)

    def sentences(self, rows):
        return [Sentence(f"{rows['title'][rows['spread'].argmax()]} varies most.")]

section = Spread()
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with these entry points of one group and these modules."""

    def install(group, *entry_points, **modules):
        for name, content in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(content))
        info = tmp_path / "lab_report-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-report\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n" + "\n".join(entry_points) + "\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        installed_sections.cache_clear()
        installed_metrics.cache_clear()

    before = set(sys.modules)
    yield install
    installed_sections.cache_clear()
    installed_metrics.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("lab_"):
            del sys.modules[name]


def test_a_section_of_a_package_is_in_every_format_in_its_place(install, tmp_path):
    install("deepclustbench.sections", "spread = lab_spread:section", lab_spread=SPREAD)
    report = report_on(quick_like(), tmp_path)
    names = [section.name for section in report.headline.sections]
    assert names.index("leaderboard") < names.index("spread") < names.index("metrics")
    markdown = render_markdown(report)
    assert "## Spread over seeds\n\n### digits\n\n- VAE+KMeans varies most." in markdown
    assert "| KMeans | .009 |" in markdown
    page = render_page(report, "abc")
    assert "Spread over seeds" in page
    assert "varies most." in page
    back = pd.read_csv(io.StringIO(dict(section_files(report))["tables/spread.csv"]))
    assert back.set_index("title").loc["KMeans", "spread"] == pytest.approx(0.009)
    assert list(back.columns[:2]) == ["board", "dataset"]
    assert "varies most." in printed(report, verbose=True)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (SPREAD.replace('summary["q3"]', 'summary["q5"]'), "Left out: section spread: KeyError: 'q5'."),
        ("import no_such_module", "no module 'no_such_module'"),
        ("section = 3", "it is of type int; write section = MySection()"),
        (SPREAD.replace('name = "spread"', 'name = "leaderboard"'), "it is named 'leaderboard', as another section is"),
        (SPREAD.replace('name = "spread"', 'name = "../x"'), "it needs a name"),
        ("raise SystemExit(1)", "it cannot be imported (SystemExit"),
    ],
)
def test_a_faulty_section_is_left_out_with_a_note_and_the_rest_is_whole(install, tmp_path, module, why):
    whole = report_on(quick_like(), tmp_path)
    install("deepclustbench.sections", "spread = lab_spread:section", lab_spread=module)
    report = report_on(quick_like(), tmp_path)
    (note,) = report.notes
    assert why in note
    assert [section.name for section in report.headline.sections] == [s.name for s in whole.headline.sections]
    assert render_page(report, "abc")
    assert "Left out" in render_markdown(report)
    assert dict(section_files(report)) == dict(section_files(whole))


def test_built_in_sections_are_found_by_themselves_and_each_has_its_place():
    sections = built_in_sections()
    assert [section.name for section in sections[:3]] == ["verdict", "contrasts", "leaderboard"]
    assert sections[-1].name == "provenance"
    assert len({section.place for section in sections}) == len(sections)


def test_a_metric_of_a_package_is_in_the_report(install, tmp_path):
    metric = """
    from bench.metrics import Metric

    def purity(labels, classes):
        return 0.5

    metric = Metric(name="purity", title="Purity", function=purity, needs=("labels", "classes"), worst=0.0, best=1.0)
    """
    install("deepclustbench.metrics", "purity = lab_purity:metric", lab_purity=metric)
    frame = quick_like()
    frame["purity"] = frame["acc"] / 2
    report = report_on(frame, tmp_path)
    markdown = render_markdown(report)
    assert "| Purity |" in markdown
    assert ".396 ± .003" in markdown
    assert "Purity" in render_page(report, "abc")
    assert "purity" in scores_csv(frame).splitlines()[0]
    assert "purity_mean" in dict(section_files(report))["leaderboard.csv"].splitlines()[0]

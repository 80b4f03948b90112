"""The page: what it says, what it escapes, what it refuses."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files

import pandas as pd
import pytest

from bench.report.citation import bibtex
from bench.report.document import Board, Column, Content, Part, Report, Sentence, Table, figures_of
from bench.report.formats.page import digest_in, embed_svg, render_page
from bench.report.plots.figure import Figure
from bench.report.values import Absent, Code, Name, Number

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 5">{}</svg>'
VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """All elements with their attributes, all text that is shown, and whether every tag closes."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open, self.raw = [], [], [], {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        elif "template" not in self.open:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def with_class(self, name):
        return [attributes for _, attributes in self.elements if name in attributes.get("class", "").split()]


def report_of(*parts, name="s", title="A section", **content):
    """A report of one section."""
    return Report("title", "", (Board("fixed", "Fixed", "", (Content(name, title, parts, **content),)),))


def part(dataset="digits", **content):
    return Part(dataset, pd.DataFrame(), **content)


def only(*figures):
    return report_of(part(figures=figures))


def with_table(*values):
    return report_of(part(tables=(Table("t", tuple(Column(f"c{i}") for i in range(len(values))), (values,)),)))


def drawn(inside, svg=SVG):
    return Figure("f", "title", "alt", svg.format(inside))


@pytest.fixture(scope="module")
def html(report):
    return render_page(report, "abc123")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_same_report_gives_the_same_bytes(report, html):
    assert render_page(report, "abc123") == html


def test_a_page_says_what_it_was_made_from(html, tmp_path):
    path = tmp_path / "report.html"
    assert digest_in(path) == ""
    path.write_text(html, encoding="utf-8")
    assert digest_in(path) == "abc123"


def test_every_tag_closes_and_every_id_is_one_element_only(page):
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_reference_within_the_page_has_its_target(page):
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for _, attributes in page.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(key, "").split()) <= ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids
        for reference in re.findall(r"url\(#([^)]+)\)", " ".join(str(value) for value in attributes.values())):
            assert reference in ids


def test_the_answer_comes_first_then_the_sections_the_oracle_after_all_other_results(report, html):
    landmarks = [
        '<header class="answer"',
        'id="figure-fixed-forest:title"',
        'id="contrasts"',
        'id="leaderboard"',
        'id="error_detection"',
        'id="pictures"',
        'id="label-free"',
        'id="oracle"',
        'id="reading"',
        'id="provenance"',
        'id="files"',
        'id="cite"',
    ]
    places = [html.index(landmark) for landmark in landmarks]
    assert places == sorted(places)
    answer = "".join(Page(html[: html.index("</header>") + 9].split("</head>")[1]).text)
    for sentence in report.headline.section("verdict").parts[0].sentences:
        assert sentence.text in " ".join(answer.split())


def test_every_sentence_note_cell_and_alternative_text_is_in_the_page(report, page):
    def squeeze(text):
        return " ".join(re.sub("[\u202a-\u202e]", " ", text).split())

    said = squeeze(" ".join(page.text))
    parts = [part for board in report.boards for section in board.sections for part in section.parts]
    texts = [board.note for board in report.boards[1:]] + list(report.notes)
    texts += [text for part in parts for text in (*(s.text for s in part.sentences), *part.notes)]
    texts += [" ".join(value.text for value in row) for part in parts for table in part.tables for row in table.rows]
    texts += [figure.alt for figure in figures_of(report)]
    assert [text for text in texts if squeeze(text) not in said] == []


def test_a_section_is_open_where_it_is_news_and_folded_to_its_claim_elsewhere(report, page):
    folds = {attributes["id"]: "open" in attributes for attributes in page.with_class("section")}
    headline = {section.name: section.news for section in report.headline.sections}
    assert {name: folds[name] for name in headline if name in folds} == {
        name: news for name, news in headline.items() if name not in ("verdict", "health")
    }
    assert not any(folds[board.name] for board in report.boards[1:])
    fold = Page(render_page(report_of(part(sentences=(Sentence("All is well.", "p = .5"),), notes=("n",))))).text
    assert "".join(fold).count("All is well.") == 2  # in the summary, and inside with its numbers
    assert "".join(fold).count("p = .5") == 1


def test_a_claim_that_needs_its_numbers_is_folded_to_both():
    text = "".join(Page(render_page(report_of(part(sentences=(Sentence("A vs B:", "p = .5."),), notes=("n",))))).text)
    assert "A vs B: p = .5." in text


def test_a_section_of_one_sentence_is_a_line_and_no_fold(page):
    assert "health" in [attributes["id"] for attributes in page.with_class("line")]
    assert "".join(page.text).count("All 80 runs finished. None collapsed.") == 1


def test_headings_have_ids_that_can_be_read_and_links_to_themselves(page):
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [attributes["href"][1:] for attributes in page.with_class("anchor")]
    assert {"contrasts", "leaderboard-digits", "leaderboard-digits-table", "oracle-leaderboard-usps"} <= ids
    assert len(links) == len(set(links)) == sum(len(page.all(f"h{level}")) for level in (2, 3, 4, 5))


def test_the_oracle_alone_is_marked_as_an_upper_bound(page):
    assert [attributes["id"] for attributes in page.with_class("oracle")] == ["oracle"]
    assert len(page.with_class("label")) == 1


def test_a_report_of_the_oracle_alone_is_marked_at_its_top():
    page = Page(render_page(Report("t", "", (Board("oracle", "Chosen with the labels", "note", ()),))))
    assert [attributes["id"] for attributes in page.with_class("oracle")] == ["top"]


def test_every_figure_stands_in_the_page_once_with_a_name_and_a_description(report, page):
    names = [figure.name for figure in figures_of(report)]
    drawings = page.all("svg")
    assert sorted(d["aria-labelledby"] for d in drawings) == sorted(f"figure-{name}:title" for name in names)
    assert sorted(d["aria-describedby"] for d in drawings) == sorted(f"figure-{name}:alt" for name in names)
    assert all(drawing["role"] == "img" for drawing in drawings)


def test_the_pictures_of_a_method_are_one_fold_with_its_note():
    figures = [Figure(name, name, "alt", SVG.format(""), group, "Seed 4.") for name, group in (("a", "S"), ("b", "S"))]
    page = Page(render_page(only(*figures, Figure("c", "c", "alt", SVG.format(""), "KMeans"))))
    assert len(page.with_class("group")) == 2
    assert "".join(page.text).count("Seed 4.") == 1


def test_tables_after_the_first_and_tall_figures_are_folded_to_their_titles():
    tables = tuple(Table(title, (Column("c"),), ((Name("x"),),)) for title in ("one", "two"))
    tall = Figure("f", "A tall figure", "alt", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="900"/>')
    page = Page(render_page(report_of(part(tables=tables, figures=(tall,)))))
    assert len(page.with_class("group")) == 2


def test_the_numbers_beside_the_rows_of_a_chart_are_listed_for_narrow_screens(report):
    drawing = embed_svg(report.headline.section("verdict").parts[0].figures[0])
    assert drawing.svg.count('class="beside"') == 3
    assert drawing.drawn < drawing.width == 820
    assert drawing.listed == ("S-DEC: .000", "VaDE: .001", "VAE+KMeans: .002")


def test_only_long_tables_have_a_filter(report, page):
    boards = [board.sections for board in report.boards]
    tables = [table for sections in boards for section in sections for part in section.parts for table in part.tables]
    lengths = {len(table.rows) for table in tables}
    marked = sum("data-filter" in attributes for attributes in page.with_class("table"))
    assert marked == sum(len(table.rows) > 12 for table in tables)
    assert min(lengths) <= 12 < max(lengths)


def test_words_are_on_the_left_and_numbers_are_not(page):
    row = next(i for i, (tag, a) in enumerate(page.elements) if tag == "table" and "with noise" in a["aria-label"])
    headings = [attributes.get("class") for tag, attributes in page.elements[row + 1 :][:12] if tag == "th"]
    assert headings[:9] == ["words", None, "words", None, None, None, None, None, "words"]


@pytest.mark.parametrize(
    ("value", "attributes"),
    [
        (Number(0.5), {"data-number": "0.5"}),
        (Name('A"b'), {"data-word": 'a"b'}),
        (Absent(), {}),
        (Number(float("nan")), {}),
    ],
)
def test_a_cell_carries_what_it_is_sorted_by(value, attributes):
    (cell,) = Page(render_page(with_table(Name("x"), value))).all("td")
    assert cell == attributes


def test_a_command_is_code():
    (code, _) = Page(render_page(with_table(Code("deepclustbench run quick")))).all("code")
    assert code == {"class": "command"}


def test_each_section_links_its_numbers_and_the_page_its_files_if_they_are_beside_it(page):
    links = {attributes["href"] for attributes in page.all("a") if attributes["href"][0] != "#"}
    assert links == {
        *("contrasts.csv", "leaderboard.csv", "tables/metrics.csv", "tables/error_detection.csv"),
        *("leaderboard.md", "scores.csv"),
    }


def test_the_page_says_how_to_cite(page):
    assert bibtex() in "".join(page.text)
    assert "https://github.com/deepclustbench/deepclustbench" in bibtex()


HOSTILE = ("</script><script>x</script>", '"><img src=x onerror=y>', "{{ 7 * 7 }}", "<!--", "]]>", "&lt;")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_plugin_becomes_markup(text):
    def report_with(word):
        tables = (Table(word, (Column(word, True), Column("b")), ((Name(word), Code(word)),) * 13),) * 2
        figures = tuple(Figure(f, word, word, SVG.format(""), group, word) for f, group in (("f", ""), ("g", word)))
        parts = tuple(part(d, sentences=(Sentence(word, word),), tables=tables, notes=(word,)) for d in ("d", "e"))
        drawn_part = part(word, figures=figures)
        content = (Content("s", word, (*parts, drawn_part), csv=word), Content("verdict", word, parts))
        boards = (Board("fixed", word, word, content), Board("oracle", word, word, ()))
        return Report(word, word, boards, (word,), (word,))

    hostile, tame = Page(render_page(report_with(text))), Page(render_page(report_with("ta me")))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in tame.elements]
    assert "".join(hostile.text).count(text) == "".join(tame.text).count("ta me") > 20


def test_a_name_cannot_turn_the_numbers_beside_it_around_nor_break_the_file():
    html = render_page(Report("a\u202eb\u2066c\x00d\ud800e\u200ff", "", ()))
    assert "<h1>a b c d?e\u200ff</h1>" in html
    html.encode("utf-8")


def test_the_policy_lets_the_pages_own_script_and_style_run_and_nothing_else(page):
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    def hashed(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == hashed(page.raw["script"])
    assert rules["style-src-elem"] == hashed(page.raw["style"])
    assert rules["img-src"] == "data:"
    assert len(page.all("script")) == len(page.all("style")) == 1


def test_nothing_in_the_page_points_outside_it(html, page):
    for tag, attributes in page.elements:
        for key in ("src", "href", "action", "data"):
            inside = attributes.get(key, "#")[:1] == "#" or attributes[key] == "data:,"
            beside = tag == "a" and re.fullmatch(r"(tables/)?[a-z_]+\.\w+", attributes.get(key, ""))
            assert inside or beside, (tag, attributes)
    assert "http" not in page.raw["style"] + page.raw["script"]
    assert re.findall(r"https://[^}<]*", html) == ["https://github.com/deepclustbench/deepclustbench"]


REFUSED = {
    "script": "<script>x</script>",
    "foreign content": "<foreignObject/>",
    "html": '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
    "event handler": '<path onclick="x"/>',
    "event handler in capitals": '<path ONLOAD="x"/>',
    "link": '<a href="#x"/>',
    "script in a link": '<use href="javascript:x"/>',
    "script in a link with spaces": '<use xlink:href="java&#10;script:x"/>',
    "reference out": '<use xlink:href="https://example.org/a.svg#b"/>',
    "picture from outside": '<image href="https://example.org/a.png"/>',
    "picture that is a document": '<image href="data:image/svg+xml;base64,AAAA"/>',
    "animation of a link": '<set attributeName="href" to="x"/>',
    "paint from outside": '<path fill="url(https://example.org#a)"/>',
    "style from outside": '<path style="fill: url(//example.org#a)"/>',
    "style in disguise": '<path style="fill: u\\72l(//example.org#a)"/>',
    "a cover over the page": '<svg style="position: fixed; inset: 0"/>',
    "style sheet": "<style>.answer { display: none }</style>",
    "style sheet for all of the page": "<style>* { fill: red } body { display: none }</style>",
    "not xml": "<path>",
}


@pytest.mark.parametrize("inside", REFUSED.values(), ids=REFUSED)
def test_a_figure_that_could_run_load_or_restyle_is_refused(inside):
    with pytest.raises(ValueError, match="figure 'f'"):
        render_page(only(drawn(inside)))


@pytest.mark.parametrize(
    ("svg", "why"),
    [
        ('<svg viewBox="0 0 1 1"/>', "root"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "no size"),
        ('<svg xmlns="http://www.w3.org/2000/svg" width="0" height="5"/>', "zero"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>', "entities"),
        ("", "no element"),
    ],
)
def test_what_is_no_drawing_of_some_size_is_refused(svg, why):
    with pytest.raises(ValueError, match=why):
        render_page(only(Figure("f", "title", "alt", svg)))


def test_two_figures_of_one_name_are_refused_and_so_is_a_name_that_is_no_file_stem():
    with pytest.raises(ValueError, match="two figures"):
        render_page(only(drawn(""), drawn("")))
    with pytest.raises(ValueError, match="letters, digits"):
        render_page(only(dataclasses.replace(drawn(""), name="a b")))


def test_figures_do_not_share_ids_even_when_one_tool_drew_them_all():
    inside = (
        '<defs><clipPath id="p"/><path id="g" d=""/></defs><use href="#g" clip-path="url(#p)"/>'
        '<path style="clip-path: url(\'#p\')" class="answer"/>'
    )
    html = render_page(only(drawn(inside), dataclasses.replace(drawn(inside), name="g")))
    for name in ("f", "g"):
        assert f'id="figure-{name}:p"' in html
        assert f'href="#figure-{name}:g"' in html
        assert html.count(f"url(#figure-{name}:p)") == 2
    assert html.count('class="answer"') == 1  # the page's own


@pytest.mark.figures
def test_a_figure_of_matplotlib_comes_into_the_page_by_way_of_export():
    from matplotlib.figure import Figure as MatplotlibFigure

    canvas = MatplotlibFigure(figsize=(6, 3))
    axes = canvas.add_subplot(title="title <&>")
    axes.plot([1, 2, 3], label="a")
    axes.imshow([[0, 1], [1, 0]])
    axes.legend()
    html = render_page(only(Figure("f", "title", "alt", canvas)))
    (svg,) = Page(html).all("svg")
    assert (svg["width"], svg["height"]) == ("576", "288")  # 6 in by 3 in, in CSS pixels
    assert "stroke-linejoin: round" in svg["style"]
    assert "metadata" not in html
    assert "data:image/png;base64," in html


def test_an_empty_report_is_a_page_too():
    page = Page(render_page(Report("nothing yet", "", ())))
    assert page.open == []
    assert "nothing yet" in page.text


def test_what_the_page_is_made_of_is_package_data():
    assert {"page.html.jinja", "page.css", "page.js"} <= {path.name for path in files("bench.report.formats").iterdir()}

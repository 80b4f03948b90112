"""The page: what it says, what it escapes, what it refuses."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from bench.report.document import Board, Figure, Pictures, Report, Section, TextTable, figures_of
from bench.report.formats.page import render_page

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 5">{}</svg>'
VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """All elements with their attributes, all text outside style and script, and whether every tag closes."""

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
        else:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def with_class(self, name):
        return [attributes for _, attributes in self.elements if name in attributes.get("class", "").split()]


def only(*figures):
    """A report of one section that holds these figures."""
    return Report("title", "", (), (), (Board("fixed", "Fixed", "", (Section("digits", (), figures=figures),)),))


def drawn(inside, svg=SVG):
    return Figure("f", "title", "alt", svg.format(inside))


@pytest.fixture(scope="module")
def html(report):
    return render_page(report)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_same_report_gives_the_same_bytes(report, html):
    assert render_page(report) == html


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


def test_the_answer_comes_first_then_the_boards_the_oracle_last_then_findings_and_pictures(report, html):
    landmarks = [
        '<header class="answer">',
        '<section class="overall"',
        'id="title-overall"',
        'id="board-fixed"',
        'id="board-label-free"',
        'id="board-oracle"',
        'id="board-findings"',
        'id="pictures"',
        'id="reading"',
        'id="provenance"',
    ]
    places = [html.index(landmark) for landmark in landmarks]
    assert places == sorted(places)
    header = Page(html[: html.index("</header>") + 9].split("</head>")[1]).text
    said = " ".join("".join(header).split())
    assert said == " ".join(["Skip to the results", report.title, report.subtitle, *report.answer])


def test_every_sentence_note_cell_and_alternative_text_is_in_the_page(report, page):
    def squeeze(text):
        return " ".join(re.sub("[\u202a-\u202e]", " ", text).split())

    said = squeeze(" ".join(page.text))
    for board in report.parts:
        assert squeeze(board.note) in said
        for section in board.sections:
            for text in (*section.headline, *section.notes):
                assert squeeze(text) in said
            for table in section.tables:
                for row in table.rows:
                    assert squeeze(" ".join(row)) in said
    for pictures in report.pictures:
        assert all(squeeze(figure.alt) in said for figure in pictures.figures)
    assert all(squeeze(value) in said for pair in report.provenance for value in pair)


def test_the_oracle_alone_is_marked_as_an_upper_bound_and_folded(page):
    assert [attributes["id"] for attributes in page.with_class("oracle")] == ["board-oracle"]
    assert len(page.with_class("label")) == 1
    assert all("open" not in attributes for attributes in page.all("details"))


def test_every_figure_stands_in_the_page_once_with_a_name_and_a_description(report, page):
    names = [figure.name for figure in figures_of(report)]
    drawings = page.all("svg")
    assert sorted(drawing["aria-labelledby"] for drawing in drawings) == sorted(f"title-{name}" for name in names)
    assert all(drawing["role"] == "img" for drawing in drawings)
    assert sorted(drawing["aria-describedby"] for drawing in drawings) == sorted(f"alt-{name}" for name in names)


def test_only_tables_of_more_than_six_rows_have_a_filter(report, page):
    tables = [table for board in report.parts for section in board.sections for table in section.tables]
    marked = ["data-filter" in attributes for attributes in page.with_class("table")]
    assert marked == [len(table.rows) > 6 for table in tables]


def test_words_are_on_the_left_and_numbers_are_not(page):
    row = page.elements.index(("table", {"aria-labelledby": "board-fixed-1-table-1", "data-sort": None}))
    headings = [attributes.get("class") for tag, attributes in page.elements[row + 1 :][:9] if tag == "th"]
    assert headings == ["words", None, "words", None, None, None, None]


@pytest.mark.parametrize(
    ("key", "attributes"),
    [
        (0.5, {"data-number": "0.5"}),
        (float("inf"), {"data-number": "Infinity"}),
        (float("-inf"), {"data-number": "-Infinity"}),
        ('a"b', {"data-word": 'a"b'}),
        (None, {}),
        (float("nan"), {}),
    ],
)
def test_a_cell_carries_what_it_is_sorted_by(key, attributes):
    table = TextTable("t", ("a", "b"), (("x", "y"),), ((None, key),))
    (cell,) = Page(render_page(with_table(table))).all("td")
    assert cell == attributes


def with_table(table):
    return Report("title", "", (), (), (Board("fixed", "Fixed", "", (Section("digits", (), (table,)),)),))


def test_a_table_without_keys_is_not_sortable():
    (table,) = Page(render_page(with_table(TextTable("t", ("a",), (("x",),))))).all("table")
    assert "data-sort" not in table


@pytest.mark.parametrize("keys", [((1.0,), (2.0,)), ((1.0, 2.0),)])
def test_keys_of_another_shape_than_the_rows_are_refused(keys):
    with pytest.raises(ValueError, match="zip"):
        render_page(with_table(TextTable("t", ("a",), (("x",),), keys)))


HOSTILE = ("</script><script>x</script>", '"><img src=x onerror=y>', "{{ 7 * 7 }}", "<!--", "]]>", "&lt;")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_plugin_becomes_markup(text):
    def report_of(word):
        table = TextTable(word, (word, "b"), ((word, word),) * 7, ((word, word),) * 7)
        figure = Figure("f", word, word, SVG.format(""))
        section = Section(word, (word,), (table,), (word,), (figure,))
        boards = tuple(
            Board(name, word, word, (section if name == "fixed" else Section(word, ()),))
            for name in ("fixed", "oracle")
        )
        pictures = (Pictures(word, word, word, ()),)
        return Report(word, word, (word,), (), boards, pictures, (word,), ((word, word), ("command", word)))

    hostile, tame = Page(render_page(report_of(text))), Page(render_page(report_of("tame")))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in tame.elements]
    assert "".join(hostile.text).count(text) == "".join(tame.text).count("tame")


def test_a_name_cannot_turn_the_numbers_beside_it_around_nor_break_the_file():
    html = render_page(Report("a\u202eb\u2066c\x00d\ud800e\u200ff", "", (), (), ()))
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
            assert attributes.get(key, "#")[:1] == "#" or attributes[key] == "data:,", (tag, attributes)
    assert "http://" not in page.raw["style"] + page.raw["script"]
    assert "https://" not in html


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
    page = Page(render_page(Report("nothing yet", "", (), (), ())))
    assert page.open == []
    assert "nothing yet" in page.text


def test_what_the_page_is_made_of_is_package_data():
    assert {"page.html.jinja", "page.css", "page.js"} <= {path.name for path in files("bench.report.formats").iterdir()}

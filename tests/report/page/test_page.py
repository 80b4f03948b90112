"""The page: what it says, what it escapes, what it refuses."""

import base64
import dataclasses
import gzip
import hashlib
import io
import json
import re
import time
from html.parser import HTMLParser
from importlib.resources import files

import pandas as pd
import pytest

from bench.report.citation import bibtex
from bench.report.document import Board, Column, Content, Part, Report, Sentence, Table, figures_of
from bench.report.formats.latex import render_latex
from bench.report.formats.page import digest_in, render_page
from bench.report.plots.figure import Figure
from bench.report.values import Code, Name, Number, Value

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 5">{}</svg>'
VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """All elements with their attributes, all text outside style and script, and whether every tag closes."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open, self.raw, self.packed = [], [], [], {}, ""
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
        elif self.open and self.open[-1] == "template":
            self.packed += data
        else:
            self.text.append(data)

    def copies(self, name):
        """Return what the buttons of this name copy, by table."""
        return [copies[name] for copies in json.loads(gzip.decompress(base64.b64decode(self.packed)))]

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def with_class(self, name):
        return [attributes for _, attributes in self.elements if name in attributes.get("class", "").split()]


def only(*figures, tables=(), **content):
    """A report of one section that holds these figures and tables."""
    part = Part("digits", pd.DataFrame(), tables=tables, figures=figures)
    return Report("title", "", (Board("fixed", "Fixed", "", (Content("x", "X", (part,), **content),)),))


def drawn(inside, svg=SVG):
    return Figure("f", "title", "alt", svg.format(inside))


def contents(report):
    return [content for board in report.boards for content in board.sections]


def tables_of(report):
    return [table for content in contents(report) for part in content.parts for table in part.tables]


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


def test_the_answer_comes_first_then_the_sections_the_oracle_after_them_and_provenance_last(report, html):
    landmarks = [
        *('<header class="answer"', ":title", 'id="results"', 'id="contrasts"', 'id="leaderboard"', 'id="health"'),
        *('id="pictures"', 'id="label-free"', 'id="oracle"', 'id="reading"', 'id="provenance"', 'id="files"'),
        'id="cite"',
    ]
    places = [html.index(landmark) for landmark in landmarks]
    assert places == sorted(places)
    header = html[: html.index("</header>")]
    for sentence in report.headline.sections[0].parts[0].sentences:
        assert sentence.claim in header
    assert header.count("<svg") == 1


def test_every_sentence_note_cell_and_alternative_text_is_in_the_page(report, page):
    def squeeze(text):
        return " ".join(re.sub("[\u202a-\u202e]", " ", text).split())

    whole = squeeze(" ".join("".join(page.text).split()))
    for content in contents(report):
        for part in content.parts:
            for text in (*(sentence.text for sentence in part.sentences), *part.notes):
                assert squeeze(text) in whole
            assert all(squeeze(figure.alt) in whole for figure in part.figures)
            for table in part.tables:
                for row in table.rows:
                    assert squeeze(" ".join(value.text for value in row)) in whole
    for text in (*(board.note for board in report.boards), *report.notes, *report.files, bibtex()):
        assert squeeze(text) in whole


def test_the_oracle_alone_is_marked_as_an_upper_bound_and_folded(page):
    (oracle,) = page.with_class("oracle")
    assert (oracle["id"], "open" in oracle) == ("oracle", False)
    assert len(page.with_class("label")) == 1


def test_where_there_is_news_a_section_is_open_and_all_else_is_folded(page):
    folds = {attributes["id"]: "open" in attributes for attributes in page.with_class("section")}
    assert [name for name, is_open in folds.items() if is_open] == [
        *("leaderboard", "label-free-leaderboard", "oracle-leaderboard")
    ]
    assert len(folds) == 6 + 2 * (1 + 4) + 1  # of the first board; the others with theirs; the citation


def test_a_section_of_one_sentence_is_a_line_and_no_fold(page):
    assert [attributes["id"] for attributes in page.with_class("line")] == ["health", "files"]


def folded(*sentences):
    part = Part("", pd.DataFrame(), tuple(sentences), notes=("note",))
    return render_page(Report("t", "", (Board("fixed", "F", "", (Content("x", "X", (part,)),)),)))


def test_a_fold_shows_its_claim_or_all_of_a_sentence_whose_claim_alone_says_nothing():
    assert '<span class="lead">It is so.</span>' in folded(Sentence("It is so.", "Because."))
    assert '<span class="lead">A vs B: no difference.</span>' in folded(Sentence("A vs B:", "no difference."))


def test_every_heading_below_the_question_has_an_anchor_that_leads_to_it(page):
    headings = [tag for tag, _ in page.elements if tag in ("h2", "h3", "h4", "h5")]
    assert len(page.with_class("anchor")) == len(headings)
    ids = {attributes.get("id") for _, attributes in page.elements}
    readable = {"contrasts", "leaderboard-digits", "leaderboard-digits-table", "oracle-leaderboard-usps", "reading"}
    assert readable <= {attributes["href"][1:] for attributes in page.with_class("anchor")} | ids


def test_what_a_table_copies_as_latex_is_what_the_latex_file_holds(report, page):
    cited = [table for table in tables_of(report) if table.cite]
    written = render_latex(report).replace("\u202e", " ")
    copies = page.copies("LaTeX")
    assert len(copies) == len(tables_of(report))
    assert all(text.startswith("\\begin{table}") for text in copies)
    assert sum(text in written for text in copies) == len(cited) > 0


def test_what_a_table_copies_as_csv_is_read_back_as_numbers(small_report):
    page = Page(render_page(small_report))
    copies = [text for text in page.copies("CSV") if text.startswith("method,runs,ACC,ACC sd,")]
    frame = pd.read_csv(io.StringIO(copies[0]))
    table = next(table for table in tables_of(small_report) if table.title.startswith("ACC, best"))
    assert list(frame["method"]) == [row[0].text for row in table.rows]
    assert frame["ACC"].dropna().tolist() == pytest.approx([row[2].value for row in table.rows[:-1]])
    assert frame["Δ low"].dropna().tolist() == pytest.approx([row[5].low for row in table.rows[1:-1]])


def test_a_section_links_the_file_of_its_numbers_and_nothing_that_is_no_file_beside_the_page(page):
    links = {attributes["href"] for attributes in page.all("a")}
    assert {"contrasts.csv", "leaderboard.csv", "tables/metrics.csv", "leaderboard.tex"} <= links
    for name in ("javascript:alert(1)", "//example.org/a.csv", "../../etc/passwd", "/etc/passwd"):
        assert name not in render_page(only(drawn(""), csv=name))


def test_figures_of_one_method_are_one_fold_within_their_data_set(report, page):
    groups = {(part.dataset, figure.group) for c in contents(report) for part in c.parts for figure in part.figures}
    assert len(page.with_class("group")) == len([group for group in groups if group[1]]) == 3 * 6


def test_a_command_is_set_as_code(html):
    table = Table("t", (Column("a", True),), ((Code("run --a"),),))
    assert '<code class="command">run --a</code>' in render_page(only(tables=(table,)))


def test_numbers_beside_the_rows_of_a_chart_are_a_list_too():
    row = '<text x="30" y="{y}" style="text-anchor: end">{name}</text><text x="80" y="{y}">{value}</text>'
    rows = row.format(y=10, name="DEC", value=".801") + row.format(y=40, name="VaDE", value=".748")
    chart = f'<path d="M 40 0 L 60 50" style="stroke: red"/>{rows}'
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50">{}</svg>'
    html = render_page(only(drawn(chart, svg)))
    assert re.findall("<li>(.*?)</li>", html) == ["DEC: .801", "VaDE: .748"]
    assert html.count('class="beside"') == 2
    without_names = render_page(only(drawn(chart.replace("text-anchor: end", ""), svg)))
    assert 'class="beside"' not in without_names


def test_the_digest_is_found_at_the_top_of_the_page(report, tmp_path):
    (tmp_path / "report.html").write_text(render_page(report, "abc123"), encoding="utf-8")
    assert digest_in(tmp_path / "report.html") == "abc123"


def test_a_page_without_figures_is_written_in_a_moment(report):
    bare = [
        dataclasses.replace(
            board,
            sections=tuple(
                dataclasses.replace(c, parts=tuple(dataclasses.replace(part, figures=()) for part in c.parts))
                for c in board.sections
            ),
        )
        for board in report.boards
    ]
    begin = time.process_time()
    render_page(dataclasses.replace(report, boards=tuple(bare)))
    assert time.process_time() - begin < 1


def test_every_figure_stands_in_the_page_once_with_a_name_and_a_description(report, page):
    names = [figure.name for figure in figures_of(report)]
    drawings = page.all("svg")
    assert sorted(drawing["aria-labelledby"] for drawing in drawings) == sorted(
        f"figure-{name}:title" for name in names
    )
    assert all(drawing["role"] == "img" for drawing in drawings)
    assert sorted(drawing["aria-describedby"] for drawing in drawings) == sorted(f"figure-{name}:alt" for name in names)


def test_only_long_tables_have_a_filter(page):
    marked = ["data-filter" in attributes for attributes in page.with_class("table")]
    assert 0 < sum(marked) < len(marked)
    for n_rows, filtered in ((12, False), (13, True)):
        table = Table("t", (Column("a"),), ((Name("x"),),) * n_rows)
        assert ("data-filter" in Page(render_page(only(tables=(table,)))).with_class("table")[0]) is filtered


def test_words_are_on_the_left_and_numbers_are_not():
    table = Table("t", (Column("a", words=True), Column("b")), ((Name("x"), Number(0.5)),))
    page = Page(render_page(only(tables=(table,))))
    assert [attributes.get("class") for attributes in page.all("th") + page.all("td")] == ["words", None, "words", None]


class Keyed(Value):
    """A cell that is sorted by a key of its own."""

    def __init__(self, key):
        self._key = key

    text = "y"
    key = property(lambda self: self._key)


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
    table = Table("t", (Column("a"), Column("b")), ((Name("x"), Keyed(key)),))
    (cell,) = Page(render_page(only(tables=(table,)))).all("td")
    assert cell == attributes


HOSTILE = ("</script><script>x</script>", '"><img src=x onerror=y>', "{{ 7 * 7 }}", "<!--", "]]>", "&lt;")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_plugin_becomes_markup(text):
    def report_of(word):
        table = Table(word, (Column(word), Column("b")), ((Name(word), Code(word)),) * 13)
        figures = (Figure("f", word, word, SVG.format("")), Figure("g", word, word, SVG.format(""), word, word))
        part = Part(word, pd.DataFrame(), (Sentence(word, word),), (table,), (word,), figures)
        boards = [
            Board(name, word, word, (Content(word, word, (part,) if name == "fixed" else ()),))
            for name in ("fixed", "oracle")
        ]
        return Report(word, word, tuple(boards), (word,), ("a.csv",))

    hostile, tame = Page(render_page(report_of(text))), Page(render_page(report_of("tame")))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in tame.elements]
    assert "".join(hostile.text).count(text) == "".join(tame.text).count("tame")


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
            value = attributes.get(key, "#")
            beside = re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", value)
            assert value[:1] == "#" or value == "data:," or (tag == "a" and beside), (tag, attributes)
    assert "http" not in page.raw["style"] + page.raw["script"]
    assert html.count("https://") == bibtex().count("https://") == 1


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
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    found = []
    for drawing in drawings:
        ((clip,), (shape,)) = (re.findall(rf'<{name} id="([^"]+)"', drawing) for name in ("clipPath", "path"))
        assert f'href="#{shape}"' in drawing
        assert drawing.count(f"url(#{clip})") == 2
        found += [clip, shape]
    assert len(drawings) == 2
    assert len(set(found)) == 4
    assert html.count('class="answer"') == 1  # the page's own


def test_a_style_is_written_once_for_all_figures_and_one_with_brackets_stays_where_it_is():
    inside = '<path style="fill: #fff"/><path style="fill: #fff"/><path style="fill: red } body { display: none"/>'
    page = Page(render_page(only(drawn(inside), dataclasses.replace(drawn(inside), name="g"))))
    first, second, own = page.all("path")[:3]
    assert first == second == page.all("path")[3]
    assert f".{first['class']} {{ fill: #fff }}\n" in page.raw["style"]
    assert own == {"style": "fill: red } body { display: none"}
    assert "fill: red" not in page.raw["style"]


@pytest.mark.parametrize(("n_sentences", "n_shown"), [(12, 12), (13, 3)])
def test_of_many_answers_the_first_three_are_shown_and_the_others_folded(n_sentences, n_shown):
    part = Part("", pd.DataFrame(), sentences=tuple(Sentence(f"Claim {i}.") for i in range(n_sentences)))
    html = render_page(Report("title", "", (Board("fixed", "Fixed", "", (Content("verdict", "V", (part,)),)),)))
    shown, *folded = html[html.index("<h1") : html.index("</header>")].split("<details")
    assert shown.count("Claim") == n_shown
    assert "".join(folded).count("Claim") == n_sentences - n_shown
    assert f"{n_sentences - 3} more answers, by data set" in "".join(folded) or not folded


@pytest.mark.figures
def test_a_figure_of_matplotlib_comes_into_the_page():
    from matplotlib.figure import Figure as MatplotlibFigure

    canvas = MatplotlibFigure(figsize=(6, 3))
    axes = canvas.add_subplot(title="title <&>")
    axes.plot([1, 2, 3], label="a")
    axes.imshow([[0, 1], [1, 0]])
    axes.legend()
    html = render_page(only(Figure("f", "title", "alt", canvas)))
    (svg,) = Page(html).all("svg")
    assert (svg["width"], svg["height"]) == ("576", "288")  # 6 in by 3 in, in CSS pixels
    assert f".{svg['class']} {{ stroke-linejoin: round;" in Page(html).raw["style"]
    assert "metadata" not in html
    assert "data:image/png;base64," in html


def test_an_empty_report_is_a_page_too():
    page = Page(render_page(Report("nothing yet", "", ())))
    assert page.open == []
    assert "nothing yet" in page.text


def test_what_the_page_is_made_of_is_package_data():
    assert {"page.html.jinja", "page.css", "page.js"} <= {path.name for path in files("bench.report.formats").iterdir()}

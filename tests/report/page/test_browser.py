"""The page in a browser: what readers see and can do, and that nothing runs or loads but the page itself."""

import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest

from bench.report.citation import bibtex
from bench.report.document import figures_of
from bench.report.formats.csv_files import table_csv
from bench.report.formats.latex import caption_of, latex_table
from bench.report.formats.page import render_page
from tests.report.page.conftest import COMMAND

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TABLE = "#leaderboard-digits-table"  # sixteen methods, one of them without a score
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
OPEN_ALL = "for (const details of document.querySelectorAll('details')) details.open = true"
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture(scope="module")  # not longer: while it is open, an event loop runs that other tests would meet
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser on the path: {', '.join(BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def addresses(report, small_report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for name, written in (("large", report), ("small", small_report)):
        (folder / f"{name}.html").write_text(render_page(written), encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in ("large", "small")}


@pytest.fixture
def visit(browser, addresses):
    """Open a page; afterwards, nothing may have gone wrong, loaded or run."""
    contexts, complaints, requests, opened = [], [], [], set()

    def open_page(viewport=WIDE, reduced_motion="reduce", name="large", at="", **options):
        context = browser.new_context(viewport=viewport, reduced_motion=reduced_motion, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(addresses[name] + at)
        opened.add(unquote(addresses[name]))
        return page

    yield open_page
    hacked = [page.evaluate("window.__hacked") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert complaints == []
    assert {unquote(url.split("#")[0]) for url in requests} - {"data:,"} == opened
    assert hacked == [None] * len(hacked)


def column(page, name, table=TABLE):
    """Texts of a column, of the rows that are shown, from top to bottom."""
    headings = page.locator(f"{table} thead th").all_inner_texts()
    index = [heading.strip() for heading in headings].index(name) + 1
    return page.locator(f"{table} tbody tr:visible > :nth-child({index})").all_inner_texts()


def means(page):
    return [None if text == "–" else float(text.split(" ")[0]) for text in column(page, "ACC ± sd")]


def test_hostile_names_are_shown_and_do_not_run(visit):
    page = visit()
    assert page.locator("#leaderboard").get_by_text("</script><script>window.__hacked = 1").count() > 0
    assert page.title() == "Does stochasticity help? Sixteen methods on three data sets"


def test_the_policy_keeps_a_script_that_is_not_the_pages_own_from_running(browser, report):
    page = browser.new_page()
    page.set_content(render_page(report).replace("</main>", "<script>window.__hacked = 3</script></main>"))
    assert page.evaluate("window.__hacked") is None
    page.close()


def test_the_first_screen_holds_the_answer_and_its_figure(visit):
    page = visit(name="small")
    verdict, figure = page.locator("header li").first.bounding_box(), page.locator("header figure").bounding_box()
    assert verdict["y"] + verdict["height"] <= figure["y"]
    assert figure["y"] + figure["height"] < WIDE["height"]


def test_a_report_of_one_data_set_is_less_than_five_screens_and_no_table_is_wider_than_its_page(visit):
    page = visit(name="small")
    assert page.evaluate("document.documentElement.scrollHeight") < 4000
    page.evaluate(OPEN_ALL)
    assert page.locator(".table").count() == page.locator(".table:visible").count() == 6
    assert page.locator(".scroll").evaluate_all("all => all.filter((b) => b.scrollWidth > b.clientWidth).length") == 0
    assert page.locator(".aside").count() == 0


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_page_never_scrolls_sideways(visit, viewport):
    page = visit(viewport)
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.body.scrollWidth <= innerWidth")
        page.evaluate(OPEN_ALL)
    if viewport is WIDE:
        boxes = page.locator(".scroll")
        assert boxes.evaluate_all("all => all.filter((b) => b.scrollWidth > b.clientWidth + 1).length") == 0


def test_a_phone_shows_fewer_columns_and_all_of_them_on_demand(visit):
    page = visit(NARROW, name="small")
    headings = page.locator(f"{TABLE} thead th")
    shown = headings.locator("visible=true").count()
    assert shown < headings.count() == 7
    more = page.locator(f"{TABLE} .more")
    assert more.inner_text() == f"{7 - shown} more columns"
    more.click()
    assert headings.locator("visible=true").count() == 7
    box = page.locator(f"{TABLE} .scroll")
    box.evaluate("box => box.scrollTo(150, 0)")
    first = page.locator(f"{TABLE} tbody th").first.bounding_box()
    assert first["x"] == pytest.approx(box.bounding_box()["x"], abs=1)  # names stay in view
    more.click()
    assert headings.locator("visible=true").count() == shown


def test_on_a_phone_a_chart_fills_the_width_and_the_numbers_beside_its_rows_are_below_it(visit):
    page = visit(NARROW, name="small")
    figure = page.locator("header figure")
    chart, listed = figure.locator(".frame").bounding_box(), figure.locator(".points")
    assert chart["width"] > 350
    assert figure.locator("svg .beside:visible").count() == 0
    assert listed.locator("li").all_inner_texts() == ["S-DEC: .000", "VaDE: .001", "VAE+KMeans: .002"]
    assert listed.bounding_box()["y"] >= chart["y"] + chart["height"]
    wide = visit(WIDE, name="small").locator("header figure")
    assert wide.locator("svg .beside:visible").count() == 3
    assert not wide.locator(".points").is_visible()


def test_a_click_sorts_numbers_up_and_another_down_and_what_is_missing_stays_last(visit):
    page = visit()
    heading = page.locator(f"{TABLE} thead th").filter(has_text="ACC ± sd")
    page.locator(f"{TABLE} thead button").first.click()
    before = means(page)
    numbers = sorted(value for value in before if value is not None)
    assert before[0] is None  # the method without a score: by its name it goes first
    assert numbers != before[1:]
    heading.locator("button").click()
    assert means(page) == [*numbers, None]
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    assert means(page) == [*reversed(numbers), None]
    assert heading.get_attribute("aria-sort") == "descending"


def test_rows_that_are_equal_keep_their_order_and_one_column_alone_is_named_as_sorted(visit):
    page = visit()
    names = column(page, "method")
    page.locator(f"{TABLE} thead button").filter(has_text="ACC ± sd").click()
    by_mean = column(page, "method")
    page.locator(f"{TABLE} thead button").filter(has_text="runs").click()
    assert column(page, "method") == [names[-1], *(name for name in by_mean if name != names[-1])]
    assert page.locator(f"{TABLE} th[aria-sort]").all_inner_texts() == ["runs"]


def test_the_keyboard_folds_and_sorts(visit):
    page = visit(name="small")
    page.locator("#contrasts > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#contrasts").get_attribute("open") == ""
    page.keyboard.press("Space")
    assert page.locator("#contrasts").get_attribute("open") is None
    page.locator(f"{TABLE} .scroll").focus()
    for _ in range(3):  # the third heading
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    heading = page.locator(f"{TABLE} thead th").nth(2)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.textContent") == "ACC ± sd"
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"


def test_a_filter_keeps_the_rows_that_match_and_says_how_many(visit):
    page = visit()
    box, said = page.locator(f"{TABLE} input"), page.locator(f"{TABLE} .control output")
    assert said.inner_text() == "16 rows"
    box.fill("TAIL=T")
    assert len(column(page, "method")) == 3
    assert all("tail=t" in name for name in column(page, "method"))
    assert said.inner_text() == "3 of 16 rows"
    assert said.get_attribute("aria-live") == "polite"
    page.locator(f"{TABLE} thead button").first.click()
    assert len(column(page, "method")) == 3
    box.fill("nothing is named so")
    assert said.inner_text() == "0 of 16 rows"
    box.fill("")
    assert len(column(page, "method")) == 16


def test_what_is_folded_shows_its_claim_and_unfolds_by_a_click(visit):
    page = visit(name="small")
    assert page.locator("#metrics > summary").inner_text().split() == [
        "Other",
        "metrics",
        "¶",
        "Times",
        "on",
        "digits",
        "differ.",
    ]
    assert page.locator("#metrics table").is_hidden()
    page.locator("#metrics > summary").click()
    assert page.locator("#metrics table").is_visible()
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator("details.section:not([open])").count() == 0
    page.get_by_role("button", name="Fold all").click()
    assert page.locator("details.section[open]").count() == 0


def test_choosing_a_data_set_hides_the_others_on_every_leaderboard(visit):
    page = visit()
    page.evaluate("for (const fold of document.querySelectorAll('.section')) fold.open = true")
    page.get_by_role("combobox", name="Show").select_option(label="usps")
    shown = page.locator(".part[data-dataset]:visible")
    assert set(shown.evaluate_all("parts => parts.map((part) => part.dataset.dataset)")) == {"usps"}
    page.get_by_role("combobox", name="Show").select_option(label="all data sets")
    assert page.locator("#leaderboard .part:visible").count() == 3


def test_a_point_says_its_seed_and_value_under_the_pointer_and_by_the_arrow_keys(visit):
    page = visit(name="small")
    frame, tip = page.locator("#leaderboard .frame").first, page.locator(".tip")
    frame.scroll_into_view_if_needed()
    assert tip.is_hidden()
    frame.locator("circle").nth(7).hover()
    assert tip.inner_text() == "S-DEC, seed 7: ACC .707"
    assert frame.locator("title").count() == 0  # the browser shows no second text
    page.mouse.move(0, 0)
    assert tip.is_hidden()
    frame.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text() == "S-DEC, seed 1: ACC .701"
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_a_table_is_copied_as_latex_and_csv(visit, small_report):
    page = visit(name="small", **CLIPBOARD)
    table = small_report.headline.section("leaderboard").parts[0].tables[0]
    latex = latex_table(table, caption_of(table, "digits", "Fixed presets"))
    for name, expected in (("LaTeX", latex), ("CSV", table_csv(table))):
        page.locator(TABLE).get_by_role("button", name=f"Copy as {name}").click()
        page.locator(TABLE).get_by_text("copied").first.wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == expected
    assert page.locator(".table").count() == page.get_by_role("button", name="Copy as CSV", include_hidden=True).count()


def test_the_command_and_the_citation_are_copied_as_they_are(visit):
    page = visit(name="small", **CLIPBOARD)
    for fold, expected in (("#provenance", COMMAND), ("#cite", bibtex())):
        page.locator(f"{fold} > summary").click()
        page.locator(fold).get_by_role("button", name="Copy", exact=True).click()
        page.locator(fold).get_by_text("copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == expected


def test_a_link_to_what_is_folded_opens_it(visit):
    page = visit(at="#oracle-contrasts-usps-table")
    sync_api.expect(page.locator("#oracle-contrasts-usps-table h5")).to_be_in_viewport()
    page.locator("#metrics > summary > h2").hover()
    page.locator("#metrics > summary .anchor").click()
    assert page.evaluate("location.hash") == "#metrics"
    assert page.locator("#metrics").get_attribute("open") == ""


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(visit):
    page = visit(NARROW)
    nameless = page.locator(".scroll").evaluate_all(
        "boxes => boxes.filter((box) => !(box.tabIndex === 0 && box.ariaLabel)).length"
    )
    assert nameless == 0


LUMINANCE = """([selector, property]) => {
    const [r, g, b] = getComputedStyle(document.querySelector(selector))[property].match(/[\\d.]+/g).map(Number)
        .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""
TEXTS = (
    *("h1", ".subtitle", ".numbers", ".lead", ".notes li", "thead button", "tbody td", ".quiet", ".alt summary"),
    *(".button", ".group > summary", ".files a", "label", "output"),
)


def contrast(page, selector, ground):
    light, dark = sorted(
        (page.evaluate(LUMINANCE, [selector, "color"]), page.evaluate(LUMINANCE, [ground, "backgroundColor"])),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_readers_scheme_and_are_easy_to_tell_apart(visit, scheme):
    page = visit(color_scheme=scheme)
    ground, text = (page.evaluate(LUMINANCE, ["body", name]) for name in ("backgroundColor", "color"))
    assert (ground < 0.05 and text > 0.7) if scheme == "dark" else (ground > 0.9 and text < 0.05)
    for selector in TEXTS:
        assert contrast(page, selector, "body") >= 4.5, selector
    for selector in (".oracle .label", ".oracle .note", ".oracle summary", ".oracle tbody td", ".oracle .numbers"):
        assert contrast(page, selector, ".oracle") >= 4.5, selector
    assert contrast(page, ".command", ".command") >= 4.5
    assert contrast(page, ".tip", ".tip") >= 4.5
    assert page.evaluate(LUMINANCE, ["svg text", "fill"]) == pytest.approx(text)


def test_a_button_changes_the_colours_and_back(visit):
    page = visit(color_scheme="light", name="small")
    for name, is_dark in (("Dark colours", True), ("Light colours", False)):
        page.get_by_role("button", name=name).click()
        assert (page.evaluate(LUMINANCE, ["body", "backgroundColor"]) < 0.05) is is_dark


def test_every_figure_is_drawn_and_described(visit, report):
    page = visit()
    page.evaluate(OPEN_ALL)
    figures = page.locator("figure")
    assert figures.count() == len(list(figures_of(report))) == 3 * (1 + 3 * 2) + 3 + 3 * 4 * 2
    boxes = figures.locator("svg").evaluate_all("all => all.map((one) => one.getBoundingClientRect())")
    assert all(box["width"] > 100 and box["height"] > 50 for box in boxes)
    described = page.locator(".alt p").evaluate_all("all => all.map((one) => one.checkVisibility())")
    assert described == [True] * figures.count()
    assert page.get_by_role("img", name="Losses over epochs").first.is_visible()


def test_the_first_tab_stop_leads_past_the_answer_and_is_seen(visit):
    page = visit(name="small")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    sync_api.expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") != "none"


def test_without_scripts_all_is_there_to_read_and_nothing_pretends_to_work(visit, report):
    page = visit(java_script_enabled=False)
    tables = [t for board in report.boards for section in board.sections for part in section.parts for t in part.tables]
    assert page.locator("tbody tr").count() == sum(len(table.rows) for table in tables)
    assert page.locator(f"{TABLE} tbody tr:visible").count() == 16
    assert page.locator("button, input, select").count() == 0
    page.locator("#oracle > summary").click()
    page.locator("#oracle-leaderboard").wait_for(state="visible")
    page.locator("#pictures > summary").click()
    page.locator("#pictures .group > summary").first.click()
    assert page.locator("#pictures svg:visible").count() == 2


def test_print_shows_what_is_folded_and_no_controls_on_white(visit):
    page = visit(color_scheme="dark", name="small")
    page.emulate_media(media="print")
    assert page.locator("#contrasts tbody tr").first.is_visible()
    assert page.locator("#pictures svg").last.is_visible()
    assert page.locator(".alt p").last.is_visible()
    assert page.locator("select:visible, input:visible, .quiet:visible, .button:visible, .skip:visible").count() == 0
    assert page.evaluate(LUMINANCE, ["body", "backgroundColor"]) == pytest.approx(1)
    assert page.evaluate(LUMINANCE, ["body", "color"]) < 0.05


@pytest.mark.parametrize(("wish", "behaviour"), [("reduce", "auto"), ("no-preference", "smooth")])
def test_motion_stops_for_readers_who_ask(visit, wish, behaviour):
    page = visit(reduced_motion=wish, name="small")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaviour


def test_the_page_of_a_real_run_opens_from_disk_whole_and_fits_desk_and_phone(browser, tmp_path):
    command = [sys.executable, "-c", "from bench.cli import main; main()", "run", "quick", "--out", str(tmp_path)]
    command += ["--limit", "200", "--methods", "kmeans,vae_kmeans", "--seeds", "2", "--device", "cpu"]
    command += ["--set", "vae_kmeans.pretrain_epochs=2"]
    subprocess.run(command, check=True, capture_output=True)
    complaints, requests = [], []
    address = (tmp_path / "report.html").as_uri()
    for viewport in (WIDE, NARROW):
        page = browser.new_page(viewport=viewport)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        if viewport is WIDE:
            assert page.evaluate("document.documentElement.scrollHeight") < 4000
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if viewport is WIDE:
            boxes = page.locator(".scroll")
            assert boxes.evaluate_all("all => all.filter((b) => b.scrollWidth > b.clientWidth + 1).length") == 0
        drawn = page.locator("figure svg").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().width > 100)"
        )
        assert len(drawn) > 10
        assert all(drawn)
        heading = page.locator("th", has_text="ACC ± sd").first
        table = page.locator("table", has=heading).first
        before = table.locator("tbody tr").all_inner_texts()
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        assert sorted(table.locator("tbody tr").all_inner_texts()) == sorted(before)
        page.close()
    links = re.findall(r'href="([a-z_/]+\.\w+)"', (tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"leaderboard.md", "leaderboard.csv", "contrasts.csv", "scores.csv", "index.csv"} <= set(links)
    assert all((tmp_path / link).is_file() for link in links)
    assert complaints == []
    assert {unquote(url) for url in requests} - {"data:,"} == {unquote(address)}

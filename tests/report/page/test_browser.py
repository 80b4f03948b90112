"""The page in a browser: what readers see and can do, and that nothing runs or loads but the page itself."""

import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest

from bench.report.formats.page import render_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TABLE = "#board-fixed-2 .table:has(#board-fixed-2-table-2)"  # sixteen variants, one of them without a score
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


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
def address(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(report), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser, address):
    """Open the page; afterwards, nothing may have gone wrong, loaded or run."""
    contexts, complaints, requests = [], [], []

    def open_page(viewport=WIDE, reduced_motion="reduce", **options):
        context = browser.new_context(viewport=viewport, reduced_motion=reduced_motion, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page

    yield open_page
    hacked = [page.evaluate("window.__hacked") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert complaints == []
    assert {unquote(url.split("#")[0]) for url in requests} - {"data:,"} == {unquote(address)}
    assert hacked == [None] * len(hacked)


def column(page, name, table=TABLE):
    """Texts of a column, of the rows that are shown, from top to bottom."""
    headings = page.locator(f"{table} thead th").all_inner_texts()
    index = [heading.strip() for heading in headings].index(name) + 1
    return page.locator(f"{table} tbody tr:visible > :nth-child({index})").all_inner_texts()


def means(page):
    return [None if text == "-" else float(text.split(" ")[0]) for text in column(page, "ACC ± sd")]


def test_hostile_names_are_shown_and_do_not_run(visit):
    page = visit()
    assert page.locator("#board-fixed").get_by_text("</script><script>window.__hacked = 1").count() > 0
    assert page.title().startswith("Does making a deep clustering method stochastic help? ")


def test_the_policy_keeps_a_script_that_is_not_the_pages_own_from_running(browser, report):
    page = browser.new_page()
    page.set_content(render_page(report).replace("</main>", "<script>window.__hacked = 3</script></main>"))
    assert page.evaluate("window.__hacked") is None
    page.close()


def test_the_first_screen_holds_the_answer_and_begins_its_figure(visit, report):
    page = visit()
    height = page.evaluate("innerHeight")
    header, figure = page.locator("header").bounding_box(), page.locator(".overall figure").first.bounding_box()
    assert header["y"] == 0
    assert header["height"] <= figure["y"] < height
    last = page.locator("header li").last.bounding_box()
    assert last["y"] + last["height"] <= height


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


def test_sorting_is_by_value_not_by_text(visit):
    page = visit()
    page.locator(f"{TABLE} thead button").filter(has_text="difference").click()
    shown = [float(text.split(" ")[0]) for text in column(page, "difference [95 %]") if text != "-"]
    assert shown == sorted(shown)
    assert shown[0] < shown[-1] < 0  # as texts, "-.018" goes before "-.283"


def test_rows_that_are_equal_keep_their_order_and_one_column_alone_is_named_as_sorted(visit):
    page = visit()
    names = column(page, "variant")
    page.locator(f"{TABLE} thead button").filter(has_text="ACC ± sd").click()
    by_mean = column(page, "variant")
    page.locator(f"{TABLE} thead button").filter(has_text="runs").click()
    assert column(page, "variant") == [names[-1], *(name for name in by_mean if name != names[-1])]
    page.locator(f"{TABLE} thead button").filter(has_text="runs").click()
    assert column(page, "variant") == [*(name for name in by_mean if name != names[-1]), names[-1]]
    assert page.locator(f"{TABLE} th[aria-sort]").all_inner_texts() == ["runs"]


def test_the_keyboard_sorts(visit):
    page = visit()
    page.locator(f"{TABLE} .scroll").focus()
    page.keyboard.press("Tab")  # the first heading
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    heading = page.locator(f"{TABLE} thead th").nth(2)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.textContent") == "ACC ± sd"
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"


def test_a_filter_keeps_the_rows_that_match_and_says_how_many(visit):
    page = visit()
    box, said = page.locator(f"{TABLE} input"), page.locator(f"{TABLE} output")
    assert said.inner_text() == "16 rows"
    box.fill("TAIL=T")
    assert len(column(page, "variant")) == 3
    assert all("tail=t" in name for name in column(page, "variant"))
    assert said.inner_text() == "3 of 16 rows"
    assert said.get_attribute("aria-live") == "polite"
    page.locator(f"{TABLE} thead button").first.click()
    assert len(column(page, "variant")) == 3
    box.fill("nothing is named so")
    assert said.inner_text() == "0 of 16 rows"
    box.fill("")
    assert len(column(page, "variant")) == 16


def test_short_tables_have_no_filter(visit):
    assert visit().locator(".table:has(#board-fixed-2-table-1) input").count() == 0


def test_choosing_a_data_set_hides_the_others_on_every_board(visit):
    page = visit()
    page.get_by_role("combobox", name="Show").select_option(label="usps")
    shown = page.locator("#board-fixed .part:visible, #board-label-free .part:visible, .group:visible")
    assert shown.evaluate_all("parts => parts.map((part) => part.dataset.dataset)") == ["usps"] * 3
    page.get_by_role("combobox", name="Show").select_option(label="all data sets")
    assert page.locator("#board-fixed .part:visible").count() == 4


def test_choosing_a_variant_opens_its_pictures_on_every_data_set(visit):
    page = visit()
    page.get_by_role("combobox", name="Pictures of").select_option(label="S-DEC")
    assert page.locator("#pictures .fold:visible > summary").all_inner_texts() == ["S-DEC"] * 3
    assert page.locator("#pictures svg:visible").count() == 9
    page.get_by_role("combobox", name="Pictures of").select_option(label="all variants")
    assert page.locator("#pictures svg:visible").count() == 0
    assert page.locator("#pictures .fold:visible").count() == 18


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_page_never_scrolls_sideways_and_wide_tables_do_within_themselves(visit, viewport):
    page = visit(viewport)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.body.scrollWidth <= innerWidth")
    if viewport is NARROW:
        container = page.locator(f"{TABLE} .scroll")
        assert container.evaluate("box => box.scrollWidth > box.clientWidth")
        container.evaluate("box => box.scrollTo(200, 0)")
        assert container.evaluate("box => box.scrollLeft") == 200
        first = page.locator(f"{TABLE} tbody th").first.bounding_box()
        assert first["x"] == pytest.approx(container.bounding_box()["x"], abs=1)  # it stays in view
        assert first["width"] < 180


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(visit):
    page = visit(NARROW)
    nameless = page.locator(".scroll, .frame").evaluate_all(
        """boxes => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1
            && !(box.tabIndex === 0 && (box.ariaLabel || box.getAttribute("aria-labelledby")))).length"""
    )
    assert nameless == 0


LUMINANCE = """([selector, property]) => {
    const [r, g, b] = getComputedStyle(document.querySelector(selector))[property].match(/[\\d.]+/g).map(Number)
        .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""
TEXTS = ("h1", ".numbers", ".contents ol ol a", ".board .note", "thead button", "tbody td", "figcaption summary", "dt")


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
    for selector in (".oracle .label", ".oracle .note", ".oracle summary", ".oracle tbody td"):
        assert contrast(page, selector, ".oracle") >= 4.5, selector
    assert page.evaluate(LUMINANCE, ["svg text", "fill"]) == pytest.approx(text)


def test_a_button_changes_the_colours_and_back(visit):
    page = visit(color_scheme="light")
    for name, is_dark in (("Dark colours", True), ("Light colours", False)):
        page.get_by_role("button", name=name).click()
        assert (page.evaluate(LUMINANCE, ["body", "backgroundColor"]) < 0.05) is is_dark


def test_every_figure_is_drawn_and_described(visit):
    page = visit()
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    figures = page.locator("figure")
    assert figures.count() == 1 + 3 + 3 * 3 * 2 + 3 * 6 * 3
    boxes = figures.locator("svg").evaluate_all("all => all.map((one) => one.getBoundingClientRect())")
    assert len(boxes) == figures.count()
    assert all(box["width"] > 100 and box["height"] > 50 for box in boxes)
    described = page.locator("figcaption p").evaluate_all("all => all.map((one) => one.checkVisibility())")
    assert described == [True] * figures.count()
    assert page.get_by_role("img", name="Losses over epochs").first.is_visible()


def test_a_link_into_the_upper_bound_opens_it(visit):
    page = visit()
    assert not page.locator("#board-oracle-2").is_visible()
    page.locator(".contents a[href='#board-oracle-2']").click()
    page.locator("#board-oracle-2 h3").wait_for(state="visible")
    sync_api.expect(page.locator("#board-oracle-2 h3")).to_be_in_viewport()


def test_the_command_is_copied_as_it_is(visit, report):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == dict(report.provenance)["command"]


def test_the_first_tab_stop_leads_past_the_answer_and_is_seen(visit):
    page = visit()
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    sync_api.expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") != "none"


def test_without_scripts_all_is_there_to_read_and_nothing_pretends_to_work(visit, report):
    page = visit(java_script_enabled=False)
    tables = [table for board in report.parts for section in board.sections for table in section.tables]
    assert page.locator("tbody tr").count() == sum(len(table.rows) for table in tables)
    assert page.locator(f"{TABLE} tbody tr:visible").count() == 16
    assert page.locator("button, input, select").count() == 0
    page.locator(".oracle > .fold > summary").click()
    assert page.locator("#board-oracle-2").is_visible()
    page.locator("#pictures summary", has_text="S-DEC").nth(1).click()
    assert page.locator("#pictures svg:visible").count() == 3


def test_print_shows_what_is_folded_and_no_controls_on_white(visit):
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("#board-oracle-2 tbody tr").first.is_visible()
    assert page.locator("#pictures svg").last.is_visible()
    assert page.locator("figcaption p").last.is_visible()
    assert page.locator("select:visible, input:visible, nav:visible, .button:visible, .skip:visible").count() == 0
    assert page.evaluate(LUMINANCE, ["body", "backgroundColor"]) == pytest.approx(1)
    assert page.evaluate(LUMINANCE, ["body", "color"]) < 0.05


@pytest.mark.parametrize(("wish", "behaviour"), [("reduce", "auto"), ("no-preference", "smooth")])
def test_motion_stops_for_readers_who_ask(visit, wish, behaviour):
    page = visit(reduced_motion=wish)
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaviour


def test_the_page_of_a_real_run_opens_from_disk_whole_and_fits_a_phone(browser, tmp_path):
    command = [sys.executable, "-c", "from bench.cli import main; main()", "run", "quick", "--out", str(tmp_path)]
    command += ["--limit", "200", "--methods", "kmeans,vae_kmeans", "--seeds", "6", "--device", "cpu"]
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
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        drawn = page.locator("figure svg").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().width > 100)"
        )
        assert len(drawn) == len(list((tmp_path / "figures").glob("*.svg"))) > 10
        assert all(drawn)
        column = page.locator("th", has_text="ACC ± sd").first
        table = page.locator("table", has=column).first
        before = table.locator("tbody tr").all_inner_texts()
        column.get_by_role("button").click()
        assert column.get_attribute("aria-sort") == "ascending"
        assert sorted(table.locator("tbody tr").all_inner_texts()) == sorted(before)
        page.close()
    assert complaints == []
    assert {unquote(url) for url in requests} - {"data:,"} == {unquote(address)}

"""The page in a browser: what readers see and can do, and that nothing runs or loads but the page itself."""

import shutil
import subprocess
import sys
from urllib.parse import unquote

import pandas as pd
import pytest

from bench.report.citation import bibtex
from bench.report.formats.latex import caption_of, latex_table
from bench.report.formats.page import render_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TABLE = "#leaderboard-digits-table"  # sixteen variants, one of them without a score
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


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
    for name, content in (("large", report), ("small", small_report)):
        (folder / f"{name}.html").write_text(render_page(content), encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in ("large", "small")}


@pytest.fixture
def visit(browser, addresses):
    """Open the page; afterwards, nothing may have gone wrong, loaded or run."""
    contexts, complaints, requests = [], [], []

    def open_page(viewport=WIDE, reduced_motion="reduce", of="large", at="", **options):
        context = browser.new_context(viewport=viewport, reduced_motion=reduced_motion, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(addresses[of] + at)
        return page

    yield open_page
    hacked = [page.evaluate("window.__hacked") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert complaints == []
    assert {unquote(url.split("#")[0]) for url in requests} - {"data:,"} <= set(map(unquote, addresses.values()))
    assert hacked == [None] * len(hacked)


def column(page, name, table=TABLE):
    """Texts of a column, of the rows that are shown, from top to bottom."""
    headings = page.locator(f"{table} thead th").all_inner_texts()
    index = [heading.strip() for heading in headings].index(name) + 1
    return page.locator(f"{table} tbody tr:visible > :nth-child({index})").all_inner_texts()


def means(page):
    return [None if text == "–" else float(text.split(" ")[0]) for text in column(page, "ACC ± sd")]


def unfold(page):
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")  # columns are fitted


def scrolling(page):
    """The tables that are wider than their place."""
    return page.locator(".scroll").evaluate_all(
        "boxes => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.ariaLabel)"
    )


def test_hostile_names_are_shown_and_do_not_run(visit):
    page = visit()
    assert page.locator("#leaderboard").get_by_text("</script><script>window.__hacked = 1").count() > 0
    assert page.title().startswith("Does stochasticity help? ")


def test_the_policy_keeps_a_script_that_is_not_the_pages_own_from_running(browser, report):
    page = browser.new_page()
    page.set_content(render_page(report).replace("</main>", "<script>window.__hacked = 3</script></main>"))
    assert page.evaluate("window.__hacked") is None
    page.close()


def test_the_first_screen_holds_the_question_the_answer_and_its_figure(visit):
    page = visit(of="small")
    figure = page.locator("header figure svg").bounding_box()
    assert page.locator("header").bounding_box()["y"] == 0
    assert page.locator("header li").first.bounding_box()["y"] < figure["y"]
    assert figure["y"] + figure["height"] <= page.evaluate("innerHeight")


def test_the_page_of_one_data_set_is_short_and_all_its_tables_fit(visit):
    page = visit(of="small")
    assert page.evaluate("document.documentElement.scrollHeight") < 2_500
    unfold(page)
    assert scrolling(page) == []
    assert page.locator(".more:visible").count() == 0


def test_folded_sections_show_their_claim_and_open_by_click_and_by_keyboard(visit):
    page = visit(of="small")
    fold = page.locator("#contrasts")
    assert "S-DEC vs DEC (counterpart of S-DEC): ΔACC −.001" in fold.locator("summary").inner_text()
    assert not fold.locator("table").is_visible()
    fold.locator(":scope > summary").click()
    assert fold.locator("table").is_visible()
    fold.locator(":scope > summary").focus()
    for shown, key in ((False, "Enter"), (True, "Space")):
        page.keyboard.press(key)
        assert fold.locator("table").is_visible() is shown


def test_one_button_unfolds_every_section_and_folds_them_again(visit):
    page = visit(of="small")
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator("details.section:not([open])").count() == 0
    page.get_by_role("button", name="Fold all").click()
    assert page.locator("details.section[open]").count() == 0


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
    page.locator(f"{TABLE} thead button").filter(has_text="Δ").click()
    shown = [float(text.split(" ")[0].replace("−", "-")) for text in column(page, "Δ [95 % CI]") if text != "–"]
    assert shown == sorted(shown)
    assert shown[0] < shown[-1] < 0  # as texts, "-.018" goes before "-.283"


def test_rows_that_are_equal_keep_their_order_and_one_column_alone_is_named_as_sorted(visit):
    page = visit()
    names = column(page, "method")
    page.locator(f"{TABLE} thead button").filter(has_text="ACC ± sd").click()
    by_mean = column(page, "method")
    page.locator(f"{TABLE} thead button").filter(has_text="runs").click()
    assert column(page, "method") == [names[-1], *(name for name in by_mean if name != names[-1])]
    page.locator(f"{TABLE} thead button").filter(has_text="runs").click()
    assert column(page, "method") == [*(name for name in by_mean if name != names[-1]), names[-1]]
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
    box, count = page.locator(f"{TABLE} input"), page.locator(f"{TABLE} output").first
    assert count.inner_text() == "16 rows"
    box.fill("TAIL=T")
    assert len(column(page, "method")) == 3
    assert all("tail=t" in name for name in column(page, "method"))
    assert count.inner_text() == "3 of 16 rows"
    assert count.get_attribute("aria-live") == "polite"
    page.locator(f"{TABLE} thead button").first.click()
    assert len(column(page, "method")) == 3
    box.fill("nothing is named so")
    assert count.inner_text() == "0 of 16 rows"
    box.fill("")
    assert len(column(page, "method")) == 16


def test_choosing_a_data_set_hides_the_others_in_every_section_and_their_claims(visit):
    page = visit()
    page.get_by_role("combobox", name="Show").select_option(label="usps")
    assert page.locator("#leaderboard > .part:visible h3").all_inner_texts() == ["usps ¶"]
    assert page.locator("#contrasts .lead:visible").inner_text().startswith("usps: ")
    page.locator("#pictures > summary").click()
    assert page.locator("#pictures > .part:visible").count() == 1
    page.get_by_role("combobox", name="Show").select_option(label="all data sets")
    assert page.locator("#leaderboard > .part:visible").count() == 3


def test_the_pictures_of_a_method_unfold_by_themselves(visit):
    page = visit()
    page.locator("#pictures > summary").click()
    assert page.locator("#pictures svg:visible").count() == 0
    page.locator("#pictures-digits .group > summary", has_text="S-DEC").nth(1).click()
    assert page.locator("#pictures svg:visible").count() == 3


FRAME = ".answer .frame"


def test_the_pointer_near_a_point_shows_its_seed_and_value_and_lights_it(visit):
    page = visit(of="small")
    tip, mark = page.locator(".tip"), page.locator(f"{FRAME} rect").nth(2)
    text = mark.evaluate("mark => mark.querySelector('title').textContent")
    box = mark.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 6, box["y"] + box["height"] / 2)
    assert tip.inner_text() == text
    assert "seed 2: " in text
    assert page.locator(".lit").count() == 1
    assert page.locator(f"{FRAME} title").count() == 0  # the browser would show it a second time
    page.mouse.move(0, 0)
    assert not tip.is_visible()
    assert page.locator(".lit").count() == 0


def test_arrow_keys_go_through_the_points_of_a_figure(visit):
    page = visit(of="small")
    page.locator(FRAME).focus()
    for key, seed in (("ArrowRight", 0), ("ArrowRight", 1), ("End", 8), ("ArrowLeft", 7), ("Home", 0)):
        page.keyboard.press(key)
        assert f"seed {seed}: " in page.locator(".tip").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator(".tip").is_visible()


def test_a_table_is_copied_as_latex_csv_and_markdown(visit, small_report, tmp_path):
    page = visit(of="small", permissions=["clipboard-read", "clipboard-write"])
    board = small_report.headline
    table = board.section("leaderboard").parts[0].tables[0]
    copied = {}
    for name in ("LaTeX", "CSV", "Markdown"):
        page.locator(TABLE).get_by_role("button", name=f"Copy as {name}").click()
        page.locator(TABLE).get_by_text("copied").last.wait_for()
        copied[name] = page.evaluate("navigator.clipboard.readText()")
    assert copied["LaTeX"] == latex_table(table, caption_of(table, "digits", board.title))
    assert copied["Markdown"].startswith("| method | runs | ACC ± sd | recall |")
    (tmp_path / "copied.csv").write_text(copied["CSV"], encoding="utf-8")
    frame = pd.read_csv(tmp_path / "copied.csv")
    assert frame["ACC sd"].dropna().tolist() == pytest.approx([row[2].sd for row in table.rows[:-1]])


def test_the_citation_is_copied(visit):
    page = visit(of="small", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#cite > summary").click()
    page.locator("#cite").get_by_role("button", name="Copy").click()
    page.locator("#cite").get_by_text("copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == bibtex()


def test_an_address_with_an_anchor_opens_the_folds_around_it(visit):
    for anchor in ("#provenance", "#oracle-leaderboard-usps"):
        page = visit(at=anchor)
        assert page.locator(anchor).is_visible()
        assert page.locator(f"{anchor} table").first.is_visible()
        sync_api.expect(page.locator(anchor)).to_be_in_viewport()


def test_the_anchor_of_a_heading_leads_to_it_and_opens_it(visit):
    page = visit(of="small")
    page.locator("#contrasts h2").hover()
    page.locator("#contrasts h2 .anchor").click()
    assert page.url.endswith("#contrasts")
    page.locator("#contrasts table").wait_for(state="visible")


def test_columns_that_a_phone_has_no_room_for_are_a_button_away(visit):
    page = visit(NARROW, of="small")
    heading = page.locator(f"{TABLE} thead th", has_text="verdict")
    assert not heading.is_visible()
    more = page.locator(f"{TABLE} .more")
    assert more.inner_text() == "4 more columns"
    more.click()
    assert heading.is_visible()
    more.click()
    assert not heading.is_visible()


def test_on_a_phone_a_chart_fills_the_width_and_its_numbers_are_a_list_below(visit):
    page = visit(NARROW, of="small")
    frame, chart = page.locator(FRAME), page.locator(f"{FRAME} svg")
    assert frame.bounding_box()["width"] > 340
    assert chart.bounding_box()["width"] > 1.2 * frame.bounding_box()["width"]  # the numbers' place is cut off
    assert page.locator(f"{FRAME} .beside").first.is_hidden()
    assert page.locator(".answer .points li").first.is_visible()
    wide = visit(WIDE, of="small")
    assert wide.locator(f"{FRAME} .beside").first.is_visible()
    assert wide.locator(".answer .points li").first.is_hidden()


@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("of", ["small", "large"])
def test_the_page_never_scrolls_sideways(visit, viewport, of):
    page = visit(viewport, of=of)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.body.scrollWidth <= innerWidth")
    if viewport is WIDE:
        assert scrolling(page) == []


def test_on_a_phone_a_table_scrolls_within_itself_its_names_in_view(visit):
    page = visit(NARROW, of="small")
    page.locator(f"{TABLE} .more").click()
    container = page.locator(f"{TABLE} .scroll")
    container.evaluate("box => box.scrollTo(150, 0)")
    assert container.evaluate("box => box.scrollLeft") == 150
    first = page.locator(f"{TABLE} tbody th").first.bounding_box()
    assert first["x"] == pytest.approx(container.bounding_box()["x"], abs=1)
    assert first["width"] < 180


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(visit):
    page = visit(NARROW)
    nameless = page.locator(".scroll").evaluate_all(
        """boxes => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1
            && !(box.tabIndex === 0 && (box.ariaLabel || box.getAttribute("aria-labelledby")))).length"""
    )
    assert nameless == 0


LUMINANCE = """([selector, property]) => {
    const [r, g, b] = getComputedStyle(document.querySelector(selector))[property].match(/[\\d.]+/g).map(Number)
        .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""
TEXTS = (
    *("h1", ".subtitle", ".answer .numbers", ".lead", ".part .numbers", ".notes li", "thead button", "tbody td"),
    *(
        ".quiet",
        ".tools",
        "figcaption .title",
        "figcaption summary",
        ".files a",
        ".anchor",
        "summary h2",
        ".button",
        "label",
    ),
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
    for selector in (".oracle .label", ".oracle .note", ".oracle summary h2", ".oracle tbody td"):
        assert contrast(page, selector, ".oracle") >= 4.5, selector
    assert page.evaluate(LUMINANCE, ["svg text", "fill"]) == pytest.approx(text)


def test_a_button_changes_the_colours_and_back(visit):
    page = visit(color_scheme="light")
    for name, is_dark in (("Dark colours", True), ("Light colours", False)):
        page.get_by_role("button", name=name).click()
        assert (page.evaluate(LUMINANCE, ["body", "backgroundColor"]) < 0.05) is is_dark


def test_every_figure_is_drawn_and_described(visit, report):
    page = visit()
    unfold(page)
    figures = page.locator("figure")
    assert figures.count() == 3 + 3 * 3 * 2 + 3 * 6 * 3
    boxes = figures.locator("svg").evaluate_all("all => all.map((one) => one.getBoundingClientRect())")
    assert len(boxes) == figures.count()
    assert all(box["width"] > 100 and box["height"] > 50 for box in boxes)
    described = page.locator("figcaption .alt p").evaluate_all("all => all.map((one) => one.checkVisibility())")
    assert described == [True] * figures.count()
    assert page.get_by_role("img", name="Losses over epochs").first.is_visible()


def test_a_command_is_copied_as_it_is(visit):
    page = visit(at="#provenance", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#provenance").get_by_role("button", name="Copy", exact=True).click()
    page.locator("#provenance").get_by_text("copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#provenance .command").inner_text()


def test_the_first_tab_stop_leads_past_the_answer_and_is_seen(visit):
    page = visit()
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    sync_api.expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") != "none"


def test_without_scripts_all_is_there_to_read_and_nothing_pretends_to_work(visit, report):
    page = visit(java_script_enabled=False)
    parts = [part for board in report.boards for content in board.sections for part in content.parts]
    assert page.locator("tbody tr").count() == sum(len(table.rows) for part in parts for table in part.tables)
    assert page.locator(f"{TABLE} tbody tr:visible").count() == 16
    assert page.locator("button, input, select").count() == 0
    page.locator("#oracle > summary").click()
    assert page.locator("#oracle-leaderboard-usps").is_visible()


def test_print_shows_what_is_folded_and_no_controls_on_white(visit):
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("#oracle-leaderboard-usps tbody tr").first.is_visible()
    assert page.locator("#pictures svg").last.is_visible()
    assert page.locator("figcaption .alt p").last.is_visible()
    controls = "select:visible, input:visible, .tools:visible, .button:visible, .skip:visible, .anchor:visible"
    assert page.locator(controls).count() == 0
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
        if viewport is WIDE:
            assert page.evaluate("document.documentElement.scrollHeight") < 4_000
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert viewport is NARROW or scrolling(page) == []
        drawn = page.locator("figure svg").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().width > 100)"
        )
        assert len(drawn) > 10
        assert all(drawn)
        for link in page.locator("a[href]:not([href^='#'])").all():
            assert (tmp_path / link.get_attribute("href")).is_file()
        column = page.locator("th", has_text="ACC ± sd").first
        table = page.locator("table", has=column).first
        before = table.locator("tbody tr").all_inner_texts()
        column.get_by_role("button").click()
        assert column.get_attribute("aria-sort") == "ascending"
        assert sorted(table.locator("tbody tr").all_inner_texts()) == sorted(before)
        page.close()
    assert complaints == []
    assert {unquote(url) for url in requests} - {"data:,"} == {unquote(address)}

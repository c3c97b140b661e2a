"""The report in a browser: nothing leaves the page, nothing foreign runs in it, and everybody can use it."""

import re
import shutil

import pytest
from report_contents import HOSTILE, SCRIPT, contents, predictions, write_images

from pricefuse.report.charts import figures
from pricefuse.report.gallery import gallery
from pricefuse.report.page import render

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine: `apt-get install chromium`"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the paths of two reports: one of everything, and one of what is there at the least."""
    folder = tmp_path_factory.mktemp("report")
    rows = predictions()
    images = write_images(folder / "images", rows)
    for name, complete in (("complete", True), ("least", False)):
        shown = contents(rows, complete=complete)
        items = gallery(rows.assign(name=rows["name"] if complete else ""), images, 8)
        (folder / f"{name}.html").write_text(render(shown, figures(shown, 0), items), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox of a browser needs rights that a container does not give; the page is ours.
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, pages):
    """Return a function that opens a report, and fails the test for a console message, an error or a request."""
    contexts, seen = [], []

    def show(name="complete", width=1280, scheme="light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("dialog", lambda dialog: seen.append(dialog.message))
        page.on("request", lambda request: seen.append(request.url) if is_foreign(request.url) else None)
        page.goto((pages / f"{name}.html").as_uri())
        page.wait_for_selector("html.drawn")
        return page

    yield show
    for context in contexts:
        context.close()
    assert seen == []


def is_foreign(url):
    return not url.startswith(("file:", "data:"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["complete", "least"])
def test_axe_finds_no_violation(opened, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(name, scheme=scheme)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window_and_every_chart_is_drawn(opened, width):
    page = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    charts = page.locator(".chart")
    assert charts.count() >= 11
    for n in range(charts.count()):
        box = charts.nth(n).locator("svg").bounding_box()
        assert 150 < box["width"] <= width
        assert box["height"] > 60


def test_charts_are_drawn_anew_when_the_page_turns_dark(opened):
    page = opened()
    color = "getComputedStyle(document.querySelector('.chart svg text')).fill"
    light = page.evaluate(color)
    page.emulate_media(color_scheme="dark")
    for _ in range(100):  # the page's policy forbids what waits for a condition in it
        if page.evaluate(color) != light:
            return
        page.wait_for_timeout(100)
    pytest.fail("the charts have the colors of a light page")


def shown(page):
    return [item.get_attribute("data-kind") for item in page.locator(".product:visible").all()]


def test_the_gallery_can_be_searched_filtered_and_sorted_by_keyboard(opened):
    page = opened()
    assert len(shown(page)) == 24
    page.locator("#search").focus()
    page.keyboard.type("TEA alert(1)")
    hits = page.locator(".product:visible h3").all_inner_texts()
    assert 0 < len(hits) < 24
    assert all("tea" in hit for hit in hits)
    assert page.locator("#count").inner_text() == f"{len(hits)} of 24 products"
    page.keyboard.press("Enter")  # sends no form
    page.locator("#search").fill("")

    page.locator("#kind").select_option("best")
    assert shown(page) == ["best"] * 8
    page.locator("#kind").select_option("")
    page.locator("#picture").select_option("no")
    assert page.locator(".product:visible img").count() == 0
    page.locator("#picture").select_option("")

    page.locator("#order").select_option("price-up")
    prices = [float(item.get_attribute("data-price")) for item in page.locator(".product").all()]
    assert prices == sorted(prices)
    page.locator("#search").fill("no such product")
    assert page.locator("#none").is_visible()


def test_a_name_that_is_a_script_stays_a_name(opened, pages):
    page = opened()
    names = page.locator(".product h3").all_inner_texts()
    assert any(SCRIPT in name for name in names)
    assert any(HOSTILE[1] in name for name in names)
    assert not any("49 coffee" in name for name in names)
    assert page.locator("main script:not([type='application/json'])").count() == 0
    assert page.locator("img[src='x']").count() == 0
    text = (pages / "complete.html").read_text()
    assert SCRIPT not in text
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text))


def test_what_is_missing_is_left_out(opened):
    page = opened("least")
    headings = page.locator("h2").all_inner_texts()
    assert "What the features are worth" not in headings
    assert "How it was trained" not in headings
    assert "Best reachable" not in page.locator("header").inner_text()
    assert "Not recorded for this catalog" in page.locator("#provenance").inner_text()


def test_the_page_can_be_printed(opened):
    page = opened()
    page.emulate_media(media="print")
    assert page.locator(".controls").is_hidden()
    assert page.locator(".product").first.is_visible()


def test_a_page_of_5000_products_has_at_most_3_megabytes(tmp_path):
    rows = predictions(5000)
    shown = contents(rows)
    items = gallery(rows, write_images(tmp_path / "images", rows), 24)
    assert len(items) == 72
    assert len(render(shown, figures(shown, 0), items).encode()) < 3_000_000

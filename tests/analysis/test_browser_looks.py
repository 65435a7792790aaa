"""How the page looks and is walked through: scheme, contents, widths, print, old browsers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.analysis.folder import write_confirmed, write_study
from tests.analysis.visit import Visit, needs_browser, visiting, write_report

pytestmark = needs_browser
PAPER = "getComputedStyle(document.documentElement).backgroundColor"
LIGHT, DARK = "rgb(254, 254, 254)", "rgb(23, 27, 31)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the made-up study's report."""
    folder = tmp_path_factory.mktemp("looks")
    return write_report(write_study(folder / "s"), folder / "report.html")


@pytest.fixture
def visit(browser: Any, report: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The report, opened; parametrize indirectly with options of the browser's context."""
    with visiting(browser, report, **getattr(request, "param", {})) as opened:
        yield opened
        assert opened.complaints == []


def test_the_choice_of_a_scheme_wins_and_is_remembered(visit: Visit) -> None:
    """System, light, dark, around; figures and swatches follow; a reload keeps it."""
    page = visit.page
    button = page.locator("#scheme")
    assert (button.inner_text(), page.evaluate(PAPER)) == ("Theme: system", LIGHT)
    button.click()
    page.emulate_media(color_scheme="dark")
    assert (button.inner_text(), page.evaluate(PAPER)) == ("Theme: light", LIGHT)
    page.emulate_media(color_scheme="light")
    button.click()
    assert (button.inner_text(), page.evaluate(PAPER)) == ("Theme: dark", DARK)
    font = "document.getElementById('front-plot')._fullLayout.font.color"
    assert visit.until(font, "#e6eaed") == "#e6eaed"
    page.reload()
    visit.ready()
    assert (button.inner_text(), page.evaluate(PAPER)) == ("Theme: dark", DARK)
    assert page.evaluate(font) == "#e6eaed"
    button.click()
    assert (button.inner_text(), page.evaluate(PAPER)) == ("Theme: system", LIGHT)


def test_print_is_light_and_without_tools(visit: Visit) -> None:
    """Whatever the reader has chosen."""
    page = visit.page
    page.locator("#scheme").click()
    page.locator("#scheme").click()
    page.locator("#trials tbody tr").first.click()
    page.emulate_media(media="print")
    assert page.evaluate(PAPER) == LIGHT
    for tool in ("nav", "#picked", ".filter", ".download", "#scheme"):
        assert page.locator(tool).first.is_hidden(), tool


@pytest.mark.parametrize(
    "visit", [{"viewport": {"width": width, "height": 800}} for width in (390, 900, 1280)], indirect=True
)
def test_no_width_scrolls_sideways(visit: Visit) -> None:
    """Tables and the contents scroll in their own box; with a picked trial, too."""
    page = visit.page
    page.locator("#trials tbody tr").first.click()
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box = page.locator("nav").bounding_box()
    main = page.locator("main").bounding_box()
    assert box["x"] + box["width"] <= main["x"] or box["height"] < 60


def test_contents_say_where_the_reader_is(visit: Visit) -> None:
    """One entry is current; a link leads to its section; the skip link is first."""
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("nav a", has_text="All trials").click()
    current = "[...document.querySelectorAll('nav a[aria-current]')].map((link) => link.hash)"
    assert visit.until(current, ["#trials"]) == ["#trials"]
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


def test_the_answer_does_not_scroll_sideways(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its widest table, with intervals everywhere, fits at 1280 pixels."""
    folder = tmp_path_factory.mktemp("answer")
    address = write_report(write_confirmed(folder / "s"), folder / "report.html")
    with visiting(browser, address, viewport={"width": 1280, "height": 900}) as visit:
        over = "[...document.querySelectorAll('#answer .scroll')].map((a) => a.scrollWidth - a.clientWidth)"
        assert max(visit.page.evaluate(over)) <= 0


def test_a_browser_that_cannot_unpack_gets_what_one_without_scripts_gets(browser: Any, report: str) -> None:
    """The front as SVG, and working tables."""
    visit = Visit(browser)
    visit.page.add_init_script("delete window.DecompressionStream")
    visit.page.goto(report)
    visit.page.locator("svg.static").first.wait_for()
    assert visit.page.locator(".plot:visible").count() == 0
    assert visit.page.locator(".download:visible").count() == 0
    visit.page.locator("#trials").get_by_label("Filter").fill("failed")
    assert visit.page.locator("#trials tbody tr:visible").count() == 2
    assert visit.complaints == []
    visit.context.close()

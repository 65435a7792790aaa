"""The report in a real browser, from disk, without a network. Needs Chromium and the playwright package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.folder import write_confirmed, write_hostile, write_study
from tests.analysis.visit import Visit, needs_browser, visiting, write_report

pytestmark = needs_browser
QUERY = """() => document.getElementById("front-plot").data
    .filter((trace) => trace.name === "confirmed").map((trace) => [trace.x, trace.y, trace.error_y.array])"""
POINTS = "#front-plot .scatterlayer .point"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the made-up study's report."""
    folder = tmp_path_factory.mktemp("browser")
    return write_report(write_study(folder / "s"), folder / "report.html")


@pytest.fixture
def visit(browser: Any, report: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The report, opened; parametrize indirectly with options of the browser's context."""
    with visiting(browser, report, **getattr(request, "param", {})) as opened:
        yield opened


def test_opens_offline_and_quietly(visit: Visit, report: str) -> None:
    """Only the file itself (and data: addresses inside it) is asked for; all figures have drawn."""
    visit.page.wait_for_selector(POINTS)
    assert visit.page.locator(POINTS).count() > 15
    assert visit.page.locator(".plot .main-svg").count() >= 4
    for button in visit.page.locator(".views button").all():
        button.click()
    assert [url for url in visit.requests if not url.startswith("data:")] == [report]
    assert visit.complaints == []
    assert visit.page.locator('[data-title*="loud"], [data-title*="roduced with"]').count() == 0


def test_view_toggle(visit: Visit) -> None:
    """The second view has a log axis; the buttons say which is on; no point is lost."""
    page = visit.page
    before = page.locator(POINTS).count()
    page.locator("#front").get_by_role("button", name="What remains, log").click()
    assert page.evaluate("document.getElementById('front-plot').layout.xaxis.type") == "log"
    assert page.locator(POINTS).count() == before
    assert page.locator("#front .views button[aria-pressed=true]").inner_text() == "What remains, log"
    page.locator("#front").get_by_role("button", name="Sparsity", exact=True).click()
    assert page.evaluate("document.getElementById('front-plot')._fullLayout.xaxis.type") == "linear"


def test_hover_tells_the_trial(visit: Visit) -> None:
    """Parameters of the point under the pointer."""
    visit.page.locator("#front-plot").scroll_into_view_if_needed()
    x, y, number = visit.page.evaluate("""() => {
        const plot = document.getElementById("front-plot"), box = plot.getBoundingClientRect();
        const { xaxis, yaxis } = plot._fullLayout, front = plot.data.find((trace) => trace.name === "front");
        const at = (axis, value) => axis._offset + axis.l2p(value);
        const number = /trial \\d+/.exec(front.hovertext[0])[0];
        return [box.x + at(xaxis, front.x[0]), box.y + at(yaxis, front.y[0]), number];
    }""")
    visit.page.mouse.move(x, y)
    told = visit.page.locator("#front-plot .hoverlayer .hovertext").first
    told.wait_for()
    assert number in told.text_content()


def test_dark_mode(visit: Visit) -> None:
    """Page and figures follow the system's scheme while open, and keep the chosen view."""
    page = visit.page
    page.locator("#front").get_by_role("button", name="What remains, log").click()
    script = """[
        getComputedStyle(document.documentElement).backgroundColor,
        document.getElementById("front-plot")._fullLayout.font.color,
    ]"""
    paper, ink = page.evaluate(script)
    page.emulate_media(color_scheme="dark")
    assert (paper, ink) == ("rgb(254, 254, 254)", "#1d2429")
    dark = ["rgb(23, 27, 31)", "#e6eaed"]
    assert visit.until(script, dark) == dark
    assert page.evaluate("document.getElementById('front-plot').layout.xaxis.type") == "log"


def test_table_sorts_and_filters(visit: Visit) -> None:
    """Numbers as numbers, unknown values last in both directions, words anywhere in a row."""
    page = visit.page
    accuracy = page.locator("#trials").get_by_role("button", name="Validation accuracy")
    cells = (
        "[...document.querySelectorAll('table.tools tbody tr')].map(row => row.cells[4].dataset.sort ?? null)"
    )
    for reverse in (False, True):
        accuracy.click()
        values = page.evaluate(cells)
        known = [float(value) for value in values if value is not None]
        assert known == sorted(known, reverse=reverse)
        assert values[len(known) :] == [None, None]
    page.get_by_label("Filter").fill("failed died")
    assert page.locator("table.tools tbody tr:visible").count() == 2
    assert page.locator(".filter [role=status]").inner_text() == "2 of 34 rows"


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts(visit: Visit) -> None:
    """The front shows as inline SVG, tables are plain, empty plots are gone."""
    assert visit.page.locator("svg.static circle").count() > 15
    drawings = visit.page.locator("svg.static")
    assert drawings.count() == visit.page.locator(".plot").count()
    assert all(drawing.bounding_box()["height"] > 250 for drawing in drawings.all())
    assert visit.page.locator(".plot:visible").count() == 0
    assert visit.page.locator("table.tools tbody tr").count() == 34


@pytest.mark.parametrize("visit", [{"viewport": {"width": 390, "height": 800}}], indirect=True)
def test_narrow_screen_does_not_scroll_sideways(visit: Visit) -> None:
    """Tables scroll in their own box."""
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("third", [False, True])
def test_confirmed_means_are_drawn_with_their_bars(browser: Any, tmp_path: Path, third: bool) -> None:
    """Four means over the search's points, bars on both axes, in both views, without a complaint."""
    visit = Visit(browser, write_report(write_confirmed(tmp_path / "s", third), tmp_path / "report.html"))
    visit.page.wait_for_selector(POINTS)
    # Four configurations and three pruned arms, each with a bar across and one up.
    for view in ("Sparsity", "What remains, log"):
        visit.page.locator("#front").get_by_role("button", name=view, exact=True).click()
        visit.page.wait_for_timeout(200)
        assert visit.page.locator("#front-plot path.yerror").count() == 7
        assert visit.page.locator("#front-plot path.xerror").count() == 7
    assert visit.complaints == []
    visit.page.locator("#front").get_by_role("button", name="Sparsity", exact=True).click()
    traces = visit.page.evaluate(QUERY)
    means = {round(x, 2): round(y, 2) for xs, ys, _ in traces for x, y in zip(xs, ys, strict=True)}
    assert means == {81.0: 95.0, 90.5: 92.0, 91.5: 93.0, 95.55: 85.55}
    assert all(length > 0 for _, _, bars in traces for length in bars)
    visit.context.close()


def test_hostile_study_stays_text(browser: Any, tmp_path: Path) -> None:
    """No element, no script and no request comes out of the study's strings, hover and legend included."""
    address = write_report(write_hostile(tmp_path / "s"), tmp_path / "report.html")
    visit = Visit(browser, address)
    visit.page.wait_for_selector(POINTS)
    assert visit.page.locator("img").count() == 0
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith("data:")] == [address]
    assert "onerror=alert(1)" in visit.page.locator("#front-plot .legend").text_content()
    visit.context.close()

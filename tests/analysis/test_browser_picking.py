"""Picking a trial in a real browser: by a point, by a row, by the keyboard, by the address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.analysis.folder import write_study
from tests.analysis.visit import Visit, needs_browser, visiting, write_report

pytestmark = needs_browser
RINGS = """[...document.querySelectorAll(".plot")].map((plot) =>
    plot.data.filter((trace) => trace.name === "picked").map((trace) => [trace.x[0], trace.y[0]]))"""
# Where the first point of the front is in the window, and its trial.
POINT = """() => {
    const plot = document.getElementById("front-plot");
    plot.scrollIntoView({ block: "center" });
    const box = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
    const front = plot.data.find((trace) => trace.name === "front" && trace.meta === "trials");
    const at = (axis, value) => axis._offset + axis.l2p(value);
    return [box.x + at(xaxis, front.x[0]), box.y + at(yaxis, front.y[0]), [front.customdata[0]].flat()[0]];
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the made-up study's report."""
    folder = tmp_path_factory.mktemp("picking")
    return write_report(write_study(folder / "s"), folder / "report.html")


@pytest.fixture
def visit(browser: Any, report: str) -> Iterator[Visit]:
    """The report, opened."""
    with visiting(browser, report) as opened:
        yield opened
        assert opened.complaints == []


def picked(visit: Visit) -> int | None:
    """The trial that the bar tells; None where there is no bar."""
    bar = visit.page.locator("#picked")
    return int(bar.locator("strong").inner_text().split()[-1]) if bar.is_visible() else None


def rings(visit: Visit) -> int:
    """In how many figures the picked trial is marked."""
    return sum(bool(figure) for figure in visit.page.evaluate(RINGS))


def test_a_point_picks_its_trial_everywhere(visit: Visit) -> None:
    """Ring in the figures, highlighted rows, numbers in the bar, the address; Escape takes all back."""
    page = visit.page
    assert picked(visit) is None
    x, y, number = page.evaluate(POINT)
    page.mouse.click(x, y)
    assert picked(visit) == number
    page.locator("#picked-numbers", has_text="%").wait_for()
    row = page.locator(f"#trials tr[data-trial='{number}']")
    assert "picked" in str(row.get_attribute("class"))
    assert row.get_attribute("aria-current") == "true"
    cells = row.locator("td").all_inner_texts()
    told = page.locator("#picked-numbers").inner_text()
    assert cells[4] in told  # the accuracy
    assert cells[5] in told  # the sparsity
    assert page.url.endswith(f"#trial={number}")
    visit.until(f"{RINGS}.filter((found) => found.length).length >= 2", True)
    assert rings(visit) >= 2
    page.keyboard.press("Escape")
    assert picked(visit) is None
    assert "#" not in page.url
    assert visit.until(f"{RINGS}.flat().length", 0) == 0
    assert page.locator("tr.picked").count() == 0


def test_the_keyboard_is_enough(visit: Visit) -> None:
    """One row of a table is in the tab order; arrows move, Enter picks; buttons step along the front."""
    page = visit.page
    rows = page.locator("#trials tbody tr")
    assert page.locator("#trials tbody tr[tabindex='0']").count() == 1
    rows.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.trial") == rows.nth(2).get_attribute("data-trial")
    page.keyboard.press("Enter")
    assert picked(visit) == int(str(rows.nth(2).get_attribute("data-trial")))
    order = page.evaluate("JSON.parse(document.getElementById('facts').textContent).front")
    seen = []
    for _ in range(len(order) + 1):
        page.locator("#picked-next").press("Enter")
        seen.append(picked(visit))
    assert seen == [*order, order[0]]
    page.locator("#picked-previous").press("Enter")
    assert picked(visit) == order[-1]
    page.locator("#picked-clear").press("Enter")
    assert picked(visit) is None


def test_the_row_comes_into_view_even_when_filtered_away(visit: Visit) -> None:
    """On demand, never by itself."""
    page = visit.page
    page.locator("#trials").get_by_label("Filter").fill("no such words")
    number = page.evaluate("JSON.parse(document.getElementById('facts').textContent).front")[0]
    page.locator("#picked-next").dispatch_event("click")
    row = page.locator(f"#trials tr[data-trial='{number}']")
    assert not row.is_visible()
    page.locator("#picked-row").click()
    inside = f"""(() => {{
        const box = document.querySelector("#trials tr[data-trial='{number}']").getBoundingClientRect();
        return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
    }})()"""
    assert visit.until(inside, True)


def test_curves_of_a_trial_that_is_not_drawn(visit: Visit) -> None:
    """Every trial with rows can be picked; its curves come in ink over the others, one in each panel."""
    page = visit.page
    number = int(
        str(page.locator("#trials tbody tr", has_text="dominated").first.get_attribute("data-trial"))
    )
    page.locator(f"#trials tr[data-trial='{number}']").click()
    drawn = f"""document.getElementById("curves-plot").data
        .filter((trace) => trace.name === "trial {number}").map((trace) => [trace.xaxis, trace.y.length])"""
    panels = page.evaluate("document.querySelectorAll('#curves-plot .cartesianlayer > .subplot').length")
    found = visit.until(f"{drawn}.length", panels)
    assert found == panels >= 3
    assert all(length == 30 for _, length in page.evaluate(drawn))


def test_an_address_names_a_trial(browser: Any, report: str) -> None:
    """A link picks; a number that is no trial picks nothing; a reload keeps the pick."""
    with visiting(browser, report + "#trial=9") as visit:
        assert picked(visit) == 9
        visit.page.reload()
        visit.ready()
        assert picked(visit) == 9
        visit.page.evaluate("location.hash = '#trial=11'")
        visit.until("document.getElementById('picked-number').textContent", "Trial 11")
        assert picked(visit) == 11
    with visiting(browser, report + "#trial=99999") as visit:
        assert picked(visit) is None


def test_views_and_zoom_stay_when_a_trial_is_picked(visit: Visit) -> None:
    """A pick adds a ring and changes nothing else."""
    page = visit.page
    page.locator("#front").get_by_role("button", name="What remains, log").click()
    page.evaluate("Plotly.relayout('front-plot', { 'yaxis.range': [90, 95] })")
    page.locator("#trials tbody tr").nth(9).click()
    assert visit.until(
        "document.getElementById('front-plot').data.some((one) => one.name === 'picked')", True
    )
    layout = page.evaluate("""(() => {
        const { xaxis, yaxis } = document.getElementById("front-plot")._fullLayout;
        return [xaxis.type, yaxis.range];
    })()""")
    assert layout == ["log", [90, 95]]

"""A report of a running study in a real browser: it follows the file, and the reader stays where he was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.render import render
from analysis.report import write
from analysis.results import load
from tests.analysis.folder import write_study
from tests.analysis.visit import Visit, needs_browser, visiting, write_report

pytestmark = needs_browser
SOON = """() => {
    const live = document.getElementById("live");
    live.dataset.seconds = "1";
    live.dataset.rest = "0";  // not twenty times what the page took to load
    window.mark = "the old page";
}"""
TOP = "document.querySelector('#threshold').getBoundingClientRect().top"
PLACE = """[
    document.querySelector("#trials input").value,
    document.querySelector("#picked-number").textContent,
    document.querySelectorAll("details")[1].open,
    document.querySelector("#front-plot")._fullLayout?.xaxis.type,
]"""


def again(visit: Visit) -> None:
    """Wait until the page has come anew."""
    assert visit.until("window.mark === undefined && document.documentElement.dataset.ready === 'true'", True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study that runs."""
    return write_study(tmp_path / "s", state="running")


def test_it_follows_and_keeps_the_place(browser: Any, folder: Path, tmp_path: Path) -> None:
    """Trial by trial while the study runs: scroll, filter, pick, open tables, views; final at the end."""
    file = tmp_path / "report.html"
    with visiting(browser, write_report(folder, file), viewport={"width": 1280, "height": 800}) as visit:
        page = visit.page
        assert "still running" in page.locator("#live").inner_text()
        page.locator("#front").get_by_role("button", name="What remains, log").click()
        page.locator("#trials").get_by_label("Filter").fill("front")
        page.locator("#trials tbody tr:visible").nth(1).click()
        page.locator("summary").nth(1).click()
        page.evaluate("document.getElementById('threshold').scrollIntoView({ behavior: 'instant' })")
        page.evaluate("scrollBy({ top: 123, behavior: 'instant' })")
        before, top = page.evaluate(PLACE), page.evaluate(TOP)
        assert before == ["front", before[1], True, "log"]
        assert top < -50
        # More trials have ended, so that all above the place is longer or shorter than it was.
        write(render(load(write_study(folder, trials=40, state="running"))), file)
        page.evaluate(SOON)
        again(visit)
        assert page.locator("#trials .filter [role=status]").inner_text().endswith("of 48 rows")
        assert visit.until(PLACE, before) == before
        assert page.evaluate(TOP) == pytest.approx(top, abs=2)
        write(render(load(write_study(folder, trials=40))), file)
        page.evaluate(SOON)
        again(visit)
        assert page.locator(".state").count() == 0
        assert visit.until(PLACE, before) == before
        assert page.evaluate(TOP) == pytest.approx(top, abs=2)
        page.evaluate("window.mark = 'final'")
        page.wait_for_timeout(4000)
        assert page.evaluate("window.mark") == "final"
        assert visit.complaints == []


def test_a_reader_who_is_busy_is_not_disturbed(browser: Any, folder: Path, tmp_path: Path) -> None:
    """Typing holds the page; the button stops it for good, also after a reload."""
    address = write_report(folder, tmp_path / "report.html")
    with visiting(browser, address) as visit:
        page = visit.page
        box = page.locator("#trials").get_by_label("Filter")
        # Inside the page: on a machine that is busy, letters from outside may come seconds apart.
        page.evaluate("""() => {
            const box = document.querySelector("#trials input");
            window.typing = setInterval(() => {
                box.value += "k";
                box.dispatchEvent(new Event("input", { bubbles: true }));
            }, 200);
        }""")
        assert visit.until("document.querySelector('#trials input').value.length > 2", True)
        page.evaluate(SOON)
        page.wait_for_timeout(7000)
        assert page.evaluate("window.mark") == "the old page"
        page.locator("#live-pause").click()
        page.evaluate("clearInterval(window.typing)")
        page.wait_for_timeout(7000)
        assert page.evaluate("window.mark") == "the old page"
        page.reload()
        visit.ready()
        assert page.locator("#live-pause").inner_text() == "Refresh again"
        assert box.input_value().startswith("kkk")


def test_silence_is_told(browser: Any, folder: Path, tmp_path: Path) -> None:
    """The made-up trials ended in 1970: the page says that the study may have been killed."""
    with visiting(browser, write_report(folder, tmp_path / "report.html")) as visit:
        visit.page.locator("#live-news", has_text="if the study was killed").wait_for()

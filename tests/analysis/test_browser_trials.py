"""The table of all trials in a real browser: pages, conditions, columns, the words of the plain table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.outcome import classify
from analysis.results import Study, load
from tests.analysis.folder import write_study
from tests.analysis.visit import Visit, needs_browser, visiting, write_report

pytestmark = needs_browser
# The shown rows, each a mapping of column head to text.
ROWS = """() => {
    const heads = [...document.querySelectorAll("#trials thead th")].map((head) => head.textContent);
    return [...document.querySelectorAll("#trials tbody tr")].map((row) =>
        Object.fromEntries(heads.map((head, i) => [head, row.cells[i].textContent])));
}"""
NEXT = "Next rows"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("long") / "s", trials=130)


@pytest.fixture(scope="module")
def report(study: Path) -> str:
    """The address of a report of 138 trials: three pages of the table."""
    return write_report(study, study.parent / "report.html")


@pytest.fixture
def visit(browser: Any, report: str) -> Iterator[Visit]:
    with visiting(browser, report) as opened:
        opened.page.locator("#trials .columns summary").wait_for()
        yield opened
        assert opened.complaints == []


def pages(visit: Visit) -> list[dict[str, str]]:
    """The rows of all pages, from the one that is shown."""
    rows = visit.page.evaluate(ROWS)
    button = visit.page.get_by_role("button", name=NEXT)
    while button.is_enabled():
        button.click()
        rows += visit.page.evaluate(ROWS)
    return rows


def loaded(folder: Path) -> tuple[Study, Any]:
    study = load(folder)
    return study, classify(study).trials


def test_pages_hold_every_trial_once(visit: Visit) -> None:
    """Fifty rows at a time, by number."""
    assert len(visit.page.evaluate(ROWS)) == 50
    assert [int(row["Trial"]) for row in pages(visit)] == list(range(138))
    assert visit.page.locator("#trials .turn").inner_text().split() == ["\u2190", "101\u2013138", "\u2192"]


def test_the_script_writes_what_the_plain_table_says(browser: Any, report: str, visit: Visit) -> None:
    """Numbers, units, words and dashes, in every column that both have."""
    with visiting(browser, report, java_script_enabled=False) as plain:
        expected = {row["Trial"]: row for row in plain.page.evaluate(ROWS)}
    assert len(expected) == 138
    rows = pages(visit)
    shared = rows[0].keys() & expected["0"].keys()
    assert len(shared) >= 8
    for row in rows:
        assert {name: row[name] for name in shared} == {name: expected[row["Trial"]][name] for name in shared}


def test_sorting_goes_over_all_pages_and_unknown_values_stay_last(visit: Visit) -> None:
    """Two failed trials have no accuracy."""
    head = visit.page.locator("#trials").get_by_role("button", name="Validation accuracy")
    for reverse in (False, True):
        head.click()
        shown = [row["Validation accuracy"] for row in pages(visit)]
        known = [float(value.split()[0]) for value in shown[:-2]]
        assert known == sorted(known, reverse=reverse)
        assert shown[-2:] == ["\u2013", "\u2013"]


@pytest.mark.parametrize(
    ("words", "keep"),
    [
        ("sparsity>90", lambda row: row.sparsity_params > 0.9),
        ("sparsity<=90% sine", lambda row: row.sparsity_params <= 0.9 and row.scheduler == "sine"),
        ("front", lambda row: row.outcome == "front"),
        ("trial=17", lambda row: row.number == 17),
        ("window_start>=0.5", lambda row: row.params.get("window_start", 0) >= 0.5),
        ("accuracy>no", lambda row: False),
        ("reference ARM", lambda row: row.kind == "reference"),
    ],
)  # fmt: skip
def test_filter(visit: Visit, study: Path, words: str, keep: Any) -> None:
    """Words stand anywhere in a row; a column compares with the number as it is shown."""
    _, trials = loaded(study)
    expected = [row.number for row in trials.itertuples() if keep(row)]
    visit.page.get_by_label("Filter").fill(words)
    assert [int(row["Trial"]) for row in pages(visit)] == expected
    assert visit.page.locator("#trials .filter [role=status]").inner_text() == f"{len(expected)} of 138 rows"


def test_columns_that_say_nothing_are_off_until_wanted(visit: Visit) -> None:
    """Every parameter has a column; "Replicate of" is empty in this study."""
    heads = visit.page.evaluate(ROWS)[0].keys()
    assert {"shape_a", "shape_b", "window_start", "window_end"} <= heads
    assert "Replicate of" not in heads
    visit.page.locator("#trials .columns summary").click()
    visit.page.get_by_label("Replicate of").check()
    visit.page.get_by_label("shape_a").uncheck()
    heads = visit.page.evaluate(ROWS)[0].keys()
    assert "Replicate of" in heads
    assert "shape_a" not in heads


def test_a_picked_trial_is_found_on_its_page(visit: Visit) -> None:
    """Even where a filter hides it."""
    page = visit.page
    page.get_by_label("Filter").fill("trial<5")
    page.evaluate("location.hash = '#trial=117'")
    page.locator("#picked-row").click()
    row = page.locator("#trials tr.picked")
    row.wait_for()
    assert row.get_attribute("data-trial") == "117"
    assert page.evaluate("document.activeElement.dataset.trial") == "117"

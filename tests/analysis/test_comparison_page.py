"""`python -m analysis.report A B C` end to end: the page, what it refuses, a look in a browser."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.comparison import compare
from analysis.render import render_comparison
from analysis.report import main
from analysis.results import load
from tests.analysis.folder import HOSTILE, trial, write_confirmed, write_folder, write_hostile, write_study
from tests.analysis.rivals import change, foreign, shifted
from tests.analysis.test_report import Page
from tests.analysis.visit import Visit


def three(root: Path) -> list[Path]:
    return [
        shifted(root / "a", 0.01, name="alpha"),
        write_confirmed(root / "b", name="beta", spec={"search": {"sampler": "random", "trials": 26}}),
        shifted(root / "c", -0.02, 50, name="gamma"),
    ]


def text_of(folders: list[Path]) -> str:
    """Visible text with plain spaces."""
    page = Page(render_comparison(folders, [load(folder) for folder in folders]))
    return " ".join(page.text.replace("\u00a0", " ").split())


def test_the_page_says_who_is_better_and_how_sure_that_is(tmp_path: Path) -> None:
    """Difference, pairing, interval, p before and after Holm, effect; and what so few seeds cannot show."""
    text = text_of(three(tmp_path))
    for part in (
        "alpha against beta against gamma: accuracy against sparsity",
        "At 90 % sparsity or more the best validation accuracy is, in order: alpha 94.0 %, beta 93.0 % and "
        "gamma 91.0 % (means of 5 seeds)",
        "alpha is 1.0 points above beta (paired over 5 seeds, 95 % interval +1.0 to +1.0 points; "
        "permutation p = 0.0625, 0.286 after Holm; A12 = 0.68, medium)",
        "alpha is 3.0 points above gamma (no common seeds, unpaired",
        "The smallest p that so few runs can show is 0.00794 before the correction and",
        "Hypervolume over 10.0 % accuracy, 0.0 % sparsity (means of 5 seeds): alpha",
        "there are points that alpha attains in up to",
        "9 entries of 10 in the specifications differ",
        "search.samplertperandomtpe",
        "python -m study.launch --trials 26",
    ):
        assert part in text, part


def test_every_section_and_table_is_whole(tmp_path: Path) -> None:
    """Findings, summaries and captions; rows as wide as their heads; views with the same traces."""
    folders = three(tmp_path)
    _, sections = compare(folders, [load(folder) for folder in folders])
    assert [section.key for section in sections] == [
        "comparison",
        "fronts",
        "attainment",
        "differing",
        "making",
    ]
    pictures = [picture for section in sections for picture in section.pictures]
    assert [picture.key for picture in pictures] == ["fronts", "attainment", "difference-1", "difference-2"]
    for picture in pictures:
        assert picture.summary
        assert picture.caption
        assert len({len(figure.data) for _, figure in picture.views}) == 1
    tables = [table for section in sections for table in section.tables] + [p.table for p in pictures]
    for table in tables:
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_warnings_come_first(tmp_path: Path) -> None:
    """Before the finding they bear on, each marked."""
    text = text_of([write_confirmed(tmp_path / "a"), foreign(tmp_path / "b")])
    assert text.count("Caution.") == 1
    assert text.index("Caution.") < text.index("At 90 % sparsity or more the best")


@pytest.mark.parametrize("seeds", [(101, 102, 103), (1,), (None, None)])
def test_foreign_tables_on_either_side(tmp_path: Path, seeds: tuple[int | None, ...]) -> None:
    """With seeds, with one, with none; first or second."""
    lab, study = foreign(tmp_path / "b", seeds), write_study(tmp_path / "a", trials=6, name="ours")
    assert "old runs against ours" in text_of([lab, study])
    assert "ours against old runs" in text_of([study, lab])


def test_studies_that_reach_nothing(tmp_path: Path) -> None:
    """All failed against a study, and against one another: the page says so."""
    dead = [write_folder(tmp_path / name, [trial(0, None, None)], name=name) for name in ("x", "y")]
    assert "no study attains anything" in text_of(dead)
    text = text_of([write_confirmed(tmp_path / "a", name="a"), dead[0]])
    assert "x does not get there" in text


def test_command_line(tmp_path: Path) -> None:
    """The page lies in the current folder, the studies are left alone, nothing else loads."""
    folders = three(tmp_path)
    before = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    code = (
        "import sys; from analysis.report import main; status = main(sys.argv[1:]); "
        "print([name for name in ('ray', 'torch', 'optuna', 'study', 'trainables') if name in sys.modules]); "
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "a", "b", "c"], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["comparison.html", "[]"]
    assert (tmp_path / "comparison.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert before == {path: path.read_bytes() for path in before}


def test_same_studies_same_bytes(tmp_path: Path) -> None:
    """Wherever they lie."""
    pages = []
    for root in (tmp_path / "one", tmp_path / "two"):
        root.mkdir()
        output = root / "page.html"
        assert main([*map(str, three(root)), "--output", str(output)]) == 0
        pages.append(output.read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"data": {"name": "cifar10"}}, "the data set differs"),
        ("again", "is given twice"),
        ("missing", "does not exist"),
        ("many", "takes 2 to 8"),
    ],
)
def test_refusals(tmp_path: Path, second: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, status 2, no page."""
    first = write_study(tmp_path / "a", trials=2)
    others = {"again": [first], "missing": [tmp_path / "no"], "many": [first] * 8}
    given = [first, *(others[second] if isinstance(second, str) else [])]
    if isinstance(second, dict):
        given.append(change(write_study(tmp_path / "b", trials=2), **second))
    output = tmp_path / "page.html"
    assert main([*map(str, given), "--output", str(output)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("error: "), "Traceback" in err, output.exists()) == ("", 1, False, False)
    assert words in err


def test_hostile_studies_stay_text(tmp_path: Path) -> None:
    """Names, parameters, spec keys and commands full of markup."""
    folders = [write_hostile(tmp_path / name) for name in "ab"]
    page = Page(render_comparison(folders, [load(folder) for folder in folders]))
    assert not {"img", "b"} & {tag for tag, _ in page.tags}
    assert page.text.count("onerror=alert(1)") > 10
    _, sections = compare(folders, [load(folder) for folder in folders])
    for section in sections:
        for picture in section.pictures:
            for trace in picture.views[0][1].data:
                for words in (trace.name, *(trace.hovertext or ())):
                    assert "<img" not in words
    assert HOSTILE not in str(sections[1].pictures[0].views[0][1].to_dict())


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_opens_offline_and_quietly(browser: Any, tmp_path: Path) -> None:
    """Every figure draws, what remains first, without a request or a word on the console."""
    folders, file = three(tmp_path), tmp_path / "page.html"
    file.write_text(render_comparison(folders, [load(folder) for folder in folders]), encoding="utf-8")
    visit = Visit(browser)
    page = visit.page
    page.goto(file.as_uri())
    page.wait_for_selector("#fronts-plot .scatterlayer .point", timeout=120_000)
    first = "document.getElementById('fronts-plot')._fullLayout.xaxis.type"
    assert page.evaluate(first) == "log"
    for i, button in enumerate(page.get_by_role("button", name="Sparsity", exact=True).all()):
        button.click()
        page.wait_for_selector(f".plot >> nth={i} >> .main-svg", timeout=120_000)
    axes = "[...document.querySelectorAll('.plot')].map((plot) => plot._fullLayout.xaxis.type)"
    assert page.evaluate(axes) == ["linear"] * 4
    shades = "document.querySelectorAll('#difference-1-plot .scatterlayer path.js-fill').length"
    assert page.evaluate(shades) > 0
    visit.context.close()
    assert [url for url in visit.requests if not url.startswith("data:")] == [file.as_uri()]
    assert visit.complaints == []

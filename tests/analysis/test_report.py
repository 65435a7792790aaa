"""The report as a file: self-contained, repeatable, safe, and honest about what is missing."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from analysis.render import render
from analysis.report import main
from analysis.results import load
from analysis.sections import SECTIONS
from analysis.theme import DARK
from tests.analysis.folder import HOSTILE, trial, write_folder, write_hostile, write_study


def key_of(attrs: dict[str, str | None]) -> str:
    """The id of an element."""
    return attrs.get("id") or ""


def packed(attrs: dict[str, str | None]) -> bool:
    """Whether a script element holds packed data."""
    return attrs.get("type") == "application/gzip"


def unpacked(text: str) -> bytes:
    """What the page's script reads."""
    return gzip.decompress(base64.b64decode(text))


class Page(HTMLParser):
    """Collects what could fetch something, the scripts, and the visible text."""

    def __init__(self, html: str) -> None:
        """Parse at once."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles, self.text, self._raw = "", "", ""
        self.feed(html)
        self.scripts = [
            (
                attrs,
                unpacked(text).decode() if key_of(attrs).endswith("-plot-data") and packed(attrs) else text,
            )
            for attrs, text in self.scripts
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))
        self._raw = tag if tag in ("script", "style") else self._raw
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        """Leave raw text."""
        self._raw = "" if tag == self._raw else self._raw

    def handle_data(self, data: str) -> None:
        """Sort text by where it stands."""
        if self._raw == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self._raw == "style":
            self.styles += data
        else:
            self.text += data


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The made-up study's report."""
    return render(load(write_study(tmp_path_factory.mktemp("report") / "s")))


def test_nothing_is_fetched(html: str) -> None:
    """No attribute and no style names a place outside the file; plotly.js is there once; no form."""
    page = Page(html)
    places = [
        value or ""
        for _, attrs in page.tags
        for key, value in attrs.items()
        if key in ("src", "href", "srcset")
    ]
    assert all(place.startswith(("#", "data:")) for place in places), places
    assert not re.search(r"@import|url\(", page.styles)
    assert not {"iframe", "form", "object", "embed", "img"} & {tag for tag, _ in page.tags}
    bundles = [text for attrs, text in page.scripts if packed(attrs) and key_of(attrs) == "plotly"]
    assert [unpacked(text).decode() for text in bundles] == [get_plotlyjs()]
    assert get_plotlyjs() not in html


def test_policy_holds_the_hash_of_every_script(html: str) -> None:
    """Content security policy by hash: nothing else runs, nothing connects, nothing evaluates strings."""
    page = Page(html)
    policy = next(attrs["content"] for tag, attrs in page.tags if "Content-Security-Policy" in attrs.values())
    assert policy is not None
    live = [text for attrs, text in page.scripts if "type" not in attrs]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in live}
    bundle = base64.b64encode(hashlib.sha256(get_plotlyjs().encode()).digest()).decode()
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == {*hashes, bundle}
    assert len(live) == 2
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)


def test_same_folder_same_bytes(tmp_path: Path) -> None:
    """Wherever the folder lies and whatever was there before."""
    reports = []
    for name in ("a", "b"):
        folder = write_study(tmp_path / name / "deep" / name)
        for _ in range(2):
            assert main([str(folder)]) == 0
            reports.append((folder / "report.html").read_bytes())
    assert len(set(reports)) == 1
    assert str(tmp_path).encode() not in reports[0]
    assert len(reports[0]) < 7e6


def test_sections_stand_in_reading_order_each_with_a_finding(html: str) -> None:
    """Every registered section is there; figures have a summary and their data as a table."""
    page = Page(html)
    keys = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert keys == [make.__name__ for make in SECTIONS]
    assert [keys[0], *keys[-3:]] == ["answer", "failures", "trials", "making"]
    assert len(keys) == len(SECTIONS)
    findings = re.findall(r'<p class="finding">([^<]+)</p>', html)
    assert len(findings) == len(keys)
    assert all(re.search(r"\d", finding) for finding in findings)
    plots = [attrs for _, attrs in page.tags if attrs.get("class") == "plot"]
    assert all(plot["role"] == "img" and len(plot["aria-label"] or "") > 60 for plot in plots)
    assert html.count("<details>") == len(plots) >= 4
    assert html.count('class="static"') == len(plots)


def test_figures_use_colours_that_the_dark_page_can_exchange(html: str) -> None:
    """Every hex colour in a figure is a light colour of the theme."""
    data = [text for attrs, text in Page(html).scripts if (attrs.get("id") or "").endswith("-plot-data")]
    assert len(data) >= 4
    assert {colour for text in data for colour in re.findall(r'"(#[0-9a-f]{6})"', text)} <= set(DARK)


def test_the_answer_says_how_sure_it_is(html: str) -> None:
    """Interval, n, D in its natural unit, dense arm, test accuracy, one training."""
    text = " ".join(Page(html).text.replace("\u00a0", " ").split())
    start = text.index("At 90 % sparsity or more")
    answer = text[start : text.index("Accuracy against sparsity", start)]
    for part in (
        "n = 270 samples",
        "D / \N{GREEK CAPITAL LETTER SIGMA} lr =",
        "dense network (",
        "test accuracy is",
        "trained once (n = 1",
    ):
        assert part in answer, part


def test_hostile_strings_are_text(tmp_path: Path) -> None:
    """Names, errors, parameters, labels and specs full of markup change no element of the page."""
    study = load(write_hostile(tmp_path / "s"))
    html = render(study)
    page = Page(html)
    assert not [tag for tag, _ in page.tags if tag in ("img", "b")]
    assert len([1 for attrs, _ in page.scripts if "type" not in attrs]) == 2
    assert HOSTILE in page.text
    assert "49" not in re.findall(r'<p class="facts">.*?</p>', html, re.DOTALL)[0]
    figures = [
        json.loads(text) for attrs, text in page.scripts if (attrs.get("id") or "").endswith("-plot-data")
    ]
    markup = re.compile(r"<(?!/?(?:b|extra)>|br>)")
    live = [text for figure in figures for text in strings_of(figure) if markup.search(text)]
    assert live == []


def strings_of(value: object) -> list[str]:
    """Every string value in nested JSON."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in strings_of(item)]


def text_of(folder: Path) -> str:
    """The report's visible text on one line."""
    return " ".join(Page(render(load(folder))).text.replace("\u00a0", " ").split())


def test_all_failed(tmp_path: Path) -> None:
    """No completed trial: every section says what it would need, the errors are listed."""
    text = text_of(write_folder(tmp_path / "s", [trial(i, None, None) for i in range(3)]))
    assert "There is no answer yet: of 3 ended trials no search trial completed (3 failed" in text
    assert text.count("This section needs") == 9
    assert "the loss became NaN in epoch 3" in text


def test_all_below_the_floor(tmp_path: Path) -> None:
    """Completed, but collapsed: the plot shows them, the answer names the floor."""
    text = text_of(write_folder(tmp_path / "s", [trial(i, 0.1, 0.99) for i in range(3)]))
    assert "no trial reached the floor of 50 % accuracy" in text
    assert "3 below the accuracy floor" in text


def test_one_trial_and_bare_records(tmp_path: Path) -> None:
    """A study.json with hardly anything in it, and one trial, still give a report."""
    folder = write_folder(
        tmp_path / "s", [{"number": 0, "state": "COMPLETE", "values": {"accuracy_val": 0.9}}]
    )
    (folder / "study.json").write_text('{"format": 1, "objectives": ["accuracy_val", "sparsity_params"]}')
    assert "completed without finite objective values" in text_of(folder)
    single = write_folder(tmp_path / "t", [trial(0, 0.9, 0.95)])
    assert "keeps 90.0 % validation accuracy (one training" in text_of(single)


def test_replicates_are_counted(tmp_path: Path) -> None:
    """A winner trained again with other seeds is no longer n = 1."""
    rows = [trial(0, 0.95, 0.95), *(trial(i, 0.9, 0.9, seed=i, replicate_of=0) for i in (1, 2))]
    text = text_of(write_folder(tmp_path / "s", rows))
    assert "The winner was trained 3 times and chosen" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [("running", "still running. 34 of 34 planned"), ("interrupted", "was interrupted"), ("complete", None)],
)
def test_unfinished_studies_say_so_at_the_top(tmp_path: Path, state: str, words: str | None) -> None:
    """Before the first section."""
    text = text_of(write_study(tmp_path / "s", state=state))
    top = text[: text.index("At 90 %")]
    assert (words in top) if words else ("running" not in top and "interrupted" not in top)


def test_torn_line_is_in_the_report_and_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reader of either learns of it."""
    folder = write_study(tmp_path / "s", trials=2)
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"number": 99')
    assert main([str(folder)]) == 0
    assert "trials.jsonl was torn" in capsys.readouterr().err
    assert "trials.jsonl was torn" in (folder / "report.html").read_text(encoding="utf-8")

"""Downloads in a real browser: three formats of one table are the same numbers."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.results import load
from tests.analysis.folder import HOSTILE, write_hostile, write_study
from tests.analysis.visit import Visit, needs_browser, visiting, write_report

pytestmark = needs_browser


def taken(visit: Visit, folder: Path, title: str, name: str) -> Path:
    """The file that a button gives."""
    with visit.page.expect_download() as coming:
        visit.page.get_by_role("button", name=f"{title} as {name}").click()
    file = folder / coming.value.suggested_filename
    coming.value.save_as(file)
    return file


def test_three_formats_are_the_same_numbers(browser: Any, tmp_path: Path) -> None:
    """Of every trial and epoch, bit for bit those of the folder; nothing is asked of a network."""
    folder = write_study(tmp_path / "s", name="a study: 1/2")
    study = load(folder)
    address = write_report(folder, tmp_path / "report.html")
    with visiting(browser, address, accept_downloads=True) as visit:
        for title, frame in (("Trials", study.trials), ("Epochs", study.epochs)):
            parquet = taken(visit, tmp_path, title, "Parquet")
            assert parquet.name == f"a-study-1-2-{title.lower()}.parquet"
            table = pd.read_parquet(parquet)
            rows = json.loads(taken(visit, tmp_path, title, "JSON").read_text(encoding="utf-8"))
            with taken(visit, tmp_path, title, "CSV").open(encoding="utf-8", newline="") as file:
                lines = list(csv.DictReader(file))
            assert len(rows) == len(lines) == len(table) == len(frame)
            for name in ("number", "accuracy_val", "sparsity_params", "threshold"):
                expected = [None if math.isnan(x) else x for x in frame[name].astype(float)]
                assert [None if math.isnan(x) else x for x in table[name].astype(float)] == expected
                assert [row[name] for row in rows] == expected
                assert [float(line[name]) if line[name] else None for line in lines] == expected
        assert [url for url in visit.requests if not url.startswith(("data:", "blob:"))] == [address]
        assert visit.complaints == []


def test_hostile_text_comes_back_as_it_was(browser: Any, tmp_path: Path) -> None:
    """Quotes, commas, markup and line breaks survive the page, CSV and JSON."""
    folder = write_hostile(tmp_path / "s")
    address = write_report(folder, tmp_path / "report.html")
    with visiting(browser, address, accept_downloads=True) as visit:
        rows = json.loads(taken(visit, tmp_path, "Trials", "JSON").read_text(encoding="utf-8"))
        file = taken(visit, tmp_path, "Trials", "CSV")
        with file.open(encoding="utf-8", newline="") as text:
            lines = list(csv.DictReader(text))
        assert rows[3]["error"] == lines[3]["error"] == HOSTILE
        assert rows[0]["params"] == json.loads(lines[0]["params"]) == {HOSTILE: HOSTILE}
        assert "/" not in file.name
        assert visit.complaints == []

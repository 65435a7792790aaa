"""`--export`: figures as SVG files and their data as CSV."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from analysis.export import table_csv
from analysis.report import main
from analysis.sections.base import Cell, Column, Table
from tests.analysis.folder import HOSTILE, write_confirmed, write_hostile, write_study
from tests.analysis.pictures import parsed, pictures


@pytest.mark.parametrize("width", [88.0, 180.0])
def test_every_view_and_its_data(width: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file for each view in millimetres, a table for each figure, the same bytes again, nothing else."""
    folder = write_confirmed(tmp_path / "s")
    before = sorted(folder.rglob("*"))
    out = tmp_path / "deep" / "paper"
    shown = pictures(folder)
    for place in (out, tmp_path / "again"):
        assert main([str(folder), "--export", str(place), "--width-mm", str(width)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(out), str(tmp_path / "again")]
    names = {file.name for file in out.iterdir()}
    assert len([name for name in names if name.endswith(".svg")]) == sum(
        len(picture.views) for picture in shown
    )
    assert {name for name in names if name.endswith(".csv")} == {f"{picture.key}.csv" for picture in shown}
    assert "front-what-remains-log.svg" in names
    assert all((out / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    assert sorted(folder.rglob("*")) == before
    for file in out.glob("*.svg"):
        root = parsed(file.read_text(encoding="utf-8"))
        assert root.attrib["width"] == f"{width:g}mm"
        _, _, across, down = map(float, root.attrib["viewBox"].split())
        assert float(root.attrib["height"].removesuffix("mm")) == pytest.approx(
            width * down / across, rel=1e-3
        )
        assert ET.parse(file).getroot().find("{http://www.w3.org/2000/svg}title") is not None


def test_csv_holds_what_is_shown_and_what_it_is(tmp_path: Path) -> None:
    """Shown text and, where it differs, the value at full precision; quotes, commas and markup survive."""
    rows = [[Cell("7", 7), Cell("93.1 %", 0.9312345678901234), Cell(HOSTILE), Cell('a, "b"', "a")],
            [Cell("8", 8), Cell("\N{EN DASH}", None), Cell(""), Cell("line\nbreak")]]  # fmt: skip
    table = Table([Column("Trial"), Column("Accuracy"), Column("Name", False), Column("Note", False)], rows)
    assert list(csv.reader(io.StringIO(table_csv(table), newline=""))) == [
        ["Trial", "Accuracy", "Accuracy (value)", "Name", "Note"],
        ["7", "93.1 %", "0.9312345678901234", HOSTILE, 'a, "b"'],
        ["8", "\N{EN DASH}", "", "", "line\nbreak"],
    ]
    for picture in pictures(write_hostile(tmp_path / "s")):
        read = list(csv.reader(io.StringIO(table_csv(picture.table), newline="")))
        assert {len(row) for row in read} == {len(read[0])}
        assert len(read) == 1 + len(picture.table.rows)


def test_export_beside_a_report(tmp_path: Path) -> None:
    """With --output both are written."""
    folder = write_confirmed(tmp_path / "s")
    assert main([str(folder), "--export", str(tmp_path / "e"), "--output", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "e" / "front.svg").is_file()
    assert (tmp_path / "r.html").is_file()


def test_a_comparison_is_exported_too(tmp_path: Path) -> None:
    """Its own figures, not those of the first study."""
    folders = [str(write_study(tmp_path / name)) for name in "ab"]
    assert main([*folders, "--export", str(tmp_path / "e")]) == 0
    written = {path.name for path in (tmp_path / "e").iterdir()}
    assert {"fronts.svg", "fronts.csv"} <= written
    assert "front.svg" not in written


def test_files_of_an_earlier_export_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They stay, but the reader learns that they are not of this study."""
    folder = write_confirmed(tmp_path / "s")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "old.svg").write_text("x")
    assert main([str(folder), "--export", str(tmp_path / "e")]) == 0
    assert "old.svg" in capsys.readouterr().err
    assert (tmp_path / "e" / "old.svg").read_text() == "x"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--width-mm", "10"], "60 would do"),
        (["--width-mm", "nan"], "180 would do"),
        (["--export", "FILE"], "Cannot write"),
    ],
)
def test_mistakes(more: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, exit 2, nothing written."""
    folder = write_confirmed(tmp_path / "s")
    (tmp_path / "file").write_text("")
    more = [str(tmp_path / "file") if word == "FILE" else word for word in more]
    assert main([str(folder), "--export", str(tmp_path / "e"), *more]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "e").exists()

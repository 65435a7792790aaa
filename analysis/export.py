"""Every figure of the report as SVG and its data as CSV, for papers; without a browser."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from analysis.records import StudyError
from analysis.sections.base import Cell, Picture, Section, Table
from analysis.svg.render import Unsupported, draw

WIDTH_MM, LEAST_MM, MOST_MM = 180.0, 60.0, 400.0  # 180: two columns of a paper; one is about 88
_PX_PER_MM = 4.0  # a text of 12 pixels is 8.5 points high on paper
_NARROW_MM = 120.0
_ROOM, _PLOT = (
    0.72,
    0.6,
)  # of the height: a paper's figures are lower than the page's; least of the plot itself


def export(sections: Sequence[Section], folder: Path, width_mm: float = WIDTH_MM) -> list[Path]:
    """Writes `KEY.svg` (`KEY-VIEW.svg` for further views) and `KEY.csv`; returns their paths, in order.

    `width_mm`: width of the figures, `LEAST_MM` to `MOST_MM`. The same study gives the same bytes. Raises
    `StudyError`: a width out of range, a folder that cannot be written, or, after all others are written,
    figures that cannot be drawn.
    """
    if not LEAST_MM <= width_mm <= MOST_MM:
        near = min(max(width_mm, LEAST_MM), MOST_MM) if width_mm == width_mm else WIDTH_MM
        raise StudyError(
            f"--width-mm {width_mm:g}: a figure is {LEAST_MM:g} to {MOST_MM:g} mm wide. {near:g} would do; a "
            f"paper's column has about 88, two have about {WIDTH_MM:g}."
        )
    pictures = [picture for section in sections for picture in section.pictures]
    written: list[Path] = []
    problems: list[str] = []
    for picture in pictures:
        for name, text in _files(picture, width_mm, problems):
            written.append(_write(folder, name, text))
    if problems:
        raise StudyError(f"Not every figure can be drawn: {'; '.join(problems)}. All others are in {folder}.")
    return written


def _files(picture: Picture, width_mm: float, problems: list[str]) -> list[tuple[str, str]]:
    found = []
    for i, (label, figure) in enumerate(picture.views):
        name = picture.key if i == 0 else f"{picture.key}-{slug(label) or i + 1}"
        narrow = width_mm <= _NARROW_MM
        chosen = picture.narrow[i] if narrow and picture.narrow else figure
        try:
            found.append((f"{name}.svg", svg(chosen, picture.height, picture.summary, name, width_mm)))
        except Unsupported as error:
            problems.append(f"{name} ({error})")
    return [*found, (f"{picture.key}.csv", table_csv(picture.table))]


def svg(figure: go.Figure, height: int, summary: str, key: str, width_mm: float) -> str:
    """A whole SVG file `width_mm` wide. `height`: that of the figure on a page of 1,000 pixels, in pixels."""
    width = round(width_mm * _PX_PER_MM)
    if width_mm <= _NARROW_MM:
        figure = go.Figure(figure).update_layout(
            legend={"font": {"size": 10}}, margin={"l": 44, "r": 10, "b": 44}
        )
    high = round(height * _ROOM * min(1.0, (width / 720) ** 0.35))
    mm = width_mm / width
    markup = draw(figure, width, high, title=summary, key=key, least=_PLOT * high, mm=mm).markup
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{markup}\n'


def slug(label: str) -> str:
    """A button's label as a part of a file name: lower case, words joined by '-'."""
    return "-".join(re.findall(r"[a-z0-9]+", label.lower()))


def table_csv(table: Table) -> str:
    """A table as CSV: every column as shown, and beside it the value at full precision where that differs.

    That second column is named 'LABEL (value)'; fractions are fractions there, not percentages.
    """
    valued = [_differs([row[i] for row in table.rows]) for i in range(len(table.columns))]
    head: list[str] = []
    for column, more in zip(table.columns, valued, strict=True):
        head += [column.label, f"{column.label} (value)"] if more else [column.label]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in table.rows:
        cells: list[str] = []
        for cell, more in zip(row, valued, strict=True):
            cells += [cell.text, _value(cell)] if more else [cell.text]
        writer.writerow(cells)
    return out.getvalue()


def _value(cell: Cell) -> str:
    return "" if cell.sort is None else repr(cell.sort) if isinstance(cell.sort, float) else str(cell.sort)


def _differs(cells: Sequence[Cell]) -> bool:
    """Whether a column sorts by numbers that its text does not show as they are."""
    numbers = [cell for cell in cells if isinstance(cell.sort, int | float)]
    return any(_value(cell) != cell.text for cell in numbers)


def strangers(folder: Path, written: Sequence[Path]) -> str:
    """Other SVG and CSV files of the folder in words; they may be of another study."""
    others = sorted(file.name for file in folder.iterdir() if file.suffix in (".svg", ".csv"))
    others = [name for name in others if name not in {file.name for file in written}]
    return ", ".join(others[:5]) + (f" and {len(others) - 5} more files" if len(others) > 5 else "")


def _write(folder: Path, name: str, text: str) -> Path:
    """One file, replaced in one step. Raises `StudyError`."""
    file = folder / name
    temporary = folder / f".{name}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8", "replace"))
        temporary.replace(file)
    except OSError as error:
        raise StudyError(f"Cannot write {file}: {error.strerror or error}. Give --export a folder.") from None
    return file

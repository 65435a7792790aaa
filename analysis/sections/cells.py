"""Cells and tables that several sections share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import text
from analysis.results import Study
from analysis.sections.base import Cell, Column, Material, Table
from analysis.stats import Estimate


def value(number: object, unit: str | None = None) -> Cell:
    """A number in its unit, sorted by value."""
    return Cell(text.by_unit(number, unit), float(number) if text.finite(number) else None)


def trial(row: Mapping[Any, Any]) -> Cell:
    """The number of a trial."""
    number = int(row["number"])
    return Cell(str(number), number, trial=number)


def schedule(name: str, material: Material) -> Cell:
    """A schedule with its colour."""
    style = material.styles[name]
    return Cell(text.short(style.label, 40), style.label, style.color)


def window(row: Mapping[Any, Any]) -> str:
    """'u = 0.08 to 0.61', the part of the training in which the threshold grows; empty where it is all."""
    start, end = (row["params"].get(key) for key in ("window_start", "window_end"))
    if not (text.finite(start) and text.finite(end)) or (start <= 0 and end >= 1):
        return ""
    return f"u = {start:.2f} to {end:.2f}".replace(" ", text.NBSP)


def estimate(measured: Estimate) -> Cell:
    """A fraction with its interval, in percent."""
    sort = measured.value if text.finite(measured.value) else None
    return Cell(text.estimate(measured.value, measured.low, measured.high), sort)


def stacked(measured: Estimate) -> Cell:
    """A fraction in percent, its interval in a line of its own: half as wide."""
    cell = estimate(measured)
    if not text.finite(measured.low):
        return cell
    ends = f"[{100 * measured.low:.1f}, {100 * measured.high:.1f}]".replace(" ", text.NBSP)
    return Cell(f"{text.percent(measured.value)}\n{ends}", cell.sort)


def gain(difference: Estimate) -> Cell:
    """A difference of fractions with its interval, in percentage points."""
    sort = difference.value if text.finite(difference.value) else None
    shown = text.points(difference.value)
    if text.finite(difference.low):
        shown += f" [{text.points(difference.low)},{text.NBSP}{text.points(difference.high)}]"
    return Cell(shown, sort)


def objectives(study: Study) -> list[Column]:
    """Column heads of accuracy, sparsity and any further objective."""
    return [Column(study.label(name)) for name in study.shown]


def trial_table(rows: pd.DataFrame, material: Material, caption: str, more: Sequence[str] = ()) -> Table:
    """Number, schedule, D / sum(lr), objectives, further metrics (`more`) and outcome of some trials."""
    study = material.study
    metrics = list(dict.fromkeys([*study.shown, *more]))
    columns = [Column("Trial"), Column("Schedule", False), Column(text.RATIO)]
    columns += [Column(study.label(metric)) for metric in metrics]
    body = []
    for row in rows.to_dict("records"):
        cells = [trial(row), schedule(row["scheduler"], material), value(row["threshold_ratio"])]
        cells += [value(row[metric], study.unit(metric)) for metric in metrics]
        body.append([*cells, Cell(row["outcome"], row["outcome"])])
    return Table([*columns, Column("Outcome", False)], body, caption)

"""Cells and tables that several sections share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import text
from analysis.results import Study
from analysis.sections.base import Cell, Column, Material, Table


def value(number: object, unit: str | None = None) -> Cell:
    """A number in its unit, sorted by value."""
    return Cell(text.by_unit(number, unit), float(number) if text.finite(number) else None)


def trial(row: Mapping[Any, Any]) -> Cell:
    """The number of a trial."""
    return Cell(str(int(row["number"])), int(row["number"]))


def schedule(name: str, material: Material) -> Cell:
    """A schedule with its colour."""
    style = material.styles[name]
    return Cell(text.short(style.label, 40), style.label, style.color)


def objectives(study: Study) -> list[Column]:
    """Column heads of the two objectives."""
    return [Column(study.label(study.accuracy)), Column(study.label(study.sparsity))]


def trial_table(rows: pd.DataFrame, material: Material, caption: str) -> Table:
    """Number, schedule, D / sum(lr), both objectives and outcome of some trials."""
    study = material.study
    columns = [Column("Trial"), Column("Schedule", False), Column(text.RATIO), *objectives(study)]
    body = []
    for row in rows.to_dict("records"):
        cells = [trial(row), schedule(row["scheduler"], material), value(row["threshold_ratio"])]
        cells += [value(row[metric], study.unit(metric)) for metric in (study.accuracy, study.sparsity)]
        body.append([*cells, Cell(row["outcome"], row["outcome"])])
    return Table([*columns, Column("Outcome", False)], body, caption)

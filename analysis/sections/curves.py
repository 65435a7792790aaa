"""How the front's trials trained."""

from __future__ import annotations

import statistics

from analysis import text
from analysis.figures.curves import CurvesInfo, curves_info, draw_curves
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule

TITLE = "Training curves of the front"
LATE = 0.01


def curves(material: Material) -> Section:
    """Accuracy, sparsity and threshold over progress; the finding is how much accuracy the end costs."""
    info = curves_info(material.study, material.outcome)
    if not info.curves:
        needs = "rows in epochs.jsonl for at least one trial of the front"
        return Section("curves", TITLE, "No training curve to show.", missing=needs)
    finding = _finding(info)
    names = text.listing([label.lower() for _, label, _ in info.panels])
    summary = f"Line plots of {text.short(names, 120)} over training progress. {finding}"
    caption = f"One line per trial of the front, in the colour of its schedule; bold: trial {info.picked}."
    height = 90 + 210 * len(info.panels)
    picture = Picture(
        "curves", summary, caption, [("", draw_curves(info, material.styles))], height, _table(info, material)
    )
    return Section("curves", TITLE, finding, pictures=[picture])


def _finding(info: CurvesInfo) -> str:
    drops = [curve.drop for curve in info.curves if text.finite(curve.drop)]
    n = text.count(len(info.curves), "trial")
    if not drops:
        return f"{n} of the front, without recorded accuracies."
    worst = max((curve for curve in info.curves if text.finite(curve.drop)), key=lambda curve: curve.drop)
    late = sum(drop > LATE for drop in drops)
    median, most = (text.points(drop).lstrip("+") for drop in (statistics.median(drops), worst.drop))
    return (
        f"Between its best and its last epoch a trial of the front loses {median} points of accuracy in the "
        f"median and {most} at most (trial {worst.number}, "
        f"best at u = {worst.best_at:.2f}); {late} of {n} {'loses' if late == 1 else 'lose'} more than "
        f"{100 * LATE:.0f} point."
    )


def _table(info: CurvesInfo, material: Material) -> Table:
    columns = [
        Column("Trial"),
        Column("Schedule", False),
        Column("Epochs"),
        Column("Best at u"),
        Column("Late loss, points"),
    ]
    columns += [Column(f"{label}, last") for _, label, _ in info.panels]
    rows = []
    for curve in info.curves:
        cells = [Cell(str(curve.number), curve.number), schedule(curve.scheduler, material)]
        cells += [
            Cell(str(len(curve.progress)), len(curve.progress)),
            Cell(f"{curve.best_at:.2f}", curve.best_at),
        ]
        cells.append(
            Cell(text.points(curve.drop).lstrip("+"), curve.drop if text.finite(curve.drop) else None)
        )
        for name, _, unit in info.panels:
            last = curve.values[name][-1]
            cells.append(Cell(text.by_unit(last, unit), last if text.finite(last) else None))
        rows.append(cells)
    return Table(columns, rows, "The rows themselves are in epochs.jsonl.")

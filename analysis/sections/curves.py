"""How chosen trials trained."""

from __future__ import annotations

import statistics

from analysis import text
from analysis.figures.curves import CurvesInfo, curves_info, curves_to_pick, draw_curves
from analysis.figures.panels import height
from analysis.sections.base import Cell, Column, CurveData, Material, Picture, Section, Table
from analysis.sections.cells import schedule

TITLE = "Training curves"
LATE = 0.01
ROWS = 200


def curves(material: Material) -> Section:
    """Accuracy, sparsity, threshold and firing rate over progress; how much accuracy the end costs."""
    study, outcome, runs = material.study, material.outcome, material.runs
    info = curves_info(study, outcome, runs)
    if not (info.curves or info.arms):
        needs = "rows in epochs.jsonl for at least one trial of the front, or a completed reference arm"
        return Section("curves", TITLE, "No training curve to show (n = 0).", missing=needs)
    data = curves_to_pick(study, outcome, runs, info.panels)
    finding = _finding(info)
    names = text.listing([label.lower() for _, label, _ in info.panels])
    summary = f"Line plots of {text.short(names, 120)} over training progress. {finding}"
    caption = f"{len(info.drawn)} of the front's {text.count(len(info.curves), 'trial')}, in the colour of "
    caption += "the schedule" + (f" (bold: trial {info.picked})" if info.picked in info.drawn else "")
    caption += f", and {text.count(len(info.arms), 'reference arm')} (thin, dense dotted)."
    if len(data) == len(runs.bounds):
        caption += " Picking a trial anywhere on this page shows its curves here in ink."
    else:
        caption += (
            f" Picking one of {len(data):,} of {len(runs.bounds):,} trials on this page (the front, the "
            "confirmed and the arms first) shows its curves here in ink."
        )
    picture = Picture(
        "curves",
        summary,
        caption,
        [("", draw_curves(info, material.styles))],
        height(info.panels),
        _table(info, material),
    )
    picked = CurveData([name for name, _, _ in info.panels], [unit for _, _, unit in info.panels], data)
    return Section("curves", TITLE, finding, pictures=[picture], curves=picked)


def _finding(info: CurvesInfo) -> str:
    drops = [curve.drop for curve in info.curves if text.finite(curve.drop)]
    n = text.count(len(info.curves), "trial")
    if not info.curves:
        return f"No trial of the front has rows; the curves are those of {len(info.arms)} reference arms."
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
        Column("Kind", False),
        Column("Epochs"),
        Column("Best at u"),
        Column("Late loss, points"),
    ]
    columns += [Column(f"{label}, last") for _, label, _ in info.panels]
    rows = []
    shown = [*info.curves, *info.arms][:ROWS]
    for curve in shown:
        cells = [
            Cell(str(curve.number), curve.number, trial=curve.number),
            schedule(curve.scheduler, material),
        ]
        cells += [
            Cell("reference" if curve.reference else "front"),
            Cell(str(len(curve.u)), len(curve.u)),
            Cell(f"{curve.best_at:.2f}", curve.best_at),
        ]
        cells.append(
            Cell(text.points(curve.drop).lstrip("+"), curve.drop if text.finite(curve.drop) else None)
        )
        for name, _, unit in info.panels:
            last = float(curve.values[name][-1])
            cells.append(Cell(text.by_unit(last, unit), last if text.finite(last) else None))
        rows.append(cells)
    left = len(info.curves) + len(info.arms) - len(shown)
    more = f" {left:,} more trials are left out." if left else ""
    return Table(columns, rows, f"The rows themselves are in epochs.jsonl.{more}")

"""Slices and parallel coordinates of the completed search trials."""

from __future__ import annotations

from analysis import text
from analysis.figures.importance import ImportanceInfo
from analysis.figures.parallel import draw_parallel
from analysis.figures.searched import SearchedInfo, searched_info
from analysis.figures.slices import draw_slices
from analysis.sections.base import Cell, Column, Material, Picture, Table
from analysis.sections.cells import schedule

PANELS, RAILS = 4, 6
POINTS, LINES = 1000, 300
NEEDS = "completed search trials whose parameters differ"


def slices(info: ImportanceInfo, material: Material) -> Picture | None:
    """Each objective against each of the most important parameters; None without parameters or trials."""
    wanted = [info.parameters[i] for i in (info.known or info.order)[:PANELS]]
    shown = searched_info(material.study, material.outcome, wanted, POINTS)
    if not wanted or not shown.drawn:
        return None
    views = [
        (quantity.label, draw_slices(shown, material.styles, place))
        for place, quantity in enumerate(shown.objectives)
    ]
    narrow = [draw_slices(shown, material.styles, i, narrow=True) for i in range(len(views))]
    names = text.listing([parameter.label for parameter in shown.parameters])
    n = int(shown.front.sum())
    summary = (
        f"Scatter plots of each objective against {names}: {text.count(shown.drawn, 'search trial')}, "
        f"{n} of them on the front."
    )
    caption = (
        "Each point is a completed search trial in the colour of its schedule; large and filled: the front. "
        f"Panels from the most important parameter on.{_left(shown)}"
    )
    height = 720 if len(wanted) > 2 else 400
    table = _table(shown, material)
    return Picture("slices", summary, caption, views, height, table, narrow=narrow, choice="Objective")


def parallel(info: ImportanceInfo, material: Material) -> Picture | None:
    """Parameters and objectives as axes side by side, a line per trial."""
    wanted = [info.parameters[i] for i in (info.known or info.order)[:RAILS]]
    shown = searched_info(material.study, material.outcome, wanted, LINES)
    if not wanted or not shown.drawn:
        return None
    kinds = (("All trials", False), ("The front alone", True))
    views = [(label, draw_parallel(shown, material.styles, alone)) for label, alone in kinds]
    narrow = [draw_parallel(shown, material.styles, alone, narrow=True) for _, alone in kinds]
    axes = [part.label for part in shown.columns]
    n = int(shown.front.sum())
    summary = (
        f"Parallel coordinates over {text.listing(axes)}: {text.count(shown.drawn, 'search trial')} as "
        f"lines, {n} of them, bold, on the front."
    )
    caption = (
        "A line is a completed search trial in the colour of its schedule; bold: the front. 'none': the "
        f"trial has no such parameter.{_left(shown)}"
    )
    table = _table(shown, material)
    height = max(440, 88 * len(axes))
    return Picture("parallel", summary, caption, views, height, table, narrow=narrow, choice="Trials shown")


def _left(shown: SearchedInfo) -> str:
    if shown.drawn == shown.total:
        return ""
    return f" {shown.drawn:,} of {shown.total:,} trials are drawn: the front and, of the others, some."


def _table(shown: SearchedInfo, material: Material) -> Table:
    columns = [Column("Trial"), Column("Schedule", False)]
    columns += [Column(part.label, not part.choices) for part in shown.parameters]
    columns += [Column(part.label) for part in shown.objectives] + [Column("Front", False)]
    rows = [
        [
            Cell(str(number), int(number), trial=int(number)),
            schedule(shown.schedulers[i], material),
            *(Cell(part.shown(part.values[i])) for part in shown.columns),
            Cell("yes" if shown.front[i] else "no"),
        ]
        for i, number in enumerate(shown.numbers.tolist())
    ]
    return Table(columns, rows, "The trials that are drawn.")

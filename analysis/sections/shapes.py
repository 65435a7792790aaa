"""The shapes of the schedules on the front."""

from __future__ import annotations

import statistics

from analysis import text, theme
from analysis.figures.shapes import ShapesInfo, draw_shapes, shapes_info
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule

TITLE = "The schedules on the front"


def shapes(material: Material) -> Section:
    """f(u) of the front's trials over the named shapes, and when growth starts, is half done and ends."""
    info = shapes_info(material.study, material.outcome)
    if not info.front and not info.references:
        needs = "trials with a recorded shape: on the front, or completed reference arms"
        return Section("shapes", TITLE, "No schedule shape to show.", missing=needs)
    finding = _finding(info)
    summary = f"Line plot of threshold schedules over training progress. {finding}"
    caption = "Coloured: the front, by schedule. Thin and grey: reference arms, named."
    picture = Picture(
        "shapes", summary, caption, [("", draw_shapes(info, material.styles))], 460, _table(info, material)
    )
    return Section("shapes", TITLE, finding, pictures=[picture])


def _finding(info: ShapesInfo) -> str:
    n = len(info.front)
    if not n:
        return "No trial of the front has a recorded shape; the reference shapes are shown alone (n = 0)."
    counts = {
        name: sum(shape.scheduler == name for shape in info.front)
        for name in {s.scheduler for s in info.front}
    }
    leader = min(counts, key=lambda name: (-counts[name], name))
    halves = [shape.half for shape in info.front]
    starts, ends = (
        statistics.median(times) for times in zip(*((s.start, s.end) for s in info.front), strict=True)
    )
    return (
        f"{counts[leader]} of {text.count(n, 'schedule')} on the front "
        f"{'is' if counts[leader] == 1 else 'are'} {text.short(theme.label(leader), 40)}; "
        f"the median one passes 5{text.NBSP}% of D at u = {starts:.2f}, half at "
        f"{statistics.median(halves):.2f} (range {min(halves):.2f} to {max(halves):.2f}) and "
        f"95{text.NBSP}% at {ends:.2f} (n = {n}; one training each unless replicated)."
    )


def _table(info: ShapesInfo, material: Material) -> Table:
    rows = [
        [
            Cell(str(shape.number), shape.number),
            schedule(shape.scheduler, material),
            Cell(kind, kind),
            *(Cell(f"{at:.2f}", at) for at in (shape.start, shape.half, shape.end)),
        ]
        for kind, group in (("front", info.front), ("reference", info.references))
        for shape in group
    ]
    heads = [Column(f"u at {share}{text.NBSP}% of D") for share in (5, 50, 95)]
    columns = [Column("Trial"), Column("Schedule", False), Column("Kind", False), *heads]
    return Table(columns, rows, "Progress u at which a schedule has reached a share of its final threshold.")

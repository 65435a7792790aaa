"""The schedules: the shapes on the front, the pressure that they put on the spines, which ones collapse."""

from __future__ import annotations

import statistics

from analysis import text, theme
from analysis.figures.collapse import MOST, ROW, Group, collapses, draw_collapses
from analysis.figures.pressure import Pressure, draw_pressure, pressures
from analysis.figures.shapes import ShapesInfo, draw_shapes, shapes_info
from analysis.runs import DROP, NEAR
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule, value

TITLE = "Schedules"


def shapes(material: Material) -> Section:
    """f(u) of the front over the named shapes, L1 pressure over progress, and which schedules collapse."""
    info = shapes_info(material.study, material.outcome)
    lines = pressures(material.runs, material.outcome)
    groups = collapses(material.study, material.runs)
    drawn = info.front or info.references
    if not (drawn or lines or groups):
        needs = "completed trials with a recorded shape, or rows in epochs.jsonl with accuracy or l1_pressure"
        return Section("shapes", TITLE, "No schedule to show (n = 0).", missing=needs)
    told = [_finding(info)] if drawn else ["No shape is recorded on the front (n = 0)."]
    told += [_collapsed(groups)] if groups else []
    pictures = [_shapes(info, material)] if drawn else []
    pictures += [_pressures(lines, material)] if lines else []
    pictures += [_collapses(groups, material)] if groups else []
    notes = (
        [] if groups else ["Whether a schedule collapses would need its accuracy by epoch (epochs.jsonl)."]
    )
    if not lines:
        notes.append("The pressure on the spines would need the column l1_pressure in epochs.jsonl.")
    return Section("shapes", TITLE, " ".join(told), notes=notes, pictures=pictures)


def _shapes(info: ShapesInfo, material: Material) -> Picture:
    summary = f"Line plot of threshold schedules over training progress. {_finding(info)}"
    caption = "Coloured: the front, by schedule; each dot, at half of D, is a trial."
    if info.confirmed:
        caption += " Bold: on the confirmed front."
    caption += " Thin and grey: reference arms, named."
    if len(info.drawn) < len(info.front):
        caption += f" {len(info.drawn)} of the front's {len(info.front)} shapes are drawn, evenly spread."
    figure = draw_shapes(info, material.styles)
    return Picture("shapes", summary, caption, [("", figure)], 460, _table(info, material))


def _pressures(lines: tuple[Pressure, ...], material: Material) -> Picture:
    most = max(lines, key=lambda line: (line.peak, -line.number))
    finding = (
        f"The sharpest peak is {text.number(most.peak)} times its mean, at u = {most.peak_at:.2f} "
        f"(trial {most.number}, {text.short(theme.label(most.scheduler), 40)}; "
        f"n = {text.count(len(lines), 'training')})."
    )
    caption = (
        f"{finding} Pressure: growth of the threshold per learning rate, (d[n+1] {text.MINUS} d[n]) / lr[n], "
        f"averaged over each epoch; its mean over a training is {text.RATIO}. A pressure that rises when the "
        "learning rate has fallen removes synapses faster than the rest can take over. Log axis; thin lines: "
        "reference arms."
    )
    views = [
        ("In units of its mean", draw_pressure(lines, material.styles, True)),
        ("As it is", draw_pressure(lines, material.styles, False)),
    ]
    columns = [Column("Trial"), Column("Schedule", False), Column("Kind", False), Column(text.RATIO)]
    columns += [Column("Peak / mean"), Column("Peak at u"), Column("Last / mean")]
    ratios = material.outcome.trials.set_index("number")["threshold_ratio"]
    rows = [
        [
            Cell(str(line.number), line.number, trial=line.number),
            schedule(line.scheduler, material),
            Cell("reference" if line.reference else "front"),
            value(float(ratios[line.number])),
            value(line.peak),
            Cell(f"{line.peak_at:.2f}", line.peak_at),
            value(line.relative[-1]),
        ]
        for line in lines
    ]
    table = Table(columns, rows, "Peak and last epoch of the L1 pressure, in units of its mean.")
    summary = f"Line plot of the L1 pressure over training progress. {finding}"
    return Picture("pressure", summary, caption, views, 380, table, choice="Pressure")


def _collapses(groups: tuple[Group, ...], material: Material) -> Picture:
    finding = _collapsed(groups)
    caption = (
        f"A training collapses when its last accuracy is more than {100 * DROP:.0f} points below the best it "
        "had before; it collapsed at the end of the first of the epochs at its end that all are. Filled: it "
        f"ended at chance (at most {100 * NEAR:.0f} points above). Completed search trials and reference "
        "arms; the right edge counts them."
    )
    n = sum(len(group.collapsed) for group in groups)
    if n > MOST:
        caption += f" {MOST:,} of {n:,} collapses are drawn, evenly spread."
    figure = draw_collapses(groups, material.styles)
    summary = f"Strip plot of the progress at which trainings collapsed, by schedule. {finding}"
    height = 90 + ROW * len(groups)
    return Picture("collapses", summary, caption, [("", figure)], height, _collapse_table(groups, material))


def _collapsed(groups: tuple[Group, ...]) -> str:
    n = sum(len(group.trainings) for group in groups)
    times = [time for group in groups for time in group.times]
    rule = f"end more than {100 * DROP:.0f} points below their best"
    if not times:
        return f"None of {text.count(n, 'completed training')} collapsed (none {rule})."
    parts = [
        f"{text.short(theme.label(group.scheduler), 40)} {len(group.collapsed)} of {len(group.trainings)}"
        for group in groups[:4]
        if group.collapsed
    ]
    chance = sum(group.to_chance for group in groups)
    late = sum(time > 0.5 for time in times)
    return (
        f"{len(times)} of {text.count(n, 'completed training')} collapse ({rule}; {chance} to chance), "
        f"{late} of them in the second half, the median one at u = {statistics.median(times):.2f}: "
        f"{text.listing(parts)}{', ...' if sum(bool(g.collapsed) for g in groups) > 4 else ''}."
    )


def _collapse_table(groups: tuple[Group, ...], material: Material) -> Table:
    columns = [Column("Schedule", False), Column("Trainings"), Column("Collapsed"), Column("To chance")]
    columns += [Column("Median u"), Column("First u"), Column("Last u")]
    columns += [Column(f"Least {text.RATIO} that collapsed"), Column(f"Largest {text.RATIO} that did not")]
    rows = []
    for group in groups:
        times, n = group.times, len(group.trainings)
        lost = [one.ratio for one in group.collapsed if text.finite(one.ratio)]
        held = [one.ratio for one in group.trainings if one.end.at is None and text.finite(one.ratio)]
        cells = [schedule(group.scheduler, material), Cell(str(n), n)]
        cells.append(Cell(f"{len(times)} ({text.percent(group.share, 0)})", len(times)))
        cells.append(Cell(str(group.to_chance), group.to_chance))
        spans = [statistics.median(times), min(times), max(times)] if times else [None] * 3
        cells += [Cell(text.DASH if at is None else f"{at:.2f}", at) for at in spans]
        cells += [value(min(lost, default=None)), value(max(held, default=None))]
        rows.append(cells)
    return Table(columns, rows, "Collapses by schedule; u: progress at the collapse.")


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
            Cell(str(shape.number), shape.number, trial=shape.number),
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

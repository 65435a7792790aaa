"""Hardware: synapses, operations and energy of the front, and the chips that its networks fit."""

from __future__ import annotations

from analysis import text
from analysis.figures.hardware import (
    ROW,
    columns_of,
    cost,
    draw_costs,
    draw_matrix,
    panels_of,
    why_not,
)
from analysis.figures.panels import PANEL
from analysis.hardware import WORDS, Chip, Point, chips_of, fitting, points_of
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule, value

TITLE = "Hardware"
NEEDS = "a trial of the front with synapses_live, energy_nj or chips among its metrics in trials.jsonl"
SOURCE = (
    f"Operations are those that meet a nonzero weight. Energy: 0.9{text.NBSP}pJ per accumulation (AC), "
    f"4.6{text.NBSP}pJ per multiplication and accumulation (MAC), float32 at 45{text.NBSP}nm (Horowitz, "
    "ISSCC 2014): arithmetic alone, no memory access."
)
ROWS = 200


def hardware(material: Material) -> Section:
    """Costs over sparsity, and a matrix of the front's networks and the chips."""
    points, chips = points_of(material.study, material.outcome), chips_of(material.study)
    front = [point for point in points if point.kind == "front"]
    if not front:
        return Section("hardware", TITLE, "No network of a front to lay onto a chip (n = 0).", missing=NEEDS)
    finding = " ".join(part for part in (_costs(points), _chips(points, chips)) if part)
    pictures = []
    if panels_of(points):
        pictures.append(_cost_picture(points, material))
    if chips and any(point.chips is not None for point in points):
        pictures.append(_chip_picture(points, chips, material))
    limits = [_limits(chips)] if any(chip.limits for chip in chips) else []
    tables = [_needs(points, chips, material), *limits]
    notes = (
        ["By which limit a network fails is not known: study.json does not list the chips."] * (not limits)
        if chips
        else []
    )
    return Section("hardware", TITLE, finding, notes=notes, pictures=pictures, tables=tables)


def _costs(points: tuple[Point, ...]) -> str:
    front = [point for point in points if point.kind == "front"]
    dense = next((point for point in points if point.kind == "dense"), None)
    parts = []
    for field, word, unit in (("synapses", "live synapses", ""), ("energy", "energy per sample", " nJ")):
        known = [(cost(point, field), point.number) for point in front if text.finite(cost(point, field))]
        if not known:
            continue
        low, high = min(known), max(known)
        part = f"{word} from {text.number(high[0])} down to {text.number(low[0])}{unit} (trial {low[1]}"
        if dense is not None and cost(dense, field) > 0 and low[0] > 0:
            times = text.number(cost(dense, field) / low[0], 2)
            part += f"; dense {text.number(cost(dense, field))}, {times} times as much"
        parts.append(part + ")")
    n = text.count(len(front), "network")
    return f"The front (n = {n}) spans {text.listing(parts)}." if parts else f"The front has {n}."


def _chips(points: tuple[Point, ...], chips: tuple[Chip, ...]) -> str:
    front = [point for point in points if point.kind == "front" and point.chips is not None]
    if not front or not chips:
        return ""
    sure = [chip for chip in chips if chip.confirmed]
    always = [chip for chip in sure if all(point.fits(chip) for point in front)]
    dense = next((point for point in points if point.kind == "dense" and point.chips is not None), None)
    opened = []
    for chip in sure:
        first = next((point for point in front if point.fits(chip)), None)
        before = chip in always if dense is None else dense.fits(chip)
        if first is not None and not before:
            opened.append(
                f"{text.short(chip.name, 30)} from {text.percent(first.sparsity)} sparsity "
                f"(trial {first.number})"
            )
    never = [text.short(chip.name, 30) for chip in sure if not any(point.fits(chip) for point in front)]
    loose = len(chips) - len(sure)
    sentence = (
        f"Of {text.count(len(sure), 'chip')} with confirmed limits {len(always)} take every network of it"
    )
    if opened:
        sentence += f"; pruning opens {text.listing(opened[:5])}" + (" and others" if len(opened) > 5 else "")
    if never:
        sentence += f"; none fits {text.listing(never)}"
    return sentence + (f" ({loose} more have unconfirmed limits)." if loose else ".")


def _cost_picture(points: tuple[Point, ...], material: Material) -> Picture:
    panels = panels_of(points)
    figure = draw_costs(points, material.styles, material.study.label(material.study.sparsity))
    summary = f"Scatter plots of synapses, operations and energy over sparsity. {_costs(points)}"
    caption = f"The networks of the front by schedule; dotted: the dense arm; log axes. {SOURCE}"
    table = _cost_table(points, material)
    return Picture("costs", summary, caption, [("", figure)], 80 + PANEL * len(panels), table)


def _chip_picture(points: tuple[Point, ...], chips: tuple[Chip, ...], material: Material) -> Picture:
    shown = columns_of(points)
    caption = (
        "A first sieve: neurons, synapses, fan-in, fan-out and stored weights of one chip, without dead "
        "neurons; cores, routing and precision are not looked at. Hollow, and * at the name: limits promised "
        "by the vendor, derived, or not traced to a source."
    )
    if len(shown) < len(points):
        caption += f" {len(shown)} of {len(points)} networks are shown, evenly spread."
    summary = f"Matrix of the front's networks and the chips that they fit. {_chips(points, chips)}"
    columns = [Column("Trial"), Column("Schedule", False)]
    columns += [Column(chip.name if chip.confirmed else f"{chip.name} *", False) for chip in chips]
    rows = [
        [_trial(point), schedule(point.scheduler, material), *(_fit(point, chip) for chip in chips)]
        for point in shown
    ]
    table = Table(columns, rows, "Whether a network fits a chip, and else the limits that it exceeds.")
    height = 110 + ROW * len(chips)
    return Picture("chips", summary, caption, [("", draw_matrix(shown, chips))], height, table)


def _trial(point: Point) -> Cell:
    return Cell(str(point.number), point.number, trial=point.number)


def _fit(point: Point, chip: Chip) -> Cell:
    fits = point.fits(chip)
    if fits is None:
        return Cell(text.DASH)
    return Cell("yes" if fits else why_not(point, chip) or "no")


def _cost_table(points: tuple[Point, ...], material: Material) -> Table:
    columns = [
        Column("Trial"),
        Column("Schedule", False),
        Column(material.study.label(material.study.sparsity)),
    ]
    columns += [Column("Live synapses"), Column("AC"), Column("MAC"), Column("Energy, nJ")]
    rows = [
        [
            _trial(point),
            schedule(point.scheduler, material),
            value(point.sparsity, "fraction"),
            *(value(v) for v in (point.needs["synapses"], point.synops, point.macs, point.energy_nj)),
        ]
        for point in points[:ROWS]
    ]
    return Table(columns, rows, f"The dense arm and the front, from least to most sparse.{_left(points)}")


def _needs(points: tuple[Point, ...], chips: tuple[Chip, ...], material: Material) -> Table:
    study = material.study
    names = [name for name in WORDS if name != "weights"]
    columns = [Column("Trial"), Column("Schedule", False), Column(study.label(study.accuracy))]
    columns += [Column(study.label(study.sparsity)), *(Column(f"Live {WORDS[n]}") for n in names[:2])]
    columns += [*(Column(f"Largest {WORDS[n]}") for n in names[2:]), Column("Chips"), Column("Unconfirmed")]
    sure = sum(chip.confirmed for chip in chips)
    rows = []
    for point in points[:ROWS]:
        cells = [_trial(point), schedule(point.scheduler, material)]
        cells += [value(point.accuracy, "fraction"), value(point.sparsity, "fraction")]
        cells += [value(point.needs[name]) for name in names]
        if point.chips is None:
            cells += [Cell(text.DASH)] * 2
        else:
            yes, loose = (len(part) for part in fitting(point, chips))
            cells += [Cell(f"{yes} of {sure}", yes), Cell(f"{loose} of {len(chips) - sure}", loose)]
        rows.append(cells)
    weights = points[0].needs["weights"]
    caption = f"What the networks need, without dead neurons, and how many chips they fit.{_left(points)}"
    if text.finite(weights):
        caption += f" Stored weights, for chips that keep zeros: {text.number(weights)}."
    return Table(columns, rows, caption)


def _left(points: tuple[Point, ...]) -> str:
    return f" {len(points) - ROWS:,} more are left out." if len(points) > ROWS else ""


def _limits(chips: tuple[Chip, ...]) -> Table:
    columns = [Column("Chip", False), *(Column(word.capitalize()) for word in WORDS.values())]
    columns += [Column("Confirmed", False), Column("Source", False)]
    rows = [
        [
            Cell(text.short(chip.name, 40)),
            *(value(chip.limits.get(name)) for name in WORDS),
            Cell("yes" if chip.confirmed else "no"),
            Cell(text.short(chip.source, 120)),
        ]
        for chip in chips
    ]
    return Table(columns, rows, "The chips' limits as the study knew them; a dash: none known.")

"""The layers: which ones pruning empties, and which fall silent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis import text
from analysis.figures.layers import LayersInfo, height, layers_info, views
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule
from analysis.stats import Floats

TITLE = "Layers"
NEEDS = (
    "a trial of the front with metrics by layer (layer_sparsity_params, layer_synapses, node_firing_rate) in "
    "trials.jsonl"
)
ROWS = 400


def layers(material: Material) -> Section:
    """Sparsity, synapses and firing rate by layer; layers that died are named."""
    info = layers_info(material.study, material.outcome)
    drawn = views(info, material.styles)
    if not drawn:
        dead = f" {_died(info)}" if info.trainings else ""
        return Section("layers", TITLE, f"No layer of a front to show (n = 0).{dead}", missing=NEEDS)
    finding = f"{_spread(info)} {_died(info)}"
    caption = (
        f"One line per network, from the input at the top to the output: {len(info.drawn)} of the front's "
        f"{text.count(len(info.front), 'network')}"
    )
    caption += " and the dense arm." if info.dense else "."
    caption += (
        " Names are those of the modules; firing rates are of the layers of neurons, with names of their own."
    )
    summary = f"Profile of the layers of the front's networks. {finding}"
    table = _networks(info, material)
    picture = Picture("layers", summary, caption, drawn, height(info), table, choice="Measure")
    tables = [_by_layer(info), *([_by_node(info)] if info.nodes else [])]
    return Section("layers", TITLE, finding, pictures=[picture], tables=tables)


def _column(info: LayersInfo, field: str) -> Floats:
    """[networks of the front, layers or nodes]"""
    return np.array([getattr(one, field) for one in info.front])


def _middle(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _spread(info: LayersInfo) -> str:
    n = text.count(len(info.front), "network")
    sparsity = [_middle(column) for column in _column(info, "sparsity").T]
    known = [i for i, value in enumerate(sparsity) if text.finite(value)]
    if len(known) < 2:
        return f"The front has {n} with metrics by layer."
    most, least = max(known, key=lambda i: (sparsity[i], -i)), min(known, key=lambda i: (sparsity[i], i))
    sentence = (
        f"On the front layer {text.short(info.layers[most], 40)} is the sparsest "
        f"({text.percent(sparsity[most])} in the median) and layer {text.short(info.layers[least], 40)} the "
        f"densest ({text.percent(sparsity[least])})"
    )
    synapses = _column(info, "synapses")
    total = synapses.sum(axis=1, keepdims=True)
    shares = synapses / np.where(total > 0, total, np.nan)
    middle = [_middle(column) for column in shares.T]
    if any(text.finite(value) for value in middle):
        most = int(np.nanargmax(middle))
        sentence += (
            f"; layer {text.short(info.layers[most], 40)} holds most of the synapses left "
            f"({text.percent(middle[most], 0)} in the median)"
        )
    return f"{sentence} (n = {n})."


def _died(info: LayersInfo) -> str:
    n = text.count(info.trainings, "completed training")
    if not info.affected:
        return f"No layer died: none of {n} has one without synapses or without spikes."
    front = {one.number for one in info.front}
    on = sum(number in front for number in info.affected)
    parts = [f"layer {text.short(name, 40)} lost all synapses in {n}" for name, n in _worst(info.severed)]
    parts += [f"spiking layer {text.short(name, 40)} fell silent in {n}" for name, n in _worst(info.silent)]
    where = f"{on} of them on the front" if on else "none of them on the front"
    return f"Layers died in {len(info.affected)} of {n} ({where}): {text.listing(parts)}."


def _worst(counts: Mapping[str, tuple[int, int]], most: int = 2) -> list[tuple[str, int]]:
    """The names with the most trainings, the earlier layer first of equal ones."""
    return sorted(((name, n) for name, (n, _) in counts.items()), key=lambda pair: -pair[1])[:most]


def _range(values: Floats, unit: str | None) -> Cell:
    """Median and range."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Cell(text.DASH)
    middle, low, high = float(np.median(known)), float(known.min()), float(known.max())
    shown = f"{text.by_unit(middle, unit)} ({text.by_unit(low, unit)} to {text.by_unit(high, unit)})"
    return Cell(shown, middle)


def _dead(counts: Mapping[str, tuple[int, int]], name: str, n: int) -> Cell:
    of = counts.get(name, (0, 0))[0]
    return Cell(f"{of} of {n}", of)


def _by_layer(info: LayersInfo) -> Table:
    sparsity, synapses = _column(info, "sparsity"), _column(info, "synapses")
    rows = []
    for i, name in enumerate(info.layers):
        dense = float(info.dense.synapses[i]) if info.dense else float("nan")
        cells = [Cell(text.short(name, 40)), _range(sparsity[:, i], "fraction"), _range(synapses[:, i], None)]
        cells.append(Cell(text.number(dense), dense if text.finite(dense) else None))
        rows.append([*cells, _dead(info.severed, name, info.trainings)])
    columns = [Column("Layer", False), Column("Sparsity"), Column("Synapses left"), Column("Dense arm")]
    columns.append(Column("Lost all"))
    caption = (
        f"Layers with weights, over the front's {text.count(len(info.front), 'network')}: median (range). "
        "Lost all: completed trainings in which no synapse of the layer leads from input to output."
    )
    return Table(columns, rows, caption)


def _by_node(info: LayersInfo) -> Table:
    rates = _column(info, "rate")
    rows = []
    for i, name in enumerate(info.nodes):
        dense = float(info.dense.rate[i]) if info.dense else float("nan")
        cells = [Cell(text.short(name, 40)), _range(rates[:, i], None)]
        cells.append(Cell(text.number(dense), dense if text.finite(dense) else None))
        rows.append([*cells, _dead(info.silent, name, info.trainings)])
    columns = [Column("Spiking layer", False), Column("Firing rate"), Column("Dense arm"), Column("Silent")]
    caption = "Layers of neurons: spikes per neuron and step over the front, median (range)."
    return Table(columns, rows, caption)


def _networks(info: LayersInfo, material: Material) -> Table:
    drawn = [one for one in info.front if one.number in info.drawn]
    networks = [*([info.dense] if info.dense else []), *drawn]
    rows = [
        [
            Cell(str(one.number), one.number, trial=one.number),
            schedule(one.scheduler, material),
            Cell(text.short(name, 40)),
            _one(one.sparsity[i], "fraction"),
            _one(one.synapses[i], None),
        ]
        for one in networks
        for i, name in enumerate(info.layers)
    ]
    rows += [
        [
            Cell(str(one.number), one.number, trial=one.number),
            schedule(one.scheduler, material),
            Cell(text.short(name, 40)),
            Cell(text.DASH),
            Cell(text.DASH),
            _one(one.rate[i], None),
        ]
        for one in networks
        for i, name in enumerate(info.nodes)
    ]
    rows = [[*row, *([Cell(text.DASH)] if len(row) == 5 else [])] for row in rows]
    columns = [Column("Trial"), Column("Schedule", False), Column("Layer", False), Column("Sparsity")]
    columns += [Column("Synapses left"), Column("Firing rate")]
    more = f" {len(rows) - ROWS:,} more rows are left out." if len(rows) > ROWS else ""
    return Table(columns, rows[:ROWS], f"The networks that the figure shows, layer by layer.{more}")


def _one(value: float, unit: str | None) -> Cell:
    number = float(value)
    return Cell(text.by_unit(number, unit), number if text.finite(number) else None)

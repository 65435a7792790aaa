"""The answer in numbers: dots of its figure, the table to read, and the table of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis import text, theme
from analysis.figures.answer import Dot
from analysis.sections.bands import Band
from analysis.sections.base import Cell, Column, Material, Table
from analysis.sections.cells import estimate, gain, schedule, stacked, trial, value, window
from analysis.sections.versus import NAMED, Versus
from analysis.stats import Estimate

NONE = Cell(text.DASH)
Row = tuple[Band, Sequence[Versus]]


def dots(rows: Sequence[Row]) -> list[tuple[str, list[Dot]]]:
    """The lines of the figure, by band."""
    found = []
    for entry, others in rows:
        name = f"at least {text.percent(entry.least, 0)} sparse"
        if entry.best is None:
            found.append((f"{name}: none above the floor", [_other(one) for one in others if one.row]))
            continue
        best = entry.best
        label = f"best: {_short(str(best['scheduler']))}{_ratio(best)}"
        leader = Dot(label, str(best["scheduler"]), entry.accuracy, True, int(best["number"]))
        found.append((name, [leader, *(_other(one) for one in others)]))
    return found


def _other(one: Versus) -> Dot:
    name = theme.label(one.name)
    if one.row is None:
        words = "itself the best; no arm is as sparse" if one.own else "none is as sparse"
        return Dot(name, one.name, one.accuracy, words=words)
    lead = text.points(one.gain.value)
    if text.finite(one.gain.low):
        lead += f" [{text.points(one.gain.low)}, {text.points(one.gain.high)}]"
    scheduler, number = str(one.row["scheduler"]), int(one.row["number"])
    arm = " arm" if one.row["kind"] == "reference" else ""
    label = f"{_short(scheduler)}{arm}{_ratio(one.row)}"
    return Dot(label, scheduler, one.accuracy, False, number, "" if lead == text.DASH else lead)


def _ratio(row: Mapping[Any, Any]) -> str:
    """D / sum(lr) after a name; nothing where a trial has none."""
    ratio = row["threshold_ratio"]
    return f" {text.number(ratio, 2)}" if text.finite(ratio) else ""


def _short(name: str) -> str:
    return text.plotly_text(text.short(theme.label(name), 24))


def reading_table(material: Material, rows: Sequence[Row], pairs: bool) -> Table:
    """What a reader compares, two or three short lines a cell; `pairs`: some are means over fresh seeds."""
    study = material.study
    columns = [Column("Sparsity at least"), Column("Best schedule", False), Column("Sparsity")]
    columns += [Column(study.label(study.accuracy)), Column("Test accuracy")]
    columns += [Column(f"Over {theme.label(name)}, points") for name in NAMED]
    columns.append(Column("To dense, points"))
    body = []
    for entry, others in rows:
        cells = [Cell(text.percent(entry.least, 0), entry.least)]
        if entry.best is None:
            body.append([*cells, Cell("none above\nthe floor"), *[NONE] * (len(columns) - 2)])
            continue
        best = entry.best
        cells[0] = Cell(cells[0].text, entry.least, trial=int(best["number"]))
        style = material.styles[best["scheduler"]]
        lines = [text.short(style.label, 24)]
        lines += [f"{text.RATIO} = {text.number(best['threshold_ratio'])}"] if _ratio(best) else []
        lines += [window(best)] if window(best) else []
        lines.append(f"trial {int(best['number'])}, {_runs(entry)}")
        cells.append(Cell("\n".join(lines), style.label, style.color))
        cells += [value(entry.sparsity.value, "fraction"), stacked(entry.accuracy), stacked(entry.test)]
        cells += [_against(one) for one in others]
        body.append([*cells, _difference(entry.gap)])
    caption = (
        "Best by sparsity, and how far above the named schedules at the same sparsity or more. Arms run over "
        "the whole training, as published; a trial of the search has a window u of its own. "
    )
    sizes = [(study.samples(study.accuracy.rpartition("_")[2]), "validation sample")]
    sizes.append((study.samples("test"), "test sample"))
    n = ", ".join(text.count(size, noun) for size, noun in sizes if size)
    how = ["Student's t over fresh seeds, differences paired by seed"] if pairs else []
    how += [f"{'of one training ' if pairs else ''}Wilson's over the samples (n = {n})"] if n else []
    caption += f"Brackets: 95{text.NBSP}% intervals, {'; '.join(how)}." if how else ""
    return Table(columns, body, caption)


def _runs(entry: Band) -> str:
    return f"{entry.accuracy.n} seeds" if entry.confirmed is not None else "one training"


def _difference(difference: Estimate, *more: str) -> Cell:
    lines = [text.points(difference.value)]
    if text.finite(difference.low):
        lines.append(f"[{text.points(difference.low)}, {text.points(difference.high)}]")
    return Cell("\n".join([*lines, *more]), difference.value if text.finite(difference.value) else None)


def _against(one: Versus) -> Cell:
    if one.row is None:
        return Cell("itself; no\narm as sparse" if one.own else "none\nas sparse")
    arm = one.row["kind"] == "reference"
    who = f"arm{_ratio(one.row)}" if arm else f"trial {int(one.row['number'])}"
    who = f"{text.percent(one.accuracy.value)}, {who}"
    return _difference(one.gain, who, *([] if one.fresh else ["one training"]))


def full_table(material: Material, rows: Sequence[Row]) -> Table:
    """Everything behind figure and table: one row per band and schedule, with p-values."""
    study = material.study
    columns = [
        Column("Trial"), Column("Sparsity at least"), Column("As", False), Column("Schedule", False),
        Column(text.RATIO), Column("Fresh seeds"), Column(study.label(study.accuracy)),
        Column(study.label(study.sparsity)), Column("Lead of the best, points"), Column("Pairs"),
        Column("p"), Column("p, Holm"),
    ]  # fmt: skip
    body = []
    for entry, others in rows:
        least = Cell(text.percent(entry.least, 0), entry.least)
        if entry.best is not None:
            runs = entry.accuracy.n if entry.confirmed is not None else 0
            body.append([
                trial(entry.best), least, Cell("best"), schedule(entry.best["scheduler"], material),
                value(entry.best["threshold_ratio"]), Cell(str(runs), runs), estimate(entry.accuracy),
                estimate(entry.sparsity), *[NONE] * 4,
            ])  # fmt: skip
        for one in others:
            if one.row is None:
                body.append([NONE, least, Cell(theme.label(one.name)), Cell("none"), *[NONE] * 8])
                continue
            runs, pairs = (one.accuracy.n if one.fresh else 0), one.gain.n
            paired = text.finite(one.p)
            body.append([
                trial(one.row), least, Cell(theme.label(one.name)), schedule(one.row["scheduler"], material),
                value(one.row["threshold_ratio"]), Cell(str(runs), runs), estimate(one.accuracy),
                estimate(one.sparsity), gain(one.gain), Cell(str(pairs), pairs) if paired else NONE,
                value(one.p), value(one.adjusted),
            ])  # fmt: skip
    caption = (
        "Lead: accuracy of the best minus this one. p: two-sided paired permutation; Holm over the table."
    )
    return Table(columns, body, caption)

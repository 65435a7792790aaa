"""The table of confirmed configurations: means over fresh seeds, and how lucky the search's values were."""

from __future__ import annotations

from analysis import text
from analysis.confirmation import TEST, Configuration
from analysis.sections.base import Cell, Column, Material, Table
from analysis.sections.cells import estimate, schedule, trial, value
from analysis.stats import Estimate


def means_table(material: Material) -> Table:
    """One row per confirmed configuration, reference arms included, from least to most sparse."""
    study, outcome = material.study, material.outcome
    columns = [Column("Trial"), Column("Kind", False), Column("Schedule", False), Column(text.RATIO)]
    columns += [Column("Fresh seeds")]
    columns += [Column(f"{study.label(name)}, mean") for name in study.shown]
    columns += [Column("Test accuracy, mean"), Column("Accuracy, sd in points")]
    columns += [Column("Optimism, points"), Column("Confirmed front", False)]
    rows = [_row(part, material) for part in outcome.configurations]
    caption = (
        f"Trained again with fresh seeds: means with 95{text.NBSP}% intervals (Student's t over seeds). "
        "Optimism: the accuracy for which the search chose a configuration minus the mean; that training is "
        "in no mean."
    )
    return Table(columns, rows, caption)


def _row(part: Configuration, material: Material) -> list[Cell]:
    study, row, n = material.study, part.row, len(part.runs)
    runs = str(n) if part.ended == n else f"{n} of {part.ended}"
    cells = [trial(row), Cell("reference" if part.is_reference else "search")]
    cells += [schedule(row["scheduler"], material), value(row["threshold_ratio"]), Cell(runs, n)]
    cells += [_mean(part.mean(name), study.unit(name)) for name in study.shown]
    cells += [estimate(part.mean(TEST)), _sd(part.sd(study.accuracy))]
    luck = part.optimism(study.accuracy)
    cells.append(Cell(text.DASH) if part.is_reference else Cell(text.points(luck), luck))
    if part.is_reference:
        return [*cells, Cell("reference")]
    if not part.feasible:
        return [*cells, Cell("no fresh run yet" if not part.ended else "infeasible")]
    return [*cells, Cell("yes" if part.number in material.outcome.confirmed_front else "no")]


def _mean(mean: Estimate, unit: str | None) -> Cell:
    """A mean with its interval in the unit of its metric."""
    if unit == "fraction" or not text.finite(mean.low):
        return estimate(mean) if unit == "fraction" else value(mean.value, unit)
    ends = f"[{text.by_unit(mean.low, unit)},{text.NBSP}{text.by_unit(mean.high, unit)}]"
    return Cell(f"{text.by_unit(mean.value, unit)} {ends}", mean.value)


def _sd(sd: float) -> Cell:
    return Cell(text.points(sd).lstrip("+"), sd if text.finite(sd) else None)

"""Tables beside the front: confirmed means with how lucky the search was, and published results."""

from __future__ import annotations

from collections.abc import Sequence

from analysis import text
from analysis.confirmation import TEST, Configuration
from analysis.published import Result
from analysis.sections.base import Cell, Column, Material, Table
from analysis.sections.cells import schedule, stacked, trial, value
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


def published_table(results: Sequence[Result]) -> Table:
    """The published results beside the study, with their sources."""
    columns = [Column("Method", False), Column("Schedule", False), Column("D"), Column("T")]
    columns += [Column("Test accuracy"), Column("Dense"), Column("Sparsity (parameters)")]
    columns += [Column("Sparsity (synapses)"), Column("Source", False)]
    rows = [
        [
            Cell(one.method), Cell(one.scheduler or text.DASH), value(one.threshold_final),
            value(one.timesteps), _fine(one.accuracy), _fine(one.dense_accuracy),
            *(_fine(one.sparsity.get(name)) for name in ("sparsity_params", "sparsity_synapses")),
            Cell(one.source),
        ]
        for one in results
    ]  # fmt: skip
    return Table(
        columns, rows, "Published results; D is the final threshold itself, not in units of sum(lr)."
    )


def _fine(fraction: float | None) -> Cell:
    return Cell(text.percent(fraction, 2), fraction if text.finite(fraction) else None)


def _row(part: Configuration, material: Material) -> list[Cell]:
    study, row, n = material.study, part.row, len(part.runs)
    runs = str(n) if part.ended == n else f"{n} of {part.ended}"
    cells = [trial(row), Cell("reference" if part.is_reference else "search")]
    cells += [schedule(row["scheduler"], material), value(row["threshold_ratio"]), Cell(runs, n)]
    cells += [_mean(part.mean(name), study.unit(name)) for name in study.shown]
    cells += [stacked(part.mean(TEST)), _sd(part.sd(study.accuracy))]
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
        return stacked(mean) if unit == "fraction" else value(mean.value, unit)
    ends = f"[{text.by_unit(mean.low, unit)},{text.NBSP}{text.by_unit(mean.high, unit)}]"
    return Cell(f"{text.by_unit(mean.value, unit)}\n{ends}", mean.value)


def _sd(sd: float) -> Cell:
    return Cell(text.points(sd).lstrip("+"), sd if text.finite(sd) else None)

"""The hypervolume over trials and epochs."""

from __future__ import annotations

import numpy as np

from analysis import text
from analysis.figures.hypervolume import NEARLY, HypervolumeInfo, draw_hypervolume
from analysis.sections.base import Cell, Column, Material, Picture, Table
from analysis.sections.cells import value

NEEDS = "at least one feasible search trial better than the reference point, which study.json must hold"
_ROWS = 200


def finding(info: HypervolumeInfo) -> str:
    """The start of the section's sentence."""
    if info.nearly is None:
        ended = text.count(info.ended, "search trial")
        return f"No hypervolume: of {ended} none is feasible and better than the reference point"
    trials, epochs = info.nearly
    return (
        f"The search reached a hypervolume of {text.number(info.reached)} with "
        f"{text.count(info.ended, 'trial')} ({text.count(info.spent, 'epoch')}), "
        f"{text.percent(NEARLY, 0)} of it after {text.count(trials, 'trial')} "
        f"({text.count(epochs, 'epoch')})"
    )


def growth(info: HypervolumeInfo, material: Material) -> Picture | None:
    """The history as a staircase, by trials and by epochs; None without a hypervolume."""
    if info.nearly is None:
        return None
    study = material.study
    corner = text.listing(
        [
            f"{study.label(name).lower()} {text.by_unit(worst, study.unit(name))}"
            for name, worst in zip(study.objectives, study.reference, strict=True)
        ]
    )
    summary = f"Staircase of the hypervolume over search trials or epochs. {finding(info)}."
    caption = (
        f"Hypervolume of the feasible search trials that had ended, in the order of their ends (reference "
        f"point: {corner}). Stopped, failed and infeasible trials count with what they cost. Marks: the "
        f"{text.count(len(info.trials), 'trial')} that raised it."
    )
    if info.stride > 1:
        caption += f" With three objectives it was evaluated after every {info.stride} trials."
    if text.finite(info.confirmed) and info.confirmed > 0:
        caption += (
            " Dashed: that of the confirmed front, means over fresh seeds; the search's own values are "
            "single trainings and some were lucky."
        )
    views = [
        (label, draw_hypervolume(info, epochs)) for label, epochs in (("Trials", False), ("Epochs", True))
    ]
    return Picture("hypervolume", summary, caption, views, 380, _table(info))


def _table(info: HypervolumeInfo) -> Table:
    columns = [Column("Trial"), Column("Trials ended"), Column("Epochs spent"), Column("Hypervolume")]
    gains = np.diff(info.values, prepend=0.0)
    kept = np.sort(np.argsort(-gains, kind="stable")[:_ROWS])
    one = info.stride == 1
    rows = [
        [
            Cell(str(n), int(n), trial=int(n)) if one else Cell(f"up to {n}", int(n)),
            value(int(trials)),
            value(int(epochs)),
            Cell(text.number(float(reached), 5), float(reached)),
        ]
        for n, trials, epochs, reached in zip(
            info.numbers[kept], info.trials[kept], info.epochs[kept], info.values[kept], strict=True
        )
    ]
    left = f" (the {_ROWS} largest steps of {len(gains)})" if len(gains) > _ROWS else ""
    return Table(columns, rows, f"Trials that raised the hypervolume{left}.")

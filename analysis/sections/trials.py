"""Every trial, failed ones with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis import text
from analysis.outcome import OUTCOMES
from analysis.sections.base import Cell, Column, Material, Section, Table
from analysis.sections.cells import objectives, schedule, trial, value

_WORDS = {
    "front": "on the front", "infeasible": "violating a constraint",
    "below floor": "below the accuracy floor", "reference": "as reference arms",
    "confirmed": "confirming others", "stopped": "stopped early",
}  # fmt: skip


def trials(material: Material) -> Section:
    """A sortable, filterable table; without scripts a plain one, by trial number."""
    study, outcome = material.study, material.outcome
    counts = {word: len(outcome.of(word)) for word in OUTCOMES}
    parts = text.listing([f"{n:,} {_WORDS.get(word, word)}" for word, n in counts.items() if n])
    finding = f"{text.count(len(outcome.trials), 'trial')} ended: {parts}."
    tests = study.models.set_index("number")["accuracy_test"].to_dict()
    columns = [
        Column("Trial"), Column("Outcome", False), Column("Schedule", False), Column(text.RATIO),
        *objectives(study), Column("Test accuracy"), Column("Seed"), Column("Training"),
        Column("Parameters or error", False),
    ]  # fmt: skip
    rows = []
    for row in outcome.trials.to_dict("records"):
        cells = [trial(row), Cell(row["outcome"], OUTCOMES.index(row["outcome"]))]
        cells += [schedule(row["scheduler"], material), value(row["threshold_ratio"])]
        cells += [value(row[metric], study.unit(metric)) for metric in study.shown]
        cells += [
            value(tests.get(row["number"]), "fraction"),
            _seed(row["seed"]),
            value(row["train_wall_s"], "s"),
        ]
        rows.append([*cells, Cell(_details(row))])
    table = Table(columns, rows, "All ended trials.", tools=True)
    return Section("trials", "All trials", finding, tables=[table])


def _seed(seed: object) -> Cell:
    return Cell(text.short(seed), seed if isinstance(seed, int) else None)


def _details(row: Mapping[Any, Any]) -> str:
    """The error of a trial, or the parameters that its other columns do not show."""
    if isinstance(row["error"], str) and row["error"]:
        return text.short(row["error"], 300)
    told = {"scheduler", "final_threshold"}  # the ratio says it
    shown = [
        f"{key}{text.NBSP}{text.short(item, 24)}"
        for key, item in sorted(row["params"].items())
        if key not in told
    ]
    if isinstance(row["name"], str) and row["name"] != row["scheduler"]:
        shown.insert(0, text.short(row["name"], 40))
    if text.finite(row["replicate_of"]):
        shown.insert(0, f"replicate of {text.number(row['replicate_of'])}")
    missed = [name for name, violation in sorted(row["violations"].items()) if not violation <= 0]
    if missed:
        shown.insert(0, f"violates {text.listing([text.short(name, 60) for name in missed])}")
    return text.short(", ".join(shown), 300)

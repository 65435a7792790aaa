"""Every trial, failed ones with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import text
from analysis.columns import LongTable
from analysis.outcome import OUTCOMES
from analysis.sections.base import Cell, Column, Material, Section, Table
from analysis.sections.cells import objectives, schedule, trial, value
from analysis.sections.trial_columns import KINDS, TOLD, note, trial_columns

PLAIN = 300  # rows of the table that readers without scripts see
_WORDS = {
    "front": "on the front", "infeasible": "violating a constraint",
    "below floor": "below the accuracy floor", "reference": "as reference arms",
    "confirmed": "confirming others", "stopped": "stopped early",
}  # fmt: skip


def trials(material: Material) -> Section:
    """A sortable, filterable table; without scripts a plain one, by trial number."""
    rows = material.outcome.trials
    counts = {word: len(material.outcome.of(word)) for word in OUTCOMES}
    parts = text.listing([f"{n:,} {_WORDS.get(word, word)}" for word, n in counts.items() if n])
    finding = f"{text.count(len(rows), 'trial')} ended: {parts}."
    whole = LongTable("trials-rows", trial_columns(material), "All ended trials.")
    return Section("trials", "All trials", finding, tables=[_plain(rows, material, whole)])


def _plain(trials: pd.DataFrame, material: Material, whole: LongTable) -> Table:
    """The table without scripts: of a large study, what the report speaks of first."""
    study, caption = material.study, whole.caption
    if len(trials) > PLAIN:
        first = {word: OUTCOMES.index(word) for word in ("front", "reference", "confirmed")}
        order = trials["outcome"].map(lambda word: first.get(word, len(OUTCOMES)))
        left = len(trials) - PLAIN
        caption = (
            f"{PLAIN} of {len(trials):,} ended trials: the front, the reference arms and the confirming runs "
            f"first, then by number. {left:,} are left out without scripts; they are in trials.jsonl."
        )
        trials = trials.assign(rank=order).sort_values(["rank", "number"], kind="stable")[:PLAIN]
    tests = study.models.set_index("number")["accuracy_test"].to_dict()
    columns = [
        Column("Trial"), Column("Outcome", False), Column("Schedule", False), Column(text.RATIO),
        *objectives(study), Column("Test accuracy"), Column("Part", False), Column("Seed"), Column("Epochs"),
        Column("Training"), Column("Retries"), Column("Parameters or error", False),
    ]  # fmt: skip
    body = []
    for row in trials.to_dict("records"):
        cells = [trial(row), Cell(row["outcome"], OUTCOMES.index(row["outcome"]))]
        cells += [schedule(row["scheduler"], material), value(row["threshold_ratio"])]
        cells += [value(row[metric], study.unit(metric)) for metric in study.shown]
        cells += [value(tests.get(row["number"]), "fraction"), Cell(KINDS[row["kind"]]), _seed(row["seed"])]
        cells += [value(row["epochs"]), value(row["train_wall_s"], "s"), value(row["retries"])]
        body.append([*cells, Cell(_details(row))])
    return Table(columns, body, caption, tools=True, whole=whole)


def _seed(seed: object) -> Cell:
    return Cell(text.short(seed), seed if isinstance(seed, int) else None)


def _details(row: Mapping[Any, Any]) -> str:
    """The error of a trial, or the parameters that its other columns do not show."""
    if isinstance(row["error"], str) and row["error"]:
        return note(row)
    shown = [
        f"{key}{text.NBSP}{text.short(item, 24)}"
        for key, item in sorted(row["params"].items())
        if key not in {*TOLD, "final_threshold"}  # the ratio says it
    ]
    if text.finite(row["replicate_of"]):
        shown.insert(0, f"replicate of {text.number(row['replicate_of'])}")
    return text.short(", ".join([part for part in (note(row),) if part] + shown), 300)

"""The columns of the table of all trials: what every trial was, what came out, every parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis import text
from analysis.columns import LongColumn, numbers, words
from analysis.outcome import OUTCOMES
from analysis.sections.base import Material

PARAMETERS = 60  # at most; a study searches some ten
TOLD = {"scheduler", "seed"}  # parameters that have columns of their own
KINDS = {"search": "search", "reference": "reference arm", "confirm": "confirming run"}


def trial_columns(material: Material) -> list[LongColumn]:
    """All columns, rows in the order of the outcome's trials."""
    study, trials = material.study, material.outcome.trials
    label = {name: text.short(style.label, 40) for name, style in material.styles.items()}
    schedules = sorted(label, key=lambda name: (label[name].casefold(), name))
    color = {name: style.color for name, style in material.styles.items()}
    tests = study.models.set_index("number")["accuracy_test"]
    columns = [
        numbers("Trial", trials["number"], trials=True),
        words("Outcome", trials["outcome"].tolist(), OUTCOMES),
        words("Schedule", trials["scheduler"].tolist(), schedules, color, label),
        numbers(text.RATIO, trials["threshold_ratio"]),
        *(numbers(study.label(name), trials[name], study.unit(name)) for name in study.shown),
        numbers("Test accuracy", trials["number"].map(tests), "fraction"),
        words("Part", trials["kind"].tolist(), list(KINDS), show=KINDS),
        _mixed("Seed", trials["seed"].tolist()),
        numbers("Replicate of", trials["replicate_of"]),
        numbers("Epochs", trials["epochs"]),
        numbers("Training", trials["train_wall_s"], "s"),
        numbers("Retries", trials["retries"]),
    ]  # fmt: skip
    params = trials["params"].tolist()
    names = sorted({name for row in params for name in row} - TOLD)[:PARAMETERS]
    columns += [_mixed(text.short(name, 40), [row.get(name) for row in params]) for name in names]
    return [*columns, words("Error or note", [note(row) or None for row in trials.to_dict("records")])]


def _mixed(label: str, values: list[Any]) -> LongColumn:
    """A column of numbers, or of texts where some value is none."""
    real = [value is None or text.finite(value) for value in values]
    if all(real):
        return numbers(label, [np.nan if value is None else value for value in values])
    return words(label, [None if value is None else _shown(value) for value in values])


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return text.short(", ".join(text.short(item, 24) for item in value[:9]), 60)
    return text.short(value, 60)


def note(row: Mapping[Any, Any]) -> str:
    """The error of a trial, else what it violates and the name that it was given."""
    if isinstance(row["error"], str) and row["error"]:
        return text.short(row["error"], 300)
    shown = []
    missed = [name for name, violation in sorted(row["violations"].items()) if not violation <= 0]
    if missed:
        shown.append(f"violates {text.listing([text.short(name, 60) for name in missed])}")
    if isinstance(row["name"], str) and row["name"] not in (row["scheduler"], row["kind"]):
        shown.append(text.short(row["name"], 40))
    return text.short(", ".join(shown), 300)

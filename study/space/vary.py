"""Further dimensions of a space: any field of ``TrainConfig`` as a list of choices or as an interval.

An entry as normalised: the list of its choices, or ``{"low": L, "high": H, "log": bool}``; values in the
types of the field, each one accepted by ``TrainConfig``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import optuna

from trainables.config import TrainConfig, build
from trainables.errors import ConfigError, unknown

Entry = list[Any] | dict[str, Any]

# Fields that a space sets by itself, and the field of ``Space`` that says where.
SEARCHED = {
    "scheduler": "schedulers",
    "final_threshold": "threshold",
    "shape_rate": "rate",
    "shape_a": "exponent_a",
    "shape_b": "exponent_b",
    "shape_increments": "knots",
    "window_start": "start",
    "window_end": "end",
    "final_sparsity": "sparsity",
    "pruner_strength": "strength",
}
_PLACE = "it says where a trial runs, not what it computes"
# Fields that must be the same in all trials of a study, and why.
COMMON = {
    "dataset": "results on different data cannot be compared: a study each",
    # Also because a budget counts trials: of two lengths the longer wins whatever else differs, and the rules
    # that stop trials early compare equal lengths only.
    "epochs": "trials of different length cannot be compared: a study each",
    "seed": "a sampler would search for the luckiest; --confirm runs the best again with fresh seeds",
    "data_dir": _PLACE,
    "device": _PLACE,
    "threads": _PLACE,
}
_FORM = '[A, B, ...] or {"low": L, "high": H}, with "log": true for a log scale'


def normalised(entries: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries in the types of their fields, or a ValueError with a line for each problem."""
    problems: list[str] = []
    result: dict[str, Entry] = {}
    for name, entry in entries.items():
        try:
            result[name] = _entry(name, entry)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ValueError("\n".join(problems))
    return result


def _entry(name: str, entry: Any) -> Entry:
    if name in SEARCHED:
        raise ConfigError([f"{name}: is searched already; say where with {SEARCHED[name]}"])
    if name in COMMON:
        raise ConfigError([f"{name}: cannot vary, {COMMON[name]}"])
    if name == "threshold_unit":
        raise ConfigError([f"{name}: cannot vary, the range of D (threshold) is given in one unit"])
    if name not in TrainConfig.model_fields:
        free = [field for field in TrainConfig.model_fields if field not in {*SEARCHED, *COMMON}]
        raise ConfigError([unknown("field", name, free)])
    if isinstance(entry, dict):
        return _interval(name, entry)
    if not isinstance(entry, list | tuple):
        raise ConfigError([f"{name}: got {entry!r}, must be {_FORM}"])
    if not entry:
        raise ConfigError([f"{name}: the list of choices is empty"])
    values = _all_accepted(name, {f"{name}[{place}]": value for place, value in enumerate(entry)})
    return list({label(value): value for value in values}.values())  # named twice counts once


def _interval(name: str, entry: dict[str, Any]) -> Entry:
    kind = TrainConfig.model_fields[name].annotation
    if kind not in (int, float):
        raise ConfigError([f"{name}: is no number and takes a list of choices, [A, B, ...]"])
    keys = ["low", "high", "log"]
    problems = [f"{name}: " + unknown("key", key, keys) for key in entry if key not in keys]
    problems += [f"{name}: {key} is missing, must be {_FORM}" for key in keys[:2] if key not in entry]
    log = entry.get("log", False)
    if not isinstance(log, bool):
        problems.append(f"{name}.log: got {log!r}, must be true or false")
    if problems:
        raise ConfigError(problems)
    low, high = _all_accepted(name, {f"{name}.{key}": entry[key] for key in keys[:2]})
    if low > high:
        raise ConfigError([f"{name}: got low {low}, high {high}; nearest valid: low {high}, high {low}"])
    if log and low <= 0:
        raise ConfigError([f"{name}.low: got {low}, must be greater than 0 on a log scale"])
    return {"low": low, "high": high, "log": log}


def _all_accepted(name: str, given: Mapping[str, Any]) -> list[Any]:
    """The values in the field's type; a ConfigError names the place of each that the field refuses."""
    # Arguments of a network by import path are checked when it is called: whether the study's own network
    # takes them is seen where that one is known.
    context = {"network": "any:Network"} if name == "network_args" else {}
    values, problems = [], []
    for place, value in given.items():
        try:
            config = build(TrainConfig, context | {name: value})
            values.append(config.model_dump(mode="json")[name])
        except ConfigError as error:
            problems += [place + line.removeprefix(name) for line in error.problems]
    if problems:
        raise ConfigError(problems)
    return values


def ends(entry: Entry) -> list[Any]:
    """The values that an entry is checked with: every choice, or both ends."""
    return entry if isinstance(entry, list) else [entry["low"], entry["high"]]


def label(value: Any) -> Any:
    """What Optuna gets for a choice: storages hold plain values only, so a list or mapping is JSON text."""
    return value if isinstance(value, str | int | float) else json.dumps(value, sort_keys=True)


def suggest(trial: optuna.trial.BaseTrial, name: str, entry: Entry) -> Any:
    """One value of the dimension; a single choice, or equal ends, are not asked for."""
    if isinstance(entry, list):
        choices = {label(value): value for value in entry}
        return entry[0] if len(entry) == 1 else choices[trial.suggest_categorical(name, list(choices))]
    low, high = entry["low"], entry["high"]
    if low == high:
        return low
    ask: Callable[..., Any] = trial.suggest_int if isinstance(low, int) else trial.suggest_float
    return ask(name, low, high, log=entry["log"])

"""Whether a study that was killed and resumed is the one that was left alone: every bit but the clock's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from tests.study.driver import optuna_study, rows
from trainables.config import TrainConfig
from trainables.train import Training

CLOCK = {"wall_s", "train_wall_s", "started_at", "ended_at", "retries", "epochs_redone"}
UNFINISHED = {"RUNNING", "WAITING"}


def timeless(value: Any) -> Any:
    """The value without what a clock or a kill decides."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in CLOCK}
    return value


def inconsistencies(folder: Path) -> list[str]:
    """What one finished study's files and database contradict each other in, lack or hold twice."""
    asked, ended, trained = (rows(folder / f"{name}.jsonl") for name in ("asked", "trials", "epochs"))
    found = _twice("asked.jsonl: number", (line["number"] for line in asked))
    found += _twice("trials.jsonl: number", (line["number"] for line in ended))
    found += _twice("epochs.jsonl: (number, epoch)", ((row["number"], row["epoch"]) for row in trained))
    found += _twice("reference arm", (line["name"] for line in ended if line["kind"] == "reference"))
    confirmed = ((line["replicate_of"], line["seed"]) for line in ended if line["kind"] == "confirm")
    found += _twice("confirmation of (trial, seed)", confirmed)
    found += _twice("configuration", (line["config_hash"] for line in ended))
    numbers = sorted(line["number"] for line in ended)
    if numbers != list(range(len(asked))) or numbers != sorted(line["number"] for line in asked):
        found.append(f"{len(asked)} trials asked, ended: {numbers}")
    epochs = Counter(row["number"] for row in trained)
    for line in ended:
        if epochs[line["number"]] != line["epochs"]:
            found.append(f"#{line['number']} has {epochs[line['number']]} rows, {line['epochs']} epochs")
    state = json.loads((folder / "study.json").read_text())["state"]
    return found + _optuna(folder, asked, ended) + ([] if state == "complete" else [f"study.json: {state}"])


def _optuna(folder: Path, asked: list[dict[str, Any]], ended: list[dict[str, Any]]) -> list[str]:
    trials = optuna_study(folder).trials
    found = [f"Optuna's trial {t.number} is {t.state.name}" for t in trials if t.state.name in UNFINISHED]
    held = {t.user_attrs["number"]: t for t in trials if t.state.name != "FAIL"}
    suggested = {line["number"]: line["suggested"] for line in asked}
    for line in ended:
        trial = held.pop(line["number"], None)
        if line["kind"] == "confirm" or line["state"] == "FAIL":
            if trial is not None:
                found.append(f"#{line['number']} should not stand in Optuna as {trial.state.name}")
            continue
        values = list(line["values"].values()) if line["values"] else None
        told = (line["state"], suggested[line["number"]], values)
        holds = trial and (trial.state.name, trial.params, trial.values)
        if holds != told:
            found.append(f"#{line['number']}: Optuna holds {holds}, the log {told}")
    return found + [f"#{number} is in Optuna and not in the log" for number in held]


def differences(calm: Path, killed: Path) -> list[str]:
    """What the killed study has that differs from the calm one's: lines, rows, choices, networks."""
    found = []
    for name in ("asked", "trials", "epochs"):
        key = ("number", "epoch") if name == "epochs" else ("number",)
        a, b = (
            {tuple(row[part] for part in key): timeless(row) for row in rows(folder / f"{name}.jsonl")}
            for folder in (calm, killed)
        )
        for at in sorted(a.keys() | b.keys()):
            if a.get(at) != b.get(at):
                found.append(f"{name}.jsonl {at}: {_what(a.get(at), b.get(at))}")
    studies = [json.loads((folder / "study.json").read_text()) for folder in (calm, killed)]
    for key in ("budget", "reference_point", "confirmed", "stopping", "space_hash", "seed"):
        if studies[0].get(key) != studies[1].get(key):
            found.append(f"study.json {key}: {studies[0].get(key)} and {studies[1].get(key)}")
    for part in ("models", "checkpoints"):
        names = [sorted(path.name for path in (folder / part).iterdir()) for folder in (calm, killed)]
        if names[0] != names[1]:
            found.append(f"{part}: {names[0]} and {names[1]}")
    if (calm / "models/index.json").read_text() != (killed / "models/index.json").read_text():
        found.append("models/index.json")
    for path in (calm / "models").glob("*.pt"):
        if not (killed / "models" / path.name).exists():
            continue
        a, b = (torch.load(folder / "models" / path.name, weights_only=True) for folder in (calm, killed))
        same = a["model"].keys() == b["model"].keys()
        if not same or not all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"]):
            found.append(f"models/{path.name}: other weights")
    return found


def trained_alone(folder: Path) -> list[str]:
    """Trials whose rows are not those of a training of their config by itself, without Ray."""
    found = []
    trained = rows(folder / "epochs.jsonl")
    for line in rows(folder / "trials.jsonl"):
        number = line["number"]
        filed = [timeless(row) for row in trained if row["number"] == number]
        alone = [timeless(row) for row in Training(TrainConfig(**line["config"]), end_silent=False)]
        if filed != [{"number": number, **row} for row in json.loads(json.dumps(alone))]:
            found.append(f"#{number} differs from its training without Ray")
    return found


def _twice(what: str, keys: Iterable[Any]) -> list[str]:
    return [f"{what} {key} is there {count} times" for key, count in Counter(keys).items() if count > 1]


def _what(a: dict[str, Any] | None, b: dict[str, Any] | None) -> str:
    if a is None or b is None:
        return "missing in the calm study" if a is None else "missing in the killed study"
    return "other " + ", ".join(sorted(key for key in a | b if a.get(key) != b.get(key)))

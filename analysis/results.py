"""The study folder read into frames. Its files are the whole interface to whatever ran the study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.records import Record, StudyError, choices, lines, mapping, number, study_json, unique

STATES = ("COMPLETE", "PRUNED", "FAIL")
KINDS = ("reference", "search", "confirm")


@dataclass(frozen=True)
class Study:
    """One study.

    `info`: study.json as it stands. `trials`: one row per ended trial, by number; `kind` is one of `KINDS`,
    the last epoch's metrics and the objective values are columns under their own names, `violations` maps
    a constraint to how far it is missed (above 0; NaN where unknown). `epochs`: one row per trial and epoch,
    by both. `models`: one row per stored network (number, accuracy_test, nonzero_weights). `notices`: what
    the reader of the report must know about how the files were read. `lists`: by trial, the last epoch's
    metrics that are lists (`layer_*`, `node_*`: one entry per name in study.json's network; `chips`), as
    they stand in the file.
    """

    info: Record
    trials: pd.DataFrame
    epochs: pd.DataFrame
    models: pd.DataFrame
    notices: tuple[str, ...] = field(default=())
    lists: Mapping[int, Mapping[str, list[Any]]] = field(default_factory=dict)

    @property
    def accuracy(self) -> str:
        """The column of the accuracy objective."""
        return self._objective("accuracy", "accuracy_val")

    @property
    def sparsity(self) -> str:
        """The column of the sparsity objective."""
        return self._objective("sparsity", "sparsity_params")

    def _objective(self, prefix: str, default: str) -> str:
        return next((name for name in self.objectives if name.startswith(prefix)), default)

    @property
    def objectives(self) -> list[str]:
        """The columns of the objectives, two or three."""
        return [str(name) for name in self.info["objectives"]]

    @property
    def maximize(self) -> tuple[bool, ...]:
        """Whether more is better, by objective; True where study.json does not say."""
        described = [mapping(self.part("metrics").get(name)) for name in self.objectives]
        return tuple(metric.get("direction") != "minimize" for metric in described)

    @property
    def shown(self) -> list[str]:
        """The columns that every table of trials shows: accuracy, sparsity, and any further objective."""
        return list(dict.fromkeys([self.accuracy, self.sparsity, *self.objectives]))

    def part(self, key: str) -> Record:
        """A nested record of study.json; empty where it is missing or null."""
        value = self.info.get(key)
        return value if isinstance(value, dict) else {}

    def label(self, metric: str) -> str:
        """What people call a metric; its own name where study.json has no label."""
        described = self.part("metrics").get(metric)
        return str(described.get("label", metric)) if isinstance(described, dict) else metric

    def unit(self, metric: str) -> str | None:
        """The unit of a metric as study.json states it."""
        described = self.part("metrics").get(metric)
        return str(described["unit"]) if isinstance(described, dict) and described.get("unit") else None

    def samples(self, split: str) -> int:
        """Number of samples in the split 'train', 'val' or 'test'; 0 when unknown."""
        size = self.part("data").get(split)
        return size if isinstance(size, int) and size > 0 else 0

    @property
    def floor(self) -> float:
        """The accuracy in [0, 1] below which a trial is infeasible; 0 without one."""
        return number(self.info.get("accuracy_floor"), 0.0)

    @property
    def reference(self) -> tuple[float, ...]:
        """Reference point of the hypervolume, one value per objective, in its unit; see `worst`."""
        return tuple(self.worst(name) for name in self.objectives)

    def worst(self, metric: str) -> float:
        """The reference point's value of a metric; 0 where it has none and more is better, else NaN."""
        more = metric not in self.objectives or self.maximize[self.objectives.index(metric)]
        return number(self.part("reference_point").get(metric), 0.0 if more else float("nan"))


def load(folder: Path) -> Study:
    """Read a study folder of format 1. Raises `StudyError` with one message for people."""
    info = study_json(folder)
    notices: list[str] = []
    trials_file = folder / "trials.jsonl"
    if not trials_file.is_file():
        raise StudyError(f"{folder} has no trials.jsonl: no trial has ended there yet. {choices(folder)}")
    records = unique(lines(trials_file, ("number",), notices), ("number",), "trials.jsonl", notices)
    if not records:
        raise StudyError(
            f"{trials_file} has no complete line: no trial has ended there yet. {choices(folder)}"
        )
    epochs_file = folder / "epochs.jsonl"
    rows: list[Record] = []
    if epochs_file.is_file():
        rows = unique(lines(epochs_file, ("number", "epoch"), notices), ("number", "epoch"), "", notices)
    else:
        notices.append("epochs.jsonl is missing: there are no training curves.")
    models = _models(folder, notices)
    study = Study(info, pd.DataFrame(), _epochs(rows), models)
    trials = _trials(records, {study.accuracy, study.sparsity, *study.objectives})
    confirming = trials["kind"] == "confirm"
    lost = trials.loc[confirming & ~trials["replicate_of"].isin(trials.loc[~confirming, "number"]), "number"]
    if len(lost):
        some = ", ".join(str(number) for number in lost[:5]) + (", ..." if len(lost) > 5 else "")
        notices.append(f"Trials that confirm no trial of this study, and are in no mean: {some}.")
    return replace(study, trials=trials, notices=tuple(notices), lists=_lists(records))


def _listed(name: str) -> bool:
    """Whether a metric is a list by its name: such a one is in `Study.lists` and is no column."""
    return name == "chips" or name.startswith(("layer_", "node_"))


def _lists(records: list[Record]) -> dict[int, dict[str, list[Any]]]:
    """`Study.lists`; a trial without any (a failed one, say) has an empty entry."""
    return {
        record["number"]: {
            name: value
            for name, value in mapping(record.get("metrics")).items()
            if _listed(name) and isinstance(value, list)
        }
        for record in records
    }


def _trials(records: list[Record], needed: set[str]) -> pd.DataFrame:
    """One row per record; `needed`: metrics that get a column even where no trial has them."""
    rows = [_trial(record) for record in records]
    measured = {name for record in records for name in mapping(record.get("metrics")) if not _listed(name)}
    measured |= needed
    frame = pd.DataFrame(rows)
    numeric = (measured - _TEXT) | {"threshold_ratio", "final_threshold", "lr_sum", "train_wall_s"}
    numeric |= {"started_at", "ended_at"}
    for name in sorted(numeric):
        column = frame[name] if name in frame else pd.Series(np.nan, index=frame.index)
        frame[name] = _finite(column)
    for name in ("name", "error"):  # pandas would make None a NaN, which is true
        frame[name] = pd.Series([row[name] for row in rows], frame.index, dtype=object)
    return frame


_TEXT = {
    "number", "kind", "name", "state", "scheduler", "params", "config", "config_hash", "seed", "replicate_of",
    "violations", "shape", "error",
}  # fmt: skip


def _trial(record: Record) -> Record:
    """One line of trials.jsonl as a flat row."""
    config, params = mapping(record.get("config")), mapping(record.get("params"))
    dense = config.get("pruner") == "dense" or record.get("name") == "dense"
    scheduler = "dense" if dense else config.get("scheduler") or params.get("scheduler") or "unknown"
    shape = record.get("shape")
    usable = isinstance(shape, list) and len(shape) > 1 and not dense
    kind, state, again = record.get("kind"), record.get("state"), record.get("replicate_of")
    row = {
        "number": record["number"],
        "kind": kind if kind in KINDS else "search",
        "name": None if record.get("name") is None else str(record["name"]),
        "state": state if state in STATES else "FAIL",
        "scheduler": str(scheduler),
        "threshold_ratio": float("nan") if dense else number(record.get("threshold_ratio")),
        "final_threshold": float("nan") if dense else number(record.get("final_threshold")),
        "params": params,
        "config_hash": str(record.get("config_hash") or ""),
        "seed": record.get("seed"),
        "replicate_of": again if type(again) is int else None,
        "violations": {key: number(value) for key, value in mapping(record.get("violations")).items()},
        "shape": tuple(number(value) for value in shape) if usable and shape is not None else None,
        "lr_sum": number(record.get("lr_sum")),
        "epochs": record.get("epochs"),
        "train_wall_s": record.get("train_wall_s"),
        "started_at": record.get("started_at"),
        "ended_at": record.get("ended_at"),
        "error": None if record.get("error") is None else str(record["error"]),
    }
    # Columns of the row itself win over metrics of the same name; objective values win over both.
    metrics = {
        key: value
        for key, value in mapping(record.get("metrics")).items()
        if key not in row and not _listed(key)
    }
    return row | metrics | mapping(record.get("values"))


def _epochs(rows: list[Record]) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame({"number": pd.Series(dtype=int), "epoch": pd.Series(dtype=int)})
    # Lists stay out: a column of them costs more than all the others, and no figure reads them by epoch.
    scalar = {name for row in rows for name in row if not _listed(name)}
    frame = pd.DataFrame(rows, columns=sorted(scalar))
    for name in frame.columns.difference(["number", "epoch"]):
        frame[name] = _finite(frame[name])
    return frame


def _models(folder: Path, notices: list[str]) -> pd.DataFrame:
    columns = ["number", "accuracy_test", "nonzero_weights"]
    file = folder / "models" / "index.json"
    rows: list[Record] = []
    if file.is_file():
        try:
            listed = json.loads(file.read_bytes(), parse_constant=lambda name: None)["trials"]
            rows = [
                {key: row.get(key) for key in columns} for row in listed if type(row.get("number")) is int
            ]
        except (ValueError, KeyError, TypeError, AttributeError):
            notices.append("models/index.json cannot be read: test accuracies are left out.")
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns[1:]:
        frame[name] = _finite(frame[name])
    return frame.drop_duplicates("number", keep="last")


def _finite(column: pd.Series) -> pd.Series:
    """As floats; whatever is no finite number becomes NaN."""
    values = pd.to_numeric(column, errors="coerce").astype(float)
    return values.where(np.isfinite(values))

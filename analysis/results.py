"""The study folder read into frames. Its files are the whole interface to whatever ran the study."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FORMAT = 1
STATES = ("COMPLETE", "PRUNED", "FAIL")
Record = dict[str, Any]


class StudyError(Exception):
    """A folder that cannot become a report: what was given, the rule it breaks, a valid choice."""


@dataclass(frozen=True)
class Study:
    """One study.

    `info`: study.json as it stands. `trials`: one row per ended trial, by number; the last epoch's metrics
    and the objective values are columns under their own names. `epochs`: one row per trial and epoch, by
    both. `models`: one row per stored network (number, accuracy_test, nonzero_weights). `notices`: what the
    reader of the report must know about how the files were read.
    """

    info: Record
    trials: pd.DataFrame
    epochs: pd.DataFrame
    models: pd.DataFrame
    notices: tuple[str, ...] = field(default=())

    @property
    def accuracy(self) -> str:
        """The column of the accuracy objective."""
        return self._objective("accuracy", "accuracy_val")

    @property
    def sparsity(self) -> str:
        """The column of the sparsity objective."""
        return self._objective("sparsity", "sparsity_params")

    def _objective(self, prefix: str, default: str) -> str:
        names = [str(name) for name in self.info["objectives"]]
        return next((name for name in names if name.startswith(prefix)), default)

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
        return _number(self.info.get("accuracy_floor"), 0.0)

    @property
    def reference(self) -> tuple[float, float]:
        """Reference point of the hypervolume: (accuracy, sparsity), fractions."""
        point = self.part("reference_point")
        return _number(point.get(self.accuracy), 0.0), _number(point.get(self.sparsity), 0.0)


def load(folder: Path) -> Study:
    """Read a study folder of format 1. Raises `StudyError` with one message for people."""
    info = _study_json(folder)
    notices: list[str] = []
    trials_file = folder / "trials.jsonl"
    if not trials_file.is_file():
        raise StudyError(f"{folder} has no trials.jsonl: no trial has ended there yet. {_choices(folder)}")
    records = _unique(_lines(trials_file, ("number",), notices), ("number",), "trials.jsonl", notices)
    if not records:
        raise StudyError(
            f"{trials_file} has no complete line: no trial has ended there yet. {_choices(folder)}"
        )
    epochs_file = folder / "epochs.jsonl"
    rows: list[Record] = []
    if epochs_file.is_file():
        rows = _unique(_lines(epochs_file, ("number", "epoch"), notices), ("number", "epoch"), "", notices)
    else:
        notices.append("epochs.jsonl is missing: there are no training curves.")
    objectives = [str(name) for name in info["objectives"]]
    return Study(info, _trials(records, objectives), _epochs(rows), _models(folder, notices), tuple(notices))


def _study_json(folder: Path) -> Record:
    file = folder / "study.json"
    if not folder.is_dir():
        given = "is not a folder" if folder.exists() else "does not exist"
        raise StudyError(f"{folder} {given}; a study folder is needed. {_choices(folder)}")
    if not file.is_file():
        raise StudyError(f"{folder} is not a study folder: it has no study.json. {_choices(folder)}")
    try:
        info = json.loads(file.read_bytes())
    except ValueError as error:
        raise StudyError(f"{file} is not valid JSON ({error}). {_choices(folder)}") from None
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        given = repr(info.get("format")) if isinstance(info, dict) else "none"
        raise StudyError(f"{file} has format {given}; this program reads format {FORMAT}. {_choices(folder)}")
    if not isinstance(info.get("objectives"), list):
        raise StudyError(f"{file} names no list of objectives. {_choices(folder)}")
    return info


def _choices(folder: Path) -> str:
    """Study folders under the given path, or else near the closest parent that exists."""
    near = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    found: list[Path] = []
    for root in (near, near.parent):
        # One and two levels: a study folder, or the folder `studies` that holds them. Deeper could take long.
        found += sorted(
            path.parent for pattern in ("*/study.json", "*/*/study.json") for path in root.glob(pattern)
        )
    names = [str(path) for path in dict.fromkeys(found) if path.resolve() != folder.resolve()][:5]
    return f"Study folders nearby: {', '.join(names)}" if names else "No study folder is nearby."


def _lines(file: Path, keys: tuple[str, ...], notices: list[str]) -> list[Record]:
    """The objects of a .jsonl file, without a torn last line; each must hold whole numbers under `keys`."""
    parts = file.read_bytes().split(b"\n")
    torn = parts.pop() != b""  # after a complete last line there is nothing
    records: list[Record] = []
    for at, part in enumerate(parts, 1):
        try:
            record = json.loads(part, parse_constant=lambda name: None)
            if not isinstance(record, dict) or not all(type(record.get(key)) is int for key in keys):
                raise ValueError(
                    "not an object with " + " and ".join(f"a whole number '{key}'" for key in keys)
                )
        except ValueError as error:  # includes JSONDecodeError and UnicodeDecodeError
            if at == len(parts) and not torn:
                torn = True
                break
            raise StudyError(
                f"{file}, line {at}, cannot be read ({error}). Only the last line may be torn, by a crash; "
                f"restore the line or remove it."
            ) from None
        records.append(record)
    if torn:
        notices.append(f"The last line of {file.name} was torn and is left out (line {len(records) + 1}).")
    return records


def _unique(records: list[Record], keys: tuple[str, ...], name: str, notices: list[str]) -> list[Record]:
    """One record per key, the later one. Repeated epochs are normal after a restart; trials are told."""
    kept = {tuple(record[key] for key in keys): record for record in records}
    if name and len(kept) < len(records):
        notices.append(
            f"{name} holds some trials twice; the later line counts ({len(records) - len(kept)} left out)."
        )
    return [kept[key] for key in sorted(kept)]


def _trials(records: list[Record], objectives: list[str]) -> pd.DataFrame:
    rows = [_trial(record) for record in records]
    measured = {name for record in records for name in _mapping(record.get("metrics"))} | set(objectives)
    frame = pd.DataFrame(rows)
    numeric = (measured - _TEXT) | {"threshold_ratio", "final_threshold", "lr_sum", "train_wall_s"}
    for name in sorted(numeric):
        column = frame[name] if name in frame else pd.Series(np.nan, index=frame.index)
        frame[name] = _finite(column)
    return frame


_TEXT = {"number", "kind", "name", "state", "scheduler", "params", "config", "config_hash", "shape", "error"}


def _trial(record: Record) -> Record:
    """One line of trials.jsonl as a flat row."""
    config, params = _mapping(record.get("config")), _mapping(record.get("params"))
    dense = config.get("pruner") == "dense" or record.get("name") == "dense"
    scheduler = "dense" if dense else config.get("scheduler") or params.get("scheduler") or "unknown"
    shape = record.get("shape")
    usable = isinstance(shape, list) and len(shape) > 1 and not dense
    state = record.get("state")
    row = {
        "number": record["number"],
        "kind": "reference" if record.get("kind") == "reference" else "search",
        "name": None if record.get("name") is None else str(record["name"]),
        "state": state if state in STATES else "FAIL",
        "scheduler": str(scheduler),
        "threshold_ratio": float("nan") if dense else _number(record.get("threshold_ratio")),
        "final_threshold": float("nan") if dense else _number(record.get("final_threshold")),
        "params": params,
        "config_hash": str(record.get("config_hash") or ""),
        "seed": record.get("seed"),
        "replicate_of": record.get("replicate_of"),
        "shape": tuple(_number(value) for value in shape) if usable and shape is not None else None,
        "lr_sum": _number(record.get("lr_sum")),
        "epochs": record.get("epochs"),
        "train_wall_s": record.get("train_wall_s"),
        "error": None if record.get("error") is None else str(record["error"]),
    }
    # Columns of the row itself win over metrics of the same name; objective values win over both.
    metrics = {key: value for key, value in _mapping(record.get("metrics")).items() if key not in row}
    return row | metrics | _mapping(record.get("values"))


def _epochs(rows: list[Record]) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame({"number": pd.Series(dtype=int), "epoch": pd.Series(dtype=int)})
    frame = pd.DataFrame(rows)
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


def _number(value: object, default: float = float("nan")) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def _mapping(value: object) -> Record:
    return value if isinstance(value, dict) else {}

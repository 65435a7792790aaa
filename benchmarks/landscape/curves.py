"""Recorded runs as arrays, and the scales on which they are interpolated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.landscape import pack

CHANCE, SAMPLES = 0.1, 269  # of digits: accuracy of guessing; size of the validation part
SMALLEST = 0.5 / SAMPLES
FIELDS = [name for name in pack.CONFIG if name != "seed"]


def accuracy_logit(accuracy: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of p = (accuracy - chance) / (1 - chance), half a sample away from 0 and 1.

    At and below chance it is flat: which guess a collapsed network makes is of no interest.
    """
    p = np.clip((accuracy - CHANCE) / (1 - CHANCE), SMALLEST, 1 - SMALLEST)
    return np.log(p / (1 - p))


def accuracy_of(logit: np.ndarray) -> np.ndarray:
    """Inverse of :func:`accuracy_logit`."""
    return CHANCE + (1 - CHANCE) / (1 + np.exp(-logit))


def remaining_log(sparsity: np.ndarray) -> np.ndarray:
    """log of the share of weights that remains, at least 1e-4."""
    return np.log(np.clip(1 - sparsity, 1e-4, 1.0))


def sparsity_of(log: np.ndarray) -> np.ndarray:
    """Inverse of :func:`remaining_log`."""
    return 1 - np.exp(np.clip(log, np.log(1e-4), 0.0))


def joined(accuracy: np.ndarray, sparsity: np.ndarray) -> np.ndarray:
    """Curves [n, 30] of both on their scales, side by side: [n, 60]."""
    return np.hstack([accuracy_logit(accuracy), remaining_log(sparsity)])


@dataclass(frozen=True)
class Runs:
    """Recorded runs: ``fields`` of each, the configuration it belongs to, and its curves [n, 30]."""

    fields: list[dict[str, Any]]  # without the seed
    seed: np.ndarray  # [n]
    group: np.ndarray  # [n]: equal for the seeds of one configuration
    accuracy: np.ndarray
    sparsity: np.ndarray
    wall_s: np.ndarray  # since the start of the training; [0, 30] where it was not recorded

    def __len__(self) -> int:
        return len(self.fields)

    def take(self, index: np.ndarray) -> Runs:
        """Some of the runs, by mask or number."""
        kept = np.arange(len(self))[index]
        return Runs(
            [self.fields[i] for i in kept],
            self.seed[kept],
            self.group[kept],
            self.accuracy[kept],
            self.sparsity[kept],
            self.wall_s[kept] if len(self.wall_s) else self.wall_s,
        )


def _runs(fields: list[dict[str, Any]], seeds: list[int], accuracy: Any, sparsity: Any, wall_s: Any) -> Runs:
    keys = [json.dumps(one, sort_keys=True) for one in fields]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    group = np.array([number[key] for key in keys])
    return Runs(fields, np.array(seeds), group, np.array(accuracy), np.array(sparsity), np.array(wall_s))


def from_rows(rows: list[dict[str, Any]]) -> Runs:
    """Lines of ``runs/digits.jsonl``; a run that ended early is left out (its end is no result)."""
    rows = [row for row in rows if row["epoch"] == pack.EPOCHS]
    fields = [{k: row["config"][k] for k in FIELDS if k in row["config"]} for row in rows]
    curves = [[row["curves"][name] for row in rows] for name in ("accuracy_val", "sparsity_params", "wall_s")]
    return _runs(fields, [row["config"]["seed"] for row in rows], *curves)


def from_parquet(path: Path) -> Runs:
    """The packed landscape."""
    frame, _ = pack.read(path)
    frame = frame[frame["epochs_trained"] == pack.EPOCHS]
    fields = [{k: plain(v) for k, v in row.items() if given(v)} for row in frame[FIELDS].to_dict("records")]
    curves = [np.stack(frame[name].to_list()) for name in ("accuracy_val", "sparsity_params", "wall_s")]
    return _runs(fields, frame["seed"].to_list(), *(curve.astype(float) for curve in curves))


def from_claims(path: Path) -> Runs:
    """The soft-threshold runs of ``claims.py`` that lie in the landscape: independent trainings."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [row for row in rows if _in_landscape(row["config"]) and row["epoch"] == pack.EPOCHS]
    full = {"window_start": 0.0, "window_end": 1.0, "shape_rate": 3.0}
    fields = []
    for row in rows:
        config = full | row["config"]
        if config["scheduler"] != "exponential":
            del config["shape_rate"]
        fields.append({k: config[k] for k in FIELDS if k in config})
    curves = [[row["curves"][name] for row in rows] for name in ("accuracy_val", "sparsity_params")]
    return _runs(fields, [row["config"]["seed"] for row in rows], *curves, np.empty((0, pack.EPOCHS)))


def given(value: Any) -> bool:
    """Whether a cell of the packed runs holds a value."""
    return isinstance(value, np.ndarray) or (value is not None and value == value)


def plain(value: Any) -> Any:
    """The cell as a field of a configuration."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _in_landscape(config: Mapping[str, Any]) -> bool:
    curve = config.get("lr_schedule", "cosine")
    return config["pruner"] == "stds" and curve == "cosine" and "layer_weighting" not in config

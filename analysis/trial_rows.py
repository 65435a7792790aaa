"""trials.jsonl as one frame of well-typed columns, and the metrics that are lists beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.epochs import finite, listed
from analysis.records import Record, countable, mapping, number

STATES = ("COMPLETE", "PRUNED", "FAIL")
KINDS = ("reference", "search", "confirm")
NUMERIC = (
    "threshold_ratio", "final_threshold", "lr_sum", "epochs", "train_wall_s", "started_at", "ended_at",
    "retries",
)  # fmt: skip
# Columns that hold no measurement: no metric and no objective may take their names.
RESERVED = frozenset(
    ("number", "kind", "name", "state", "scheduler", "params", "config", "config_hash", "seed",
     "replicate_of", "violations", "shape", "audited", "error", "outcome")
)  # fmt: skip


def trial_rows(records: list[Record], needed: set[str]) -> pd.DataFrame:
    """One row per record; `needed`: objectives, columns of their own even where no trial has them."""
    rows = [_row(record) for record in records]
    frame = pd.DataFrame({name: _column(name, [row[name] for row in rows]) for name in rows[0]})
    measured = [_measured(record, needed) for record in records]
    names = {name for row in measured for name in row} | needed
    columns = {name: finite([row.get(name) for row in measured]) for name in sorted(names)}
    return pd.concat(
        [frame[frame.columns.difference(list(columns), sort=False)], pd.DataFrame(columns)], axis=1
    )


def lists(records: list[Record]) -> dict[int, dict[str, list[Any]]]:
    """`Study.lists`; a trial without any (a failed one, say) has an empty entry."""
    return {
        record["number"]: {
            name: value
            for name, value in mapping(record.get("metrics")).items()
            if listed(name) and isinstance(value, list)
        }
        for record in records
    }


def _column(name: str, values: list[Any]) -> Any:
    if name == "number":
        return np.array(values, dtype=np.int64)
    if name in NUMERIC:
        return finite(values)
    # Objects: pandas would make None a NaN, which is true.
    return pd.Series(values, dtype=float if name == "replicate_of" else object)


def _measured(record: Record, needed: set[str]) -> Record:
    """The numbers of a line: objective values win over metrics, the row's own columns over metrics."""
    taken = RESERVED | {*NUMERIC}
    metrics = mapping(record.get("metrics"))
    found = {name: value for name, value in metrics.items() if name not in taken and not listed(name)}
    values = mapping(record.get("values"))
    own = {name: record.get(name) for name in needed & {*NUMERIC}}
    return found | own | {name: values[name] for name in needed if name in values}


def _row(record: Record) -> Record:
    """What a line says beside its measurements."""
    config, params = mapping(record.get("config")), mapping(record.get("params"))
    dense = config.get("pruner") == "dense" or record.get("name") == "dense"
    scheduler = "dense" if dense else config.get("scheduler") or params.get("scheduler") or "unknown"
    shape = record.get("shape")
    usable = isinstance(shape, list) and len(shape) > 1 and not dense
    kind, state, again, seed = (record.get(key) for key in ("kind", "state", "replicate_of", "seed"))
    return {
        "number": record["number"],
        "kind": kind if kind in KINDS else "search",
        "name": _text(record.get("name")),
        "state": state if state in STATES else "FAIL",
        "scheduler": str(scheduler),
        "threshold_ratio": None if dense else record.get("threshold_ratio"),
        "final_threshold": None if dense else record.get("final_threshold"),
        "params": params,
        "config_hash": _text(record.get("config_hash")) or "",
        "seed": seed if type(seed) is int else _text(seed),
        "replicate_of": again if countable(again) else None,
        "violations": {key: number(value) for key, value in mapping(record.get("violations")).items()},
        "shape": tuple(number(value) for value in shape) if usable and shape is not None else None,
        **{name: record.get(name) for name in NUMERIC[2:]},
        "retries": number(record.get("retries"), 0.0),
        "audited": _text(record.get("audited")),
        "error": _text(record.get("error")),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)

"""Keeps a running study's books: asks the search, files every row and every ended trial, tells the search."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.search import OBJECTIVES, Search, Suggestion
from study.stopping import SafetyStop
from study.store import Store
from trainables.assembly import dataset, final_threshold, lr_sum
from trainables.config import config_hash
from trainables.metrics import METRICS, finite

SHAPE_POINTS = 33  # a schedule is stored as f at u = i / 32: enough to draw any of them


@dataclass
class Running:
    """A trial between its suggestion and its end."""

    suggestion: Suggestion
    final_threshold: float  # in weight units
    started_at: float = field(default_factory=time.time)
    row: dict[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    stopped: str | None = None
    retries: int = 0


class Recorder:
    """The one place where search and store meet; the caller reports what happens to trials, in any order.

    ``on_change`` is called after every event, for the display.
    """

    def __init__(self, search: Search, store: Store) -> None:
        self.search, self.store = search, store
        self.running: dict[int, Running] = {}
        self.ended: list[dict[str, Any]] = store.trials.read()
        self.on_change: Callable[[], None] = lambda: None
        spec = search.spec
        n_val = len(dataset(spec.train).val)
        margin = 2 * math.sqrt(spec.chance * (1 - spec.chance) / n_val)
        self.safety = SafetyStop(spec.chance, margin)

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Tune pickles whatever holds a recorder, but the books are files and must not be copied."""
        return {}

    def next(self) -> Suggestion | None:
        """The next trial to run, None when the budget is spent."""
        suggestion = self.search.ask()
        if suggestion is not None:
            self.running[suggestion.number] = Running(suggestion, final_threshold(suggestion.config))
        self.on_change()
        return suggestion

    def row(self, number: int, row: Mapping[str, Any]) -> None:
        """File one epoch. Rows that a restarted trial repeats are the same bits and are not filed twice."""
        trial = self.running[number]
        if row["epoch"] <= trial.row.get("epoch", 0):
            return
        trial.row = finite({name: row[name] for name in METRICS if name in row} | {"reason": row["reason"]})
        self.store.epochs.append({"number": number, **trial.row})
        self.on_change()

    def should_stop(self, number: int, row: Mapping[str, Any]) -> bool:
        """Whether a trial should end with this row, before its last epoch. Reference arms always run on."""
        trial = self.running[number]
        if trial.suggestion.kind == "search" and row["epoch"] > trial.row.get("epoch", 0):
            trial.stopped = self.safety.reason(number, row, trial.final_threshold)
        return trial.stopped is not None

    @property
    def finished(self) -> bool:
        """Whether every planned trial has ended."""
        return not self.running and self.search.spent

    def checkpoint(self, number: int, path: str) -> None:
        """Where the newest state of a trial lies, relative to the study folder."""
        self.running[number].checkpoint = path

    def retry(self, number: int) -> None:
        """The trial's process died; it goes on from its last checkpoint."""
        self.running[number].retries += 1
        self.on_change()

    def end(self, number: int, error: str | None = None) -> None:
        """A trial ended: FAIL on ``error`` or a reason in its last row, PRUNED if stopped, or COMPLETE.

        Filed first, told then: what a crash leaves between the two, ``Search.reclaim`` mends.
        """
        trial = self.running.pop(number)
        reason = error or trial.row.get("reason")
        values: dict[str, float] | None = None
        if reason is None and any(trial.row.get(name) is None for name in OBJECTIVES):
            reason = "ended without a finite value of every objective"
        if reason is not None:
            state = "FAIL"
        elif trial.stopped is not None:
            state, reason = "PRUNED", trial.stopped
        else:
            state, values = "COMPLETE", {name: float(trial.row[name]) for name in OBJECTIVES}
        line = self._line(trial, state, reason, values)
        self.store.trials.append(line)
        self.search.tell(number, state, values)
        self.ended.append(line)
        self.on_change()

    def _line(
        self, trial: Running, state: str, reason: str | None, values: dict[str, float] | None
    ) -> dict[str, Any]:
        suggestion, config = trial.suggestion, trial.suggestion.config
        dense = config.pruner == "dense"
        shape = None if dense else config.schedule()(np.linspace(0, 1, SHAPE_POINTS)).tolist()
        scale = lr_sum(config)
        return {
            "number": suggestion.number,
            "kind": suggestion.kind,
            "name": suggestion.name,
            "state": state,
            "params": suggestion.params,
            "config": config.model_dump(mode="json"),
            "config_hash": config_hash(config),
            "seed": config.seed,
            "replicate_of": None,
            "values": values,
            "metrics": {name: value for name, value in trial.row.items() if name in METRICS},
            "shape": shape,
            "final_threshold": trial.final_threshold,
            "threshold_ratio": trial.final_threshold / scale,
            "lr_sum": scale,
            "epochs": trial.row.get("epoch", 0),
            "train_wall_s": trial.row.get("wall_s", 0.0),
            "started_at": trial.started_at,
            "ended_at": time.time(),
            "checkpoint": trial.checkpoint,
            "retries": trial.retries,
            "error": reason,
        }

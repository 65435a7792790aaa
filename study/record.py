"""Keeps a running study's books: asks the agenda, files what is asked, every row and every end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.agenda import Agenda, Suggestion
from study.outcome import Outcome, feasible
from study.stopping.stops import Stops
from study.store import Store
from trainables.assembly import final_threshold, lr_sum
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
    stopped: str | None = None
    retries: int = 0
    redone: int = 0  # filed epochs that were trained again, as far as this driver has seen

    @property
    def over(self) -> bool:
        """Whether the rows filed so far are all that there will be."""
        last = self.row.get("epoch", 0) >= self.suggestion.config.epochs
        return last or self.stopped is not None or bool(self.row.get("reason"))


class Recorder:
    """The one place where agenda and store meet; the caller reports what happens to trials, in any order.

    ``on_change`` is called after every event, for the display. A write that fails because the disk is away
    (a network mount) waits for it to come back. The first one that the disk refuses is kept in ``broken`` and
    ends the books: nothing is filed after a gap.
    """

    def __init__(self, agenda: Agenda, store: Store) -> None:
        self.agenda, self.store = agenda, store
        self.running: dict[int, Running] = {}
        self.ended: list[dict[str, Any]] = store.trials.read()
        self.outcome = Outcome(agenda.spec, self.ended)
        self.on_change: Callable[[], None] = lambda: None
        self.broken: OSError | None = None
        self._planned = False
        self.stops = Stops(agenda.spec)
        self._interrupted: dict[int, Running] = {
            suggestion.number: Running(suggestion, final_threshold(suggestion.config))
            for suggestion in agenda.unfinished
        }
        self._replay()

    def __getstate__(self) -> dict[str, Any]:
        """Empty: Tune pickles whatever holds a recorder, but the books are files and must not be copied."""
        return {}

    def next(self) -> Suggestion | None:
        """The next trial to run; None when there is none now."""
        if self.broken:
            return None
        before = len(self.agenda.asked)
        suggestion = self.agenda.next()
        if suggestion is None:
            return None
        if len(self.agenda.asked) > before:
            choice = self.agenda.search.choice  # filed before its first trial: not made again
            if choice is not None and choice != self.store.study.get("sampler"):
                self._write(lambda entry: self.store.update(sampler=entry), choice)
            self._write(self.store.asked.append, suggestion.line())
        if suggestion.kind == "confirm" or not self._planned:  # a budget may have grown since
            self._plan()
        known = self._interrupted.pop(suggestion.number, None)
        self.running[suggestion.number] = known or Running(suggestion, final_threshold(suggestion.config))
        self.on_change()
        return None if self.broken else suggestion

    def _plan(self) -> None:
        """File how many trials there will be: known when the confirmation runs are chosen."""
        self._planned = True
        planned = self.agenda.planned()
        if self.store.study and planned != self.store.study.get("planned"):
            self._write(lambda entry: self.store.update(planned=entry), planned)

    def filed(self, number: int) -> int:
        """The last epoch of a running trial that is in the books."""
        return int(self.running[number].row.get("epoch", 0))

    def row(self, number: int, row: Mapping[str, Any]) -> None:
        """File one epoch. Rows that a restarted trial repeats are the same bits and are not filed twice.

        A repeated row was trained again, or (``sent_again``) read from the trial's state.
        """
        trial = self.running[number]
        if row["epoch"] <= trial.row.get("epoch", 0) and not row.get("sent_again"):
            trial.redone += 1
        if row["epoch"] <= trial.row.get("epoch", 0) or self.broken:
            return
        trial.row = finite({name: row[name] for name in METRICS if name in row} | {"reason": row["reason"]})
        self._write(self.store.epochs.append, {"number": number, **trial.row})
        self.on_change()

    def should_stop(self, number: int, row: Mapping[str, Any]) -> bool:
        """Whether a trial should end with this row, before its last epoch. Only searched trials do."""
        return self._judge(self.running[number], row)

    @property
    def finished(self) -> bool:
        """Whether every planned trial has ended."""
        return not self.running and self.agenda.spent and not self.broken

    def retry(self, number: int) -> None:
        """The trial's process died; it goes on from its last checkpoint."""
        self.running[number].retries += 1
        self.on_change()

    def end(self, number: int, error: str | None = None) -> None:
        """A trial ended: FAIL on ``error`` or a reason in its last row, PRUNED if stopped, or COMPLETE.

        Filed first, told then: what a crash leaves between the two is mended when the study is opened.
        """
        if self.broken:
            return
        self._file_end(self.running.pop(number), error)
        self.on_change()

    def _judge(self, trial: Running, row: Mapping[str, Any]) -> bool:
        if trial.suggestion.kind == "search" and row["epoch"] > trial.row.get("epoch", 0):
            number, config = trial.suggestion.number, trial.suggestion.config
            trial.stopped = self.stops.reason(number, config, row)
        return trial.stopped is not None

    def _replay(self) -> None:
        """Take up the books of an interrupted study: rows go through the stopping rules as they did then.

        A trial whose last row was filed and whose end was not ends here.
        """
        over = {line["number"]: line for line in self.ended}
        suggestions = {suggestion.number: suggestion for suggestion in self.agenda.asked}
        trials = dict(self._interrupted)
        for row in self.store.epochs.read():
            number = row["number"]
            if number not in suggestions:
                continue
            if number not in trials:
                trials[number] = Running(suggestions[number], final_threshold(suggestions[number].config))
            trial = trials[number]
            self._judge(trial, row)
            trial.row = {name: value for name, value in row.items() if name != "number"}
            if number in over and row["epoch"] == over[number]["epochs"]:
                self.stops.end(number, trial.row, feasible=feasible(over[number]))
        for number, trial in list(self._interrupted.items()):
            if trial.over:
                del self._interrupted[number]
                self._file_end(trial, None)

    def _file_end(self, trial: Running, error: str | None) -> None:
        objectives = self.agenda.search.objectives
        reason = error or trial.row.get("reason")
        values = objectives.values(trial.row)
        if reason is None and trial.stopped is None and values is None:
            reason = "ended without a finite value of every objective"
        if reason is not None:
            state = "FAIL"
        elif trial.stopped is not None:
            state, reason = "PRUNED", trial.stopped
        else:
            state = "COMPLETE"
        line = self._line(trial, state, reason, values if state == "COMPLETE" else None)
        self._write(self.store.trials.append, line)
        if self.broken:
            return
        self.stops.end(line["number"], trial.row, feasible=feasible(line))
        self.agenda.end(line)
        self.ended.append(line)
        self._keep_networks(line)

    def audit(self) -> dict[str, Any] | None:
        """What the stopping rule did and what it cost."""
        found = {line["number"] for line in self.ended if feasible(line)}
        return self.stops.report(self.ended, self.store.epochs.read(), found, self.outcome.reference_point)

    def _keep_networks(self, line: dict[str, Any]) -> None:
        """Of the searched trials only the front's are wanted; what has left the front does not come back."""
        unwanted = self.outcome.add(line)
        if line["state"] != "COMPLETE":
            unwanted.add(line["number"])
        for number in unwanted:
            self.store.discard(number)

    def sweep(self) -> None:
        """At the end of the study: no state is left that nobody wants."""
        self.store.sweep(
            line["number"]
            for line in self.ended
            if line["state"] != "COMPLETE"
            or (line["kind"] == "search" and not self.outcome.on_front(line["number"]))
        )

    def _write(self, append: Callable[[dict[str, Any]], None], line: dict[str, Any]) -> None:
        if self.broken:
            return
        try:
            self.store.patiently(lambda: append(line))
            self.store.changed()
        except OSError as error:
            self.broken = error

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
            "replicate_of": suggestion.replicate_of,
            "values": values,
            "violations": self.agenda.search.objectives.violations(trial.row) if values else {},
            "metrics": {name: value for name, value in trial.row.items() if name in METRICS},
            "shape": shape,
            "final_threshold": trial.final_threshold,
            "threshold_ratio": trial.final_threshold / scale,
            "lr_sum": scale,
            "epochs": trial.row.get("epoch", 0),
            "train_wall_s": trial.row.get("wall_s", 0.0),
            "started_at": trial.started_at,
            "ended_at": time.time(),
            "retries": trial.retries,
            "epochs_redone": trial.redone,
            "audited": self.stops.audited(suggestion.number),
            "error": reason,
        }

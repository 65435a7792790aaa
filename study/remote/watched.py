"""A study as its logs tell it: what the display of a running study asks of the recorder, from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from study.console import describe, headline
from study.outcome import Outcome
from study.remote.agent import LOGS, ODD, Frame
from study.spec import Budget, StudySpec
from study.words import plain
from trainables.config import TrainConfig
from trainables.errors import ConfigError, said

SHOWN = ("progress", "accuracy_val", "sparsity_params")  # of an epoch's row


@contextmanager
def readable(name: str) -> Iterator[None]:
    """ConfigError, one line, for whatever comes of files that are none of this version's."""
    try:
        yield
    except ConfigError:
        raise
    except ODD as error:
        raise ConfigError([f"study {name}: its files cannot be read here ({said(error)})"]) from None


def _finite(value: float | None) -> float:
    """What a bar and a percentage can show."""
    return float(value) if value is not None and math.isfinite(value) else 0.0


def outline(name: str, study: Frame) -> StudySpec:
    """What lists and displays need of a stored spec; not validated: that would import what it names."""
    search = study["spec"]["search"]
    budget = Budget.model_construct(
        objectives=tuple(study["objectives"]), confirm=int(search["confirm"]), trials=int(search["trials"])
    )
    return StudySpec.model_construct(name=name, search=budget)


@dataclass
class Asked:
    """A trial's suggestion, as far as it is shown."""

    config: TrainConfig


@dataclass
class Trial:
    """A running trial."""

    suggestion: Asked
    row: dict[str, Any] = field(default_factory=dict)


class Watched:
    """Takes in the frames of ``agent``'s watch. Has what ``console.Display`` reads of a recorder."""

    def __init__(self, name: str, frame: Frame) -> None:
        self.study: Frame = frame["study"]
        self.spec = outline(name, self.study)
        self.ended: list[dict[str, Any]] = []
        self.running: dict[int, Trial] = {}
        self.outcome = Outcome(self.spec, chance=1 / self.study["data"]["classes"])
        self.on_change: Callable[[], None] = lambda: None
        self.most = 1  # trials at once
        self.planned()
        self.state = "running"
        self.now = float(frame["now"])  # the head's clock

    @property
    def agenda(self) -> Watched:
        """Itself: the display asks the recorder's agenda for the spec and the plan."""
        return self

    def planned(self) -> dict[str, int]:
        """Trials in the budget by kind, as the driver counts them."""
        planned = self.study.get("planned") or self.study["budget"]
        return {str(kind): int(count) for kind, count in planned.items()}

    def take(self, frame: Frame) -> None:
        """One frame. ConfigError where its lines are none of this version's."""
        with readable(self.spec.name):
            self._take(frame)
            self.on_change()

    def _take(self, frame: Frame) -> None:
        self.study = plain(frame.get("study")) or self.study
        self.state, self.now = str(plain(frame["state"])), float(frame["now"])
        asked, trials, epochs = (plain(frame.get(name, [])) for name in LOGS)
        for line in asked:
            config: dict[str, Any] = {name: str(line["config"][name]) for name in ("pruner", "scheduler")}
            self.running[int(line["number"])] = Trial(Asked(TrainConfig.model_construct(**config)))
        for row in epochs:
            if row["number"] in self.running:
                self.running[row["number"]].row = row | {name: _finite(row[name]) for name in SHOWN}
        ended = {line["number"]: line for line in self.ended}
        new = [line for line in trials if line["number"] not in ended]
        for line in new:
            describe(line)  # before it is kept: rich draws what is kept in a thread of its own
            if not math.isfinite(line["ended_at"] - line["started_at"]):
                raise ValueError(f"trial {line['number']} took no finite time")
        headline([*self.ended, *new], self.spec)
        for line in trials:
            self.running.pop(line["number"], None)
        for line in {line["number"]: line for line in new}.values():
            self.outcome.add(line)
            self.ended.append(line)
        self.most = max(self.most, len(self.running))

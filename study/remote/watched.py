"""A study as its logs tell it: what the display of a running study asks of the recorder, from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from study.outcome import Outcome
from study.remote.agent import LOGS, Frame
from study.spec import Budget, StudySpec
from trainables.config import TrainConfig
from trainables.errors import ConfigError

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(value: Any) -> Any:
    """A JSON value without what a terminal would obey."""
    if isinstance(value, str):
        return CONTROL.sub("", value)
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {plain(key): plain(one) for key, one in value.items()} if isinstance(value, dict) else value


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
        self.state = "running"
        self.now = float(frame["now"])  # the head's clock

    @property
    def agenda(self) -> Watched:
        """Itself: the display asks the recorder's agenda for the spec and the plan."""
        return self

    def planned(self) -> dict[str, int]:
        """Trials in the budget by kind, as the driver counts them."""
        return dict(self.study.get("planned") or self.study["budget"])

    def take(self, frame: Frame) -> None:
        """One frame. ConfigError where its lines are none of this version's."""
        try:
            self._take(frame)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise ConfigError([f"study {self.spec.name}: its files cannot be read here ({why})"]) from None
        self.on_change()

    def _take(self, frame: Frame) -> None:
        self.study = frame.get("study") or self.study
        self.state, self.now = frame["state"], float(frame["now"])
        asked, trials, epochs = (plain(frame.get(name, [])) for name in LOGS)
        over = {line["number"] for line in self.ended}
        for line in asked:
            config = {name: line["config"][name] for name in ("pruner", "scheduler")}
            self.running[line["number"]] = Trial(Asked(TrainConfig.model_construct(**config)))
        for row in epochs:
            if row["number"] in self.running:
                self.running[row["number"]].row = row
        for line in trials:
            self.running.pop(line["number"], None)
            if line["number"] not in over:
                self.outcome.add(line)
                self.ended.append(line)
                over.add(line["number"])
        self.most = max(self.most, len(self.running))

"""What a study has found so far: its front, kept up to date trial by trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from study import front
from study.spec import StudySpec
from trainables.errors import ConfigError
from trainables.metrics import METRICS, Direction

Line = Mapping[str, Any]


def feasible(line: Line) -> bool:
    """Whether a trial ended with values that keep every constraint."""
    return line["state"] == "COMPLETE" and max(line["violations"].values(), default=0.0) <= 0


class Outcome:
    """The front of the searched, feasible trials. Reference arms are what it is compared with: not on it."""

    def __init__(self, spec: StudySpec, ended: Iterable[Line] = (), chance: float | None = None) -> None:
        self.names = spec.search.objectives
        self.directions: list[Direction] = [METRICS[name].direction or "maximize" for name in self.names]
        self._chance = spec.chance if chance is None else chance  # where the data set is not at hand
        self._front: dict[int, Line] = {}
        self._dense: dict[str, float] = {}  # metrics of the dense arm: where counts are measured from
        for line in ended:
            self.add(line)

    def add(self, line: Line) -> None:
        """Take in an ended trial."""
        if line["name"] == "dense" and line["kind"] == "reference":
            # What was not finite is filed as None, and no worst value.
            self._dense = {name: x for name, x in line["metrics"].items() if isinstance(x, int | float)}
        if line["kind"] != "search" or not feasible(line):
            return
        lines = [*self._front.values(), line]
        kept = front.nondominated(self.points(lines), self.directions)
        self._front = {one["number"]: one for one, keep in zip(lines, kept, strict=True) if keep}

    @property
    def front(self) -> list[Line]:
        """The front's lines, by their last objective."""
        return sorted(self._front.values(), key=lambda line: (line["values"][self.names[-1]], line["number"]))

    def on_front(self, number: int) -> bool:
        """Whether a trial is on the front."""
        return number in self._front

    def points(self, lines: Iterable[Line]) -> list[list[float]]:
        """Objective values [n, m] of lines that have them."""
        return [[line["values"][name] for name in self.names] for line in lines]

    @property
    def reference_point(self) -> dict[str, float] | None:
        """Where the hypervolume is measured from; None until the dense arm has told what must be counted."""
        try:
            return front.reference_point(self.names, self._chance, self._dense)
        except ConfigError:
            return None

    @property
    def hypervolume(self) -> float:
        """What the front dominates, down to the reference point; 0 while that is unknown."""
        reference = self.reference_point
        if reference is None or not self._front:
            return 0.0
        points = self.points(self._front.values())
        return front.hypervolume(points, self.directions, [reference[name] for name in self.names])

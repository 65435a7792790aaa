"""What a study has found so far: its front, kept up to date trial by trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

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
        self._signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in self.directions])
        self._front: dict[int, Line] = {}
        self._gains = np.empty((0, len(self.names)))  # the front's values in its order, larger is better
        self._dense: dict[str, float] = {}  # metrics of the dense arm: where counts are measured from
        for line in ended:
            self.add(line)

    def add(self, line: Line) -> set[int]:
        """Take in an ended trial. Returns who is off the front by it: itself, or those that it beats.

        One comparison with the front each, which is not made anew: a study has thousands.
        """
        if line["name"] == "dense" and line["kind"] == "reference":
            # What was not finite is filed as None, and no worst value.
            self._dense = {name: x for name, x in line["metrics"].items() if isinstance(x, int | float)}
        if line["kind"] != "search":
            return set()
        if not feasible(line):
            return {line["number"]}
        gains = self._signs * self.points([line])[0]
        ahead, behind = self._gains >= gains, self._gains <= gains
        if (ahead.all(axis=1) & ~behind.all(axis=1)).any() or not np.isfinite(gains).all():
            return {line["number"]}
        beaten = behind.all(axis=1) & ~ahead.all(axis=1)
        numbers = list(self._front)
        left = {numbers[place] for place in np.flatnonzero(beaten)}
        for number in left:
            del self._front[number]
        self._front[line["number"]] = line
        self._gains = np.vstack([self._gains[~beaten], gains])
        return left

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

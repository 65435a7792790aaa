"""Confirmation: the front and its near-misses run again with fresh seeds, because the best of many is lucky.

The value of a searched trial that was selected by that value is too good on average; the mean over fresh
seeds is not. All configurations get the same seeds, the reference arms too, so that differences are paired.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study import front
from study.outcome import Outcome, feasible
from study.spec import StudySpec
from trainables.assembly import dataset
from trainables.config import TrainConfig, build
from trainables.metrics import Direction

Floats = NDArray[np.float64]
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One training to be done: trial ``replicate_of`` with another seed."""

    replicate_of: int
    name: str | None
    params: dict[str, Any]
    config: TrainConfig


def plan(spec: StudySpec, ended: Iterable[Line]) -> list[Run]:
    """The runs in their order: seed by seed, so that an interrupted confirmation has whole seeds."""
    lines = sorted(ended, key=lambda line: int(line["number"]))
    chosen = [line for line in lines if line["kind"] == "reference" and feasible(line)]
    chosen += choose(spec, lines)
    return [
        Run(line["number"], line["name"], line["params"] | {"seed": seed}, config)
        for seed in seeds(spec)
        for line in chosen
        for config in [build(TrainConfig, line["config"] | {"seed": seed})]
    ]


def seeds(spec: StudySpec) -> list[int]:
    """Seeds of the confirmation: those that follow the search's own."""
    return [(spec.train.seed + 1 + i) % 2**31 for i in range(spec.search.confirm)]


def choose(spec: StudySpec, ended: Iterable[Line]) -> list[Line]:
    """The front and its near-misses, at most ``confirm_at_most``: first what keeps most hypervolume."""
    lines = list(ended)
    outcome = Outcome(spec, lines)
    searched = [line for line in lines if line["kind"] == "search" and feasible(line)]
    if not searched:
        return []
    points = np.array(outcome.points(searched))
    reference = outcome.reference_point
    worst = [reference[name] for name in outcome.names] if reference else _nadir(points, outcome.directions)
    most = spec.search.confirm_at_most
    # A small space runs some configurations again with other seeds: each is confirmed once.
    names = [_configuration(line) for line in searched]
    order = front.spread(points, outcome.directions, worst, most + len(names) - len(set(names)))
    order += front.near(points, outcome.directions, noise(spec, points))
    first = {names[at]: at for at in reversed(order)}
    once = [at for at in order if first[names[at]] == at]
    return [searched[at] for at in sorted(once[:most])]


def whole(spec: StudySpec, ended: Iterable[Line]) -> list[list[Line]]:
    """The searched configurations whose confirmation runs have all ended with values: their runs."""
    runs: dict[int, list[Line]] = {}
    for line in ended:
        if line["kind"] == "confirm" and line["name"] is None and line["values"]:
            runs.setdefault(line["replicate_of"], []).append(line)
    return [lines for lines in runs.values() if len(lines) >= spec.search.confirm]


def kept(runs: list[Line]) -> bool:
    """Whether a configuration keeps every constraint in the mean of its runs."""
    return all(math.fsum(run["violations"][name] for run in runs) <= 0 for name in runs[0]["violations"])


def selected(spec: StudySpec, ended: Iterable[Line]) -> list[Line]:
    """The confirmation runs whose test accuracy is wanted: those of the front of the means, and the arms'.

    Selection is by validation.
    """
    lines = list(ended)
    arms = [line for line in lines if line["kind"] == "confirm" and line["name"] and line["values"]]
    configurations = [runs for runs in whole(spec, lines) if kept(runs)]
    if not configurations:
        return arms
    outcome = Outcome(spec)
    means = np.array([np.mean(outcome.points(runs), axis=0) for runs in configurations])
    best = front.nondominated(means, outcome.directions)
    return arms + [run for runs, on in zip(configurations, best, strict=True) if on for run in runs]


def _configuration(line: Line) -> str:
    """All of a run but its seed."""
    return json.dumps(line["config"] | {"seed": None}, sort_keys=True)


def _nadir(points: Floats, directions: list[Direction]) -> list[float]:
    """The worst value of every objective."""
    ends = zip(points.min(axis=0), points.max(axis=0), directions, strict=True)
    return [float(high if direction == "minimize" else low) for low, high, direction in ends]


def noise(spec: StudySpec, points: Floats) -> Floats:
    """How far apart two values are that may be the same, by objective: [objectives].

    Accuracy: the standard error of the mean of the validation samples. Others: a hundredth of their range.
    """
    found: Floats = np.ptp(points, axis=0) / 100
    for at, name in enumerate(spec.search.objectives):
        if name == "accuracy_val":
            p = float(points[:, at].max())
            found[at] = math.sqrt(max(p * (1 - p), 0.0) / len(dataset(spec.train).val))
    return found

"""What a stopping rule is told, what it answers, and what may be known of a trial before its first row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from study.spec import Stopping
from trainables.assembly import final_threshold, lr_sum
from trainables.config import TrainConfig
from trainables.metrics import METRICS
from trainables.pruners import PRUNERS
from trainables.schedules import LEARNING_RATES

Row = Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """Facts of a trial that its configuration fixes.

    ``family``: trials of different families (pruner, layer weighting, learning-rate curve, timesteps) age
    differently and are never compared. ``final_threshold``: D in weight units. ``lr_sum``: sum of all
    learning rates, D's natural unit. ``driven``: whether the schedule moves the threshold, d(u) = D f(u).
    """

    epochs: int
    family: tuple[str, ...]
    final_threshold: float
    lr_sum: float
    lr_schedule: str
    driven: bool

    @classmethod
    def of(cls, config: TrainConfig) -> Plan:
        """The plan of one run. Costs a pass over its learning rates: keep it for the whole trial."""
        family = (config.pruner, config.layer_weighting, config.lr_schedule, str(config.timesteps))
        driven = PRUNERS[config.pruner].drive == "threshold"
        scale = lr_sum(config)
        return cls(config.epochs, family, final_threshold(config), scale, config.lr_schedule, driven)

    def lr_left(self, u: float) -> float:
        """Share of the sum of the learning rates that is still to come at u: how far spines can travel."""
        return 1.0 - float(LEARNING_RATES[self.lr_schedule].integral(u))

    def growth_left(self, threshold: float) -> float:
        """(D - d) / sum(lr) >= 0: what the threshold has still to grow, in units of D's natural scale."""
        return max(self.final_threshold - threshold, 0.0) / self.lr_sum


@dataclass(frozen=True)
class Setting:
    """What every rule is built from.

    ``objectives``: metric names; ``n_val``: validation samples behind an accuracy; ``accuracy_floor``: at or
    below it a finished trial has collapsed.
    """

    objectives: tuple[str, ...]
    n_val: int
    accuracy_floor: float
    stopping: Stopping


class Rule(Protocol):
    """Compares trials; sees every row of every searched trial, in the order in which they are filed.

    For each row the caller calls ``observe`` and then ``reason``. State follows from the calls alone, so
    feeding the filed rows again, in file order, gives a rule that goes on exactly as the first would have.
    A row without a finite value of every objective is passed over.
    """

    def observe(self, number: int, plan: Plan, row: Row) -> None:
        """Take in one epoch of trial ``number``. A row that was seen before is passed over."""

    def reason(self, number: int, row: Row) -> str | None:
        """Why the trial should stop after this row, which has been observed; None: it goes on."""

    def ended(self, number: int, row: Row, complete: bool) -> None:
        """The trial's last row. ``complete``: a feasible result, not stopped and not failed."""


def oriented(row: Row, objectives: tuple[str, ...]) -> Floats | None:
    """Objective values [m] with the minimised ones negated: more is better. None if one is not finite."""
    gains = np.array([number_of(row, name) for name in objectives])
    gains[[METRICS[name].direction == "minimize" for name in objectives]] *= -1
    return gains if np.isfinite(gains).all() else None


def number_of(row: Row, name: str) -> float:
    """The row's value as a float; NaN where it is missing, None or no number."""
    value = row.get(name)
    return float(value) if isinstance(value, (int, float)) else math.nan

"""Made-up trials for the tests of stopping rules, and a study that feeds them to a rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.spec import Stopping
from study.stopping import RULES, Plan, Rule, Setting

EPOCHS = 10
OBJECTIVES = ("accuracy_val", "sparsity_params")
PLAN = Plan(EPOCHS, ("stds", "none", "constant", "4"), 1.0, 5.0, "constant", True)

Row = dict[str, Any]


def setting(objectives: tuple[str, ...] = OBJECTIVES, **fields: Any) -> Setting:
    return Setting(objectives, 1000, 0.5, Stopping(**fields))


def rule(name: str, objectives: tuple[str, ...] = OBJECTIVES, **fields: Any) -> Rule:
    return RULES[name](setting(objectives, **fields))


def row(epoch: int, accuracy: Any, sparsity: Any, **more: Any) -> Row:
    u = epoch / EPOCHS
    return {
        "epoch": epoch,
        "progress": u,
        "threshold": u,
        "accuracy_val": accuracy,
        "sparsity_params": sparsity,
        **more,
    }


@dataclass(frozen=True)
class Made:
    """A trial of ten epochs: accuracy constant or per epoch; density exp(-depth d(u)), the Laplace law."""

    accuracy: float
    depth: float
    power: float = 1.0  # d(u) = u ** power: above 1, the hard part comes late

    def rows(self) -> list[Row]:
        heights = [(epoch / EPOCHS) ** self.power for epoch in range(1, EPOCHS + 1)]
        return [
            row(
                epoch,
                self.accuracy,
                1 - math.exp(-self.depth * height),
                threshold=height,
                synops=1e5 * math.exp(-self.depth * height),
            )
            for epoch, height in enumerate(heights, 1)
        ]


def feed(judge: Rule, number: int, rows: Iterable[Row], plan: Plan = PLAN) -> tuple[int, str] | None:
    """Rows of one trial until the rule stops it: (epoch, reason)."""
    last: Row = {}
    for last in rows:
        judge.observe(number, plan, last)
        reason = judge.reason(number, last)
        if reason is not None:
            judge.ended(number, last, complete=False)
            return last["epoch"], reason
    judge.ended(number, last, complete=True)
    return None


def together(judge: Rule, trials: Sequence[Sequence[Row]], seed: int) -> dict[int, tuple[int, str]]:
    """All trials at once, rows interleaved at random: number -> (epoch, reason) of those stopped."""
    rng = np.random.default_rng(seed)
    at, stopped = dict.fromkeys(range(len(trials)), 0), dict[int, tuple[int, str]]()
    while at:
        number = int(rng.choice(list(at)))
        now = trials[number][at[number]]
        judge.observe(number, PLAN, now)
        reason = judge.reason(number, now)
        at[number] += 1
        if reason is not None:
            stopped[number] = now["epoch"], reason
        if reason is not None or at[number] == len(trials[number]):
            judge.ended(number, now, complete=reason is None)
            del at[number]
    return stopped

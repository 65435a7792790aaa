"""An asynchronous study on simulated trainings: k slots, events in the order of their training time.

Whatever asks and tells can be replayed: ``ask`` gives the next configuration, ``report`` sees every epoch
and may stop the trial, ``tell`` gets the end. Suggestions take no simulated time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from benchmarks.landscape.features import course
from benchmarks.landscape.simulator import Curves
from trainables.schedules import learning_rates

Row = dict[str, Any]

STEPS = 570  # of a training: 30 epochs of 19 batches
LR_SUM = float(learning_rates("cosine", 1.0, STEPS).sum())  # of the learning rates, for an initial rate of 1


class Search(Protocol):
    """What a study needs of a search."""

    def ask(self, number: int) -> dict[str, Any] | None:
        """Fields of the next trial; None when there is nothing left to ask."""

    def report(self, number: int, row: Row) -> bool:
        """One epoch of a running trial; True stops it."""

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """A trial's end."""


@dataclass
class Trial:
    """One trial of a replayed study."""

    number: int
    fields: dict[str, Any]
    started_s: float
    curves: Curves
    rows: list[Row] = field(default_factory=list)
    stopped: bool = False

    @property
    def ended_s(self) -> float:
        """Simulated time of its last epoch."""
        return self.started_s + float(self.rows[-1]["wall_s"])


def rows_of(fields: dict[str, Any], curves: Curves) -> list[Row]:
    """The rows that a trial reports, under the names of ``trainables/metrics.py``; threshold in weights."""
    epochs = len(curves.accuracy)
    progress = np.arange(1, epochs + 1) / epochs
    threshold = course(fields, progress) * fields["lr"] * LR_SUM
    return [
        {
            "epoch": i + 1,
            "progress": float(progress[i]),
            "threshold": float(threshold[i]),
            "accuracy_val": float(curves.accuracy[i]),
            "sparsity_params": float(curves.sparsity[i]),
            "firing_rate": float("nan"),  # not simulated
            "wall_s": float(curves.wall_s[i]),
        }
        for i in range(epochs)
    ]


def replay(
    search: Search,
    train: Callable[[dict[str, Any], int], Curves],
    *,
    epochs: int,
    length: int,
    slots: int = 4,
) -> list[Trial]:
    """Run a study until it has spent ``epochs``; its trials in the order in which they end.

    ``train(fields, number)`` gives the whole curves of a trial, ``length`` epochs. A trial starts only where
    the budget holds all of it, so ``epochs`` is never exceeded; what stopped trials leave starts others.
    """
    ended: list[Trial] = []
    queue: list[tuple[float, int]] = []  # time at which the next epoch ends, number
    running: dict[int, tuple[Trial, list[Row]]] = {}
    committed, asked, now_s, more = 0, 0, 0.0, True
    while True:
        while more and len(running) < slots and committed + length <= epochs:
            fields = search.ask(asked)
            if fields is None:
                more = False
                break
            curves = train(fields, asked)
            rows = rows_of(fields, curves)
            running[asked] = (Trial(asked, fields, now_s, curves), rows)
            heapq.heappush(queue, (now_s + rows[0]["wall_s"], asked))
            committed, asked = committed + length, asked + 1
        if not queue:
            return ended
        now_s, number = heapq.heappop(queue)
        trial, rows = running[number]
        trial.rows.append(rows[len(trial.rows)])
        left = length - len(trial.rows)
        trial.stopped = search.report(number, trial.rows[-1]) and left > 0
        if left and not trial.stopped:
            heapq.heappush(queue, (trial.started_s + rows[len(trial.rows)]["wall_s"], number))
            continue
        committed -= left
        del running[number]
        ended.append(trial)
        search.tell(number, trial.rows, trial.stopped)

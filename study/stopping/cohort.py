"""What trials of equal total epochs and family have shown, epoch by epoch, as arrays to compare in one go."""

from __future__ import annotations

import math

import numpy as np

from study.stopping.forecast import ENDS, Forecast, features, promised
from study.stopping.protocol import Floats, Plan, Row, number_of
from trainables.metrics import METRICS

TINY = 1e-4  # density at and below which levels are not told apart


def is_quality(name: str) -> bool:
    """Whether an objective is how well the network answers; all others are what it costs to answer."""
    return name.startswith(("accuracy", "loss"))


def level(name: str, value: float) -> float:
    """-ln of what is left: of 1 - value for a sparsity, of the value for a minimised cost."""
    left = 1 - value if METRICS[name].direction == "maximize" else value
    return math.nan if math.isnan(value) else -math.log(max(left, TINY))


class Cohort:
    """Cells [epochs, columns, trials] (NaN: not reached) and the levels at the ends [costs, trials].

    Columns: threshold growth left, every quality (oriented), then for every cost its level, its depth below
    the unpruned network and the promised gain x. Trials are the last axis: what one row is compared with
    lies together. Memory: 8 bytes x epochs x columns x trials, 20 MB for 5,000 trials of 100 epochs.
    """

    def __init__(self, plan: Plan, objectives: tuple[str, ...]) -> None:
        self.plan = plan
        self.qualities = [name for name in objectives if is_quality(name)]
        self.costs = [name for name in objectives if not is_quality(name)]
        self.forecasts = [Forecast(plan.epochs) for _ in self.costs]
        self.slots: dict[int, int] = {}
        self.stopped = 0
        columns = 1 + len(self.qualities) + 3 * len(self.costs)
        self._cells = np.full((plan.epochs, columns, 8), np.nan)
        self._ends = np.full((len(self.costs), 8), np.nan)
        left = [plan.lr_left(epoch / plan.epochs) for epoch in range(1, plan.epochs + 1)]
        self._lr_left = np.array(left)

    def add(self, number: int, plan: Plan, row: Row) -> bool:
        """Take in one row; False if it was there, or lacks a finite value. O(1) but for growing."""
        threshold = number_of(row, "threshold")
        values = [number_of(row, name) for name in (*self.qualities, *self.costs)]
        if not all(map(math.isfinite, [threshold, *values])):
            return False
        slot = self.slots.setdefault(number, len(self.slots))
        if slot == self._cells.shape[2]:
            self._cells = np.concatenate([self._cells, np.full_like(self._cells, np.nan)], axis=2)
            self._ends = np.concatenate([self._ends, np.full_like(self._ends, np.nan)], axis=1)
        epoch = row["epoch"] - 1
        if not np.isnan(self._cells[epoch, 0, slot]):
            return False
        cells = [plan.growth_left(threshold)]
        cells += [self._oriented(name, row[name]) for name in self.qualities]
        for index, name in enumerate(self.costs):
            now = level(name, row[name])
            depth = now - (0.0 if METRICS[name].direction == "maximize" else self._dense(index, slot, now))
            cells += [now, depth, promised(depth, threshold, plan.final_threshold)]
        self._cells[epoch, :, slot] = cells
        return True

    def learn(self, number: int) -> None:
        """The trial has shown its last epoch: its end is known from now on. O(epochs)."""
        slot = self.slots[number]
        for index, forecast in enumerate(self.forecasts):
            now, depth, x = self._cost(index)
            self._ends[index, slot] = end = now[-1, slot]
            forecast.learn(features(x[:, slot], depth[:, slot], self._lr_left), end - now[:, slot])

    def forget_end(self, number: int) -> None:
        """Its end counts as unknown in comparisons; it was no result."""
        if number in self.slots:
            self._ends[:, self.slots[number]] = np.nan

    def trusted(self, epoch: int) -> bool:
        """Whether enough ends are known to forecast from this epoch."""
        return all(forecast.ends[epoch - 1] >= ENDS for forecast in self.forecasts)

    def growth_left(self, epoch: int) -> Floats:
        """(D - d) / sum(lr) [trials], NaN where the epoch has not been reached."""
        cells: Floats = self._cells[epoch - 1, 0, : len(self.slots)]
        return cells

    def quality(self, epoch: int, index: int) -> Floats:
        """Oriented values [trials] of one quality after an epoch."""
        cells: Floats = self._cells[epoch - 1, 1 + index, : len(self.slots)]
        return cells

    def levels(self, epoch: int, index: int) -> Floats:
        """Levels [trials] of one cost after an epoch."""
        levels: Floats = self._cost(index)[0][epoch - 1]
        return levels

    def end_levels(self, epoch: int, index: int) -> tuple[Floats, Floats]:
        """Level of one cost at the end [trials] and its standard deviation: known with 0, or forecast."""
        now, depth, x = (cells[epoch - 1] for cells in self._cost(index))
        forecast, known = self.forecasts[index], self._ends[index, : len(self.slots)]
        ahead = now + forecast.gain(epoch, features(x, depth, self._lr_left[epoch - 1]))
        open_end = np.isnan(known)
        return np.where(open_end, ahead, known), np.where(open_end, forecast.error(epoch), 0.0)

    def _cost(self, index: int) -> tuple[Floats, Floats, Floats]:
        """Level, depth and x [epochs, trials] of one cost."""
        first = 1 + len(self.qualities) + 3 * index
        now, depth, x = (self._cells[:, first + step, : len(self.slots)] for step in range(3))
        return now, depth, x

    def _dense(self, index: int, slot: int, now: float) -> float:
        """Level of the unpruned network: the lowest that the trial has shown."""
        shown = self._cost(index)[0][:, slot]
        return float(np.fmin(np.fmin.reduce(shown), now))

    @staticmethod
    def _oriented(name: str, value: float) -> float:
        return -value if METRICS[name].direction == "minimize" else value

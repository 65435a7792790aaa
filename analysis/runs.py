"""The rows of epochs by trial: progress, columns, and how a training's accuracy collapsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DROP = 0.10  # points below its own best (as a fraction) from which on a training counts as collapsed
NEAR = 0.05  # and up to which an accuracy counts as chance


@dataclass(frozen=True, eq=False)
class Runs:
    """The epochs frame with its rows by trial and epoch.

    `progress`: u in [0, 1] by row, the end of the epoch; where the file has none, epoch / the trial's last
    epoch. `bounds`: by trial, the first row and the one after the last.
    """

    frame: pd.DataFrame
    progress: Floats
    bounds: Mapping[int, tuple[int, int]]

    @classmethod
    def of(cls, epochs: pd.DataFrame) -> Runs:
        """Group the rows; O(n), and O(n log n) where they are not in order."""
        numbers = epochs["number"].to_numpy(dtype=np.int64)
        count = epochs["epoch"].to_numpy(dtype=np.float64)
        same = numbers[1:] == numbers[:-1]
        if not ((numbers[1:] > numbers[:-1]) | (same & (count[1:] >= count[:-1]))).all():
            ordered = epochs.sort_values(["number", "epoch"], kind="stable", ignore_index=True)
            return cls.of(ordered)
        if not len(numbers):
            return cls(epochs, np.array([]), {})
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        ends = np.append(starts[1:], len(numbers))
        bounds = {
            number: (start, end)
            for number, start, end in zip(
                numbers[starts].tolist(), starts.tolist(), ends.tolist(), strict=True
            )
        }
        last = np.repeat(count[ends - 1], ends - starts)
        progress = count / np.where(last > 0, last, 1.0)
        if "progress" in epochs:
            told = epochs["progress"].to_numpy(dtype=np.float64)
            progress = np.where(np.isfinite(told), told, progress)
        return cls(epochs, progress, bounds)

    def __contains__(self, number: int) -> bool:
        return number in self.bounds

    def u(self, number: int) -> Floats:
        """Progress of one trial's epochs [epochs]; empty for a trial without rows."""
        start, end = self.bounds.get(number, (0, 0))
        return self.progress[start:end]

    def column(self, number: int, name: str) -> Floats:
        """A column of one trial's epochs [epochs]; NaN where the file has none."""
        start, end = self.bounds.get(number, (0, 0))
        column = self._arrays.get(name)
        return np.full(end - start, np.nan) if column is None else column[start:end]

    @cached_property
    def _arrays(self) -> dict[str, Floats]:
        # A column of a frame takes 0.1 ms to find: seconds, for 10,000 trials.
        return {str(name): self.frame[name].to_numpy(dtype=np.float64) for name in self.frame}


@dataclass(frozen=True)
class Collapse:
    """How a training ended: its best and last accuracy, and the progress `at` which it collapsed, or None."""

    best: float
    last: float
    at: float | None
    to_chance: bool


def collapse(u: Floats, accuracy: Floats, chance: float = 0.0, drop: float = DROP) -> Collapse | None:
    """Whether, and when, a training lost its accuracy for good.

    `u`, `accuracy` [epochs], accuracy as a fraction; epochs with NaN do not count. A training collapsed if
    its last accuracy lies more than `drop` below the best that it had before. It collapsed at the u of the
    first of the epochs at its end that all lie more than `drop` below the best seen until then: an earlier
    dip from which it recovered is none. `to_chance`: it collapsed, and ended at most `NEAR` above chance.
    None without a finite accuracy.
    """
    known = np.isfinite(accuracy)
    u, accuracy = u[known], accuracy[known]
    if not len(accuracy):
        return None
    best = np.maximum.accumulate(accuracy)
    # A sum of binary fractions: 0.9 - 0.8 is above 0.1 by rounding, which is no collapse.
    below = best - accuracy > drop + 1e-9
    if not below[-1]:
        return Collapse(float(best[-1]), float(accuracy[-1]), None, False)
    held = np.flatnonzero(~below)
    first = int(held[-1]) + 1 if len(held) else 0  # the first epoch is its own best: `held` is never empty
    return Collapse(
        float(best[-1]), float(accuracy[-1]), float(u[first]), bool(accuracy[-1] <= chance + NEAR)
    )

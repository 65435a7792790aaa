"""Where a pruned training will end, from what it shows now and what its schedule has still to do.

A cost (density 1 - s, synapses, operations, energy) is looked at as its *level* -ln(cost): a step of the
level is a relative change, whatever the cost's size. The level falls and rises with the threshold: if the
spines keep a Laplace distribution of unchanged width, -ln(1 - s) grows in proportion to d, and what is
gained from d to D is

    x = depth (D / d - 1),    depth = level now - level of the unpruned network.

Spines do not keep still: with learning rate left they grow back or move on. The forecast is therefore
``a x + b l depth + c x depth`` with l the share of the sum of the learning rates that is still to come, and
(a, b, c) fitted, at every epoch anew, to the trials whose end is known, by ridge regression around
(0.8, 0, 0), which is the best single number on 369 recorded trainings of digits. Tried there and worse:
the present level (six times the error at u = 0.5), x alone, x l for x depth, the threshold left to grow in
units of sum(lr), a Gaussian kernel over (threshold left, depth). benchmarks/results/stopping.md has errors.
"""

from __future__ import annotations

import math

import numpy as np

from study.stopping.protocol import Floats

PRIOR = np.array([0.8, 0.0, 0.0])
RIDGE = 0.3  # of the normal equations, in trials of unit features
DEEPEST = 9.2  # level of density 1e-4, beyond which nothing is forecast
ENDS = 8  # known ends below which a forecast is not trusted


def promised(depth: float, threshold: float, final: float) -> float:
    """x = depth (final / threshold - 1), 0 once the threshold is final, capped where ``DEEPEST`` is reached.

    NaN while the threshold is 0 and will grow: nothing is known then.
    """
    if threshold >= final:
        return 0.0
    if threshold <= 0:
        return math.nan
    return min(depth * (final / threshold - 1), max(DEEPEST - depth, 0.0))


def features(x: Floats, depth: Floats, lr_left: Floats) -> Floats:
    """(x, l depth, x depth) along a new last axis."""
    x, depth, lr_left = np.broadcast_arrays(x, depth, lr_left)
    return np.stack([x, lr_left * depth, x * depth], axis=-1)


class Forecast:
    """One ridge regression per epoch, as sums: O(1) to learn an epoch of a trial, O(1) to foretell one."""

    def __init__(self, epochs: int) -> None:
        self.ends = np.zeros(epochs, dtype=np.int64)  # trials learnt from, by epoch - 1
        self._xx = np.zeros((epochs, 3, 3))
        self._xy = np.zeros((epochs, 3))
        self._yy = np.zeros(epochs)

    def learn(self, seen: Floats, gained: Floats) -> None:
        """A trial whose end is known: ``seen`` [epochs, 3], ``gained`` [epochs] = level at its end - then."""
        known = np.isfinite(seen).all(axis=1) & np.isfinite(gained)
        seen, rest = np.where(known[:, None], seen, 0.0), np.where(known, gained - seen @ PRIOR, 0.0)
        self.ends += known
        self._xx += seen[:, :, None] * seen[:, None, :]
        self._xy += seen * rest[:, None]
        self._yy += rest**2

    def _correction(self, epoch: int) -> Floats:
        return np.linalg.solve(self._xx[epoch - 1] + RIDGE * np.eye(3), self._xy[epoch - 1])

    def gain(self, epoch: int, seen: Floats) -> Floats:
        """What the level will still gain [...], from features [..., 3] after ``epoch``."""
        gain: Floats = seen @ (PRIOR + self._correction(epoch))
        return gain

    def error(self, epoch: int) -> float:
        """Root mean square error of ``gain`` at this epoch over more than three known ends."""
        ends, extra = int(self.ends[epoch - 1]), self._correction(epoch)
        rest = self._yy[epoch - 1] - 2 * extra @ self._xy[epoch - 1] + extra @ self._xx[epoch - 1] @ extra
        return float(np.sqrt(max(rest, 0.0) / max(ends - 3, 1)))

"""The hypervolume that a search had reached after each of its trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from analysis import pareto
from analysis.pareto import Floats, Stairs

MOST = 400  # evaluations of a three-objective history, each O(front log front)


def hypervolumes(
    points: ArrayLike, reference: ArrayLike, maximize: Sequence[bool], most: int = MOST
) -> Floats:
    """Hypervolume [n] of the first 1, ..., n rows of `points` [n, m], each as `pareto.hypervolume` has it.

    Two objectives: exact after every row, O(n log n) in all, because a row adds the area that it gains over
    the staircase of those before it. Three: exact after every `step(n, most)`-th row and after the last; in
    between it stays at the last known value. Rows with a NaN, and rows that are not better than the reference
    point, add nothing. All NaN if the reference point is not finite.
    """
    sign = np.where(np.asarray(maximize, dtype=bool), 1.0, -1.0)
    base = np.asarray(reference, dtype=np.float64) * sign
    rows = np.asarray(points, dtype=np.float64).reshape(-1, len(sign)) * sign - base
    n = len(rows)
    if not np.isfinite(base).all():
        return np.full(n, np.nan)
    inside = np.asarray((np.isfinite(rows) & (rows > 0)).all(axis=1), dtype=np.bool_)
    if len(sign) == 2:
        stairs, gained = Stairs(), np.zeros(n)
        for at in np.flatnonzero(inside):
            gained[at] = stairs.add(*rows[at].tolist()) or 0.0
        return np.asarray(np.cumsum(gained), dtype=np.float64)
    values, known, more = np.zeros(n), np.empty((0, len(sign))), (True,) * len(sign)
    stride = step(n, most)
    for end in range(n % stride or stride, n + 1, stride):  # so that the last row closes a step
        fresh = rows[max(0, end - stride) : end][inside[max(0, end - stride) : end]]
        if len(fresh):
            known = np.vstack([known, fresh])
            known = known[pareto.non_dominated(known, more)]
        values[end - 1 : end - 1 + stride] = pareto.hypervolume(known, np.zeros(len(sign)), more)
    return values


def step(n: int, most: int = MOST) -> int:
    """Every how many of `n` rows a three-objective history is evaluated."""
    return max(1, -(-n // most))


def reached(values: Floats, share: float) -> int | None:
    """How many rows it took until the history [n] held this share of its last value; None if that is 0."""
    if not len(values) or not values[-1] > 0:
        return None
    return int(np.argmax(values >= share * values[-1])) + 1

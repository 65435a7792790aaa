"""Pareto fronts as functions of arrays: who is dominated, how much is attained, where the knee is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def _gains(points: ArrayLike, maximize: Sequence[bool]) -> Floats:
    """`points` [n, m] with minimised columns negated, so that more is better in every column."""
    gains = np.array(points, dtype=np.float64).reshape(-1, len(maximize))
    gains[:, ~np.asarray(maximize, dtype=bool)] *= -1.0
    return gains


def non_dominated(points: ArrayLike, maximize: Sequence[bool]) -> NDArray[np.bool_]:
    """Mask [n] of the rows of `points` [n, m] that no other row dominates.

    Row a dominates row b if a is at least as good in every objective and better in one. Equal rows do not
    dominate each other: all of them stay. A row with a NaN is never on the front and dominates nothing.
    `maximize` [m]: the direction of each objective.
    """
    gains = _gains(points, maximize)
    front = np.asarray(np.isfinite(gains).all(axis=1), dtype=np.bool_)
    # Best first: a row can only be dominated by one before it, so comparing with the front so far is enough.
    order = [int(i) for i in np.lexsort(-gains.T[::-1]) if front[i]]
    kept = np.empty((0, gains.shape[1]))
    for i in order:
        better = (kept >= gains[i]).all(axis=1) & (kept > gains[i]).any(axis=1)
        if better.any():
            front[i] = False
        else:
            kept = np.vstack([kept, gains[i]])
    return front


def hypervolume(points: ArrayLike, reference: ArrayLike, maximize: Sequence[bool]) -> float:
    """Exact volume dominated by `points` [n, m] and bounded by `reference` [m], in the product of the units.

    HV = volume of the union over i of the boxes between `reference` and row i. Rows that are not better than
    the reference in every objective add nothing, nor do rows with a NaN. Two objectives: one sweep,
    O(n log n). More: slices along the last objective (HSO; While et al. 2006), O(n^(m-1)).
    """
    base = _gains(reference, maximize)[0]
    gains = _gains(points, maximize)
    return _volume(gains[(np.isfinite(gains) & (gains > base)).all(axis=1)] - base)


def _volume(boxes: Floats) -> float:
    """Volume of the union of the boxes [0, row]."""
    if len(boxes) == 0:
        return 0.0
    if boxes.shape[1] == 1:
        return float(boxes.max())
    boxes = boxes[np.argsort(-boxes[:, -1], kind="stable")]
    heights = boxes[:, -1] - np.append(boxes[1:, -1], 0.0)
    if boxes.shape[1] == 2:
        return float(np.maximum.accumulate(boxes[:, 0]) @ heights)
    return sum(float(h) * _volume(boxes[: i + 1, :-1]) for i, h in enumerate(heights) if h > 0)


def knee(points: ArrayLike, maximize: Sequence[bool]) -> int | None:
    """Index of the knee of a two-objective front [n, 2]: the point farthest outside its chord.

    Both objectives are scaled to [0, 1] over the front; the chord joins the two ends; the distance of
    a scaled point (x, y) outside it is (x + y - 1) / sqrt(2). None for fewer than three points, for a front
    of no extent, and where no point bulges out of the chord. Ties: the first.
    """
    gains = _gains(points, maximize)
    if len(gains) < 3:
        return None
    low, high = gains.min(axis=0), gains.max(axis=0)
    if not np.all(high > low):
        return None
    distance = (((gains - low) / (high - low)).sum(axis=1) - 1.0) / np.sqrt(2.0)
    best = int(np.argmax(distance))
    return best if distance[best] > 1e-12 else None


def staircase(front: ArrayLike, reference: Sequence[float]) -> Floats:
    """Corners [2 n + 1, 2] of the attained region of a maximised front [n, 2], from left to right.

    Starts at x = reference[0] on the level of the highest point and ends below the rightmost one at
    y = reference[1]: everything on and below the line has been reached by some point of the front.
    """
    points = np.asarray(front, dtype=np.float64).reshape(-1, 2)
    if len(points) == 0:
        return np.empty((0, 2))
    points = np.unique(points, axis=0)
    corners = [(reference[0], points[0, 1])]
    for (x, y), level in zip(points, [*points[1:, 1], reference[1]], strict=True):
        corners += [(x, y), (x, level)]
    return np.array(corners)

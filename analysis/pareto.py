"""Pareto fronts as functions of arrays: who is dominated, how much is attained, where the knee is.

Infeasible points (a collapsed network at sparsity 1 is non-dominated) are the caller's to leave out, as NaN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def _gains(points: ArrayLike, maximize: Sequence[bool]) -> Floats:
    """`points` [n, m] with minimised columns negated, so that more is better in every column; m is 2 or 3."""
    if len(maximize) not in (2, 3):
        raise ValueError(f"got {len(maximize)} objectives; must be 2 or 3")
    gains = np.array(points, dtype=np.float64).reshape(-1, len(maximize))
    gains[:, ~np.asarray(maximize, dtype=bool)] *= -1.0
    return gains


class Stairs:
    """The region below a set of points (x, y): its corners, x rising and y falling.

    One insertion costs a binary search and the removal of the corners that it covers, so that n insertions
    cost O(n log n) comparisons. Areas are bounded by the axes and hold for positive points.
    """

    def __init__(self) -> None:
        self._x: list[float] = []
        self._y: list[float] = []

    def add(self, x: float, y: float) -> float | None:
        """Insert (x, y); the area that the region below gains, None if the point already was in it."""
        xs, ys = self._x, self._y
        right = bisect_left(xs, x)  # the first corner at or beyond x
        if right < len(xs) and ys[right] >= y:
            return None
        gained, edge, floor = 0.0, x, ys[right] if right < len(ys) else 0.0
        left = right = right + (right < len(xs) and xs[right] == x)
        # Leftwards over the corners that lie below the new one; the region was as high as the corner to the
        # right of a place.
        while left > 0 and ys[left - 1] <= y:
            left -= 1
            gained += (edge - xs[left]) * (y - floor)
            edge, floor = xs[left], ys[left]
        gained += (edge - (xs[left - 1] if left else 0.0)) * (y - floor)
        xs[left:right], ys[left:right] = [x], [y]
        return gained


def non_dominated(points: ArrayLike, maximize: Sequence[bool]) -> NDArray[np.bool_]:
    """Mask [n] of the rows of `points` [n, m] that no other row dominates; m is 2 or 3.

    Row a dominates row b if a is at least as good in every objective and better in one. Equal rows do not
    dominate each other: all of them stay. A row with a NaN is never on the front and dominates nothing.
    `maximize` [m]: the direction of each objective. O(n log n): best first, a row can only be dominated by
    one before it, and is if the region below those in the other objectives holds it (Kung, Luccio and
    Preparata 1975, JACM 22:469).
    """
    gains = _gains(points, maximize)
    front = np.asarray(np.isfinite(gains).all(axis=1), dtype=np.bool_)
    rows, place = np.unique(-gains[front], axis=0, return_inverse=True)  # best first
    if len(rows) == 0:
        return front
    rows = -rows
    if rows.shape[1] == 2:
        best = np.maximum.accumulate(rows[:, 1])
        kept = np.append(True, rows[1:, 1] > best[:-1])
    else:
        stairs = Stairs()
        kept = np.array([stairs.add(y, z) is not None for _, y, z in rows.tolist()])
    front[front] = kept[place.reshape(-1)]
    return front


def hypervolume(points: ArrayLike, reference: ArrayLike, maximize: Sequence[bool]) -> float:
    """Exact volume dominated by `points` [n, m] and bounded by `reference` [m], in the product of the units.

    HV = volume of the union over i of the boxes between `reference` and row i; m is 2 or 3. Rows that are not
    better than the reference in every objective add nothing, nor do rows with a NaN. O(n log n): two
    objectives in one sweep; three by sweeping the last one down over the area of the first two (Fonseca,
    Paquete and Lopez-Ibanez 2006, CEC, 1157). NaN if the reference point is not finite.
    """
    base = _gains(reference, maximize)[0]
    if not np.isfinite(base).all():
        return float("nan")
    gains = _gains(points, maximize)
    boxes = gains[(np.isfinite(gains) & (gains > base)).all(axis=1)] - base
    boxes = boxes[np.argsort(-boxes[:, -1], kind="stable")]
    heights = boxes[:, -1]
    if boxes.shape[1] == 2:
        return float(np.maximum.accumulate(boxes[:, 0]) @ (heights - np.append(heights[1:], 0.0)))
    stairs = Stairs()
    # What a point adds to the area counts from its own height down to the reference.
    return float(sum((stairs.add(x, y) or 0.0) * z for x, y, z in boxes.tolist()))


def epsilon(points: ArrayLike, target: ArrayLike, maximize: Sequence[bool]) -> float:
    """Additive epsilon of `points` [n, m] against `target` [k, m], in the objectives' common unit.

    eps = max over rows t of target, min over rows p of points, max over objectives j of (t_j - p_j), gains
    counted so that more is better: the least amount by which every objective of every point must improve
    until each row of the target is matched (Zitzler et al. 2003, IEEE TEVC 7:117). At most 0 where `points`
    already match it; infinite without points. Rows with a NaN do not count. Scale objectives of different
    units beforehand. ValueError for an empty target.
    """
    reached, wanted = (_gains(part, maximize)[non_dominated(part, maximize)] for part in (points, target))
    if len(wanted) == 0:
        raise ValueError("got a target without finite rows; epsilon needs at least one point to reach")
    if len(reached) == 0:
        return float("inf")
    return max(float((row - reached).max(axis=1).min()) for row in wanted)


def attainment(fronts: Sequence[ArrayLike], level: float, maximize: Sequence[bool] = (True, True)) -> Floats:
    """Corners [k, 2], first objective rising, of the region that a share `level` of the fronts attains.

    A front [n_i, 2] attains a point if one of its rows is at least as good in both objectives. With r fronts
    the region is what at least ceil(level * r) of them attain: its upper edge at x is the so-many-th highest
    of y_i(x) = max {y : (x', y) in front i, x' >= x}. Level 0.5 is the median attainment surface (Fonseca and
    Fleming 1996, PPSN IV, 584; Grunert da Fonseca et al. 2001, EMO, 213). `staircase` draws the corners.
    O(r n log n) for n points in all. ValueError without fronts or for a level outside (0, 1].
    """
    if not fronts or not 0.0 < level <= 1.0:
        raise ValueError(f"got {len(fronts)} fronts and level {level:g}; needs a front and 0 < level <= 1")
    sets = [_gains(front, maximize) for front in fronts]
    sets = [rows[np.isfinite(rows).all(axis=1)] for rows in sets]
    x = np.unique(np.concatenate([rows[:, 0] for rows in sets]))
    edges = np.full((len(sets), len(x)), -np.inf)
    for edge, rows in zip(edges, sets, strict=True):
        np.maximum.at(edge, np.searchsorted(x, rows[:, 0]), rows[:, 1])
        edge[:] = np.maximum.accumulate(edge[::-1])[::-1]
    needed = int(np.ceil(round(level * len(sets), 9)))
    y = np.sort(edges, axis=0)[len(sets) - needed]
    corners = np.column_stack([x, y])[y > np.append(y[1:], -np.inf)]
    corners[:, ~np.asarray(maximize, dtype=bool)] *= -1.0
    return np.asarray(corners[np.argsort(corners[:, 0])], dtype=np.float64)


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
    # A front of three objectives has points that are dominated in two.
    points = points[non_dominated(points, (True, True))]
    if len(points) == 0:
        return np.empty((0, 2))
    points = np.unique(points, axis=0)
    corners = [(reference[0], points[0, 1])]
    for (x, y), level in zip(points, [*points[1:, 1], reference[1]], strict=True):
        corners += [(x, y), (x, level)]
    return np.array(corners)

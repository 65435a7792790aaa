"""Fronts of two or three objectives as arithmetic on arrays: dominance, hypervolume, epsilon, near-misses.

``points`` is [n, m] with m = 2 or 3, ``directions`` says "maximize" or "minimize" for each column. A point
dominates another if it is nowhere worse and somewhere better; equal points do not dominate each other. A
point that is not finite is never on a front. Wrong shapes raise ValueError.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.errors import ConfigError
from trainables.metrics import Direction

Floats = NDArray[np.float64]


def reference_point(names: Sequence[str], chance: float, worst: Mapping[str, float]) -> dict[str, float]:
    """The point that a hypervolume is measured from, fixed before the first trial ends.

    Accuracies: ``chance``. Sparsities: 0. Whatever else: ``worst``, by name; for counts such as synapses,
    synops, energy_nj that is the dense network's value (pruning ends below it). ConfigError names the
    metrics for which ``worst`` has no finite value.
    """
    point = {}
    for name in names:
        if name.startswith("accuracy"):
            point[name] = chance
        elif name.startswith("sparsity"):
            point[name] = 0.0
        else:
            point[name] = float(worst.get(name, np.nan))
    missing = [name for name, value in point.items() if not np.isfinite(value)]
    if missing:
        raise ConfigError([f"no finite worst value of {name}: give the dense network's" for name in missing])
    return point


def nondominated(points: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.bool_]:
    """Which points no other one dominates, bool [n]. Two objectives: O(n log n); three: O(n times front)."""
    gains = _gains(points, directions)
    finite = np.isfinite(gains).all(axis=1)
    mask = np.zeros(len(gains), dtype=bool)
    if finite.any():
        rows, back = np.unique(gains[finite], axis=0, return_inverse=True)
        mask[finite] = (_undominated2 if rows.shape[1] == 2 else _undominated3)(rows)[back.reshape(-1)]
    return mask


def layers(points: ArrayLike, directions: Sequence[Direction]) -> Iterator[NDArray[np.intp]]:
    """Indices of the front, then of the front without it, and so on (non-domination rank 0, 1, ...)."""
    values = _gains(points, directions)
    left = np.flatnonzero(np.isfinite(values).all(axis=1))
    while len(left):
        best = nondominated(values[left], ["maximize"] * values.shape[1])
        yield left[best]
        left = left[~best]


def hypervolume(points: ArrayLike, directions: Sequence[Direction], reference: ArrayLike) -> float:
    """Area or volume that the points dominate, down to ``reference`` [m]. O(n log n).

    Two objectives: a sweep. Three: slices along the third, over an area that grows point by point (Fonseca,
    Paquete, López-Ibáñez 2006). Points that are not better than the reference everywhere add nothing.
    """
    gains = _gains(points, directions) - _gains(np.atleast_2d(np.asarray(reference, float)), directions)
    gains = gains[np.isfinite(gains).all(axis=1) & (gains > 0).all(axis=1)]
    area = Front(["maximize", "maximize"], [0.0, 0.0])
    if gains.shape[1] == 2:
        for first, second in gains.tolist():
            area.add((first, second))
        return area.hypervolume
    volume = 0.0
    order = gains[np.argsort(-gains[:, 2])]
    bottoms = [*order[1:, 2].tolist(), 0.0][: len(order)]
    for (first, second, top), bottom in zip(order.tolist(), bottoms, strict=True):
        area.add((first, second))
        volume += area.hypervolume * (top - bottom)
    return volume


def epsilon(
    points: ArrayLike, target: ArrayLike, directions: Sequence[Direction], scale: ArrayLike = 1.0
) -> float:
    """Additive epsilon indicator (Zitzler et al. 2003): what must be added to every point, in units of
    ``scale`` ([m], one number for each objective), for the points to be nowhere worse than ``target`` [k, m].

    max over targets, min over points, max over objectives of (target - point) / scale; inf for no points.
    """
    have, want = _gains(points, directions), _gains(target, directions)
    if not len(want):
        return -np.inf
    short = (want[:, None] - have[None]) / np.asarray(scale, dtype=float)
    return float(short.max(axis=2).min(axis=1, initial=np.inf).max())


def distance(points: ArrayLike, directions: Sequence[Direction], noise: ArrayLike) -> Floats:
    """How many times ``noise`` [m] a point p must gain, in every objective, to be dominated no more, [n].

    max over the front's q of min over objectives of (q - p) / noise, which is the distance to the staircase
    under the front: 0 on it, inf for a point that is not finite. An exact objective (noise 0) cannot gain.
    """
    return _distances(points, directions, noise)[0]


def near(points: ArrayLike, directions: Sequence[Direction], noise: ArrayLike) -> list[int]:
    """Near-misses: dominated points within ``noise`` of the front (``distance`` at most 1), closest first.

    Of equally close ones (equal accuracies are frequent, and then the distance is 0) the first is that which
    is closest to a point of the front, by the largest of its shortfalls.
    """
    far, further = _distances(points, directions, noise)
    on = nondominated(points, directions)
    return [index for index in np.lexsort((further, far)).tolist() if far[index] <= 1 and not on[index]]


def _distances(points: ArrayLike, directions: Sequence[Direction], noise: ArrayLike) -> tuple[Floats, Floats]:
    """Of every point to the staircase, and to the closest point of the front."""
    gains, noise = _gains(points, directions), np.asarray(noise, dtype=float)
    if noise.shape != gains.shape[1:] or not (noise >= 0).all():
        raise ValueError(f"noise is {noise.tolist()}, must be {gains.shape[1]} numbers of at least 0")
    on = nondominated(points, directions)
    stairs = np.where(on, 0.0, np.inf)
    corner = stairs.copy()
    off = ~on & np.isfinite(gains).all(axis=1)
    if off.any():
        ahead = gains[on][None] - gains[off][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(ahead < 0, 0.0, np.where(noise > 0, ahead / noise, np.inf))
        stairs[off] = steps.min(axis=2).max(axis=1)
        corner[off] = steps.max(axis=2).min(axis=1)
    return stairs, corner


def spread(points: ArrayLike, directions: Sequence[Direction], reference: ArrayLike, k: int) -> list[int]:
    """At most ``k`` points of the front that keep most of its hypervolume, the most valuable first.

    Greedy: at least 1 - 1/e = 63 % of what the best k keep, as hypervolume is submodular (Nemhauser, Wolsey,
    Fisher 1978). Of equal points the first is taken. Points at the reference come last, in their order.
    """
    values = np.asarray(points, dtype=float)
    front = np.flatnonzero(nondominated(values, directions))
    if not len(front):
        return []
    _, first = np.unique(values[front], axis=0, return_index=True)
    front = front[np.sort(first)]
    chosen: list[int] = []
    volume = 0.0
    # Gains only shrink while points are chosen, so one that was computed earlier is an upper bound: only
    # the candidate on top is computed anew (Minoux 1978).
    heap = [(-np.inf, int(index), -1) for index in front]
    while heap and len(chosen) < k:
        gain, index, computed_at = heapq.heappop(heap)
        if computed_at == len(chosen):
            chosen.append(index)
            volume -= gain
        else:
            gain = volume - hypervolume(values[[*chosen, index]], directions, reference)
            heapq.heappush(heap, (min(gain, 0.0), index, len(chosen)))
    return chosen


class Front:
    """A front of two objectives that grows point by point, with the hypervolume under it.

    ``add`` finds the place in O(log n); every point leaves at most once.
    """

    def __init__(self, directions: Sequence[Direction], reference: Sequence[float]) -> None:
        if len(directions) != 2 or len(reference) != 2:
            raise ValueError("an incremental front has two objectives")
        self._signs = tuple(1.0 if direction == "maximize" else -1.0 for direction in directions)
        self._origin = tuple(s * r for s, r in zip(self._signs, reference, strict=True))
        # Larger is better inside: first objective ascending, hence second descending; no two are equal.
        self._first: list[float] = []
        self._second: list[float] = []
        self._labels: list[list[int]] = []
        self.hypervolume = 0.0

    def __len__(self) -> int:
        return len(self._first)

    @property
    def points(self) -> list[tuple[float, float]]:
        """The different points, best in the second objective first."""
        a, b = self._signs
        return [(a * x, b * y) for x, y in zip(self._first, self._second, strict=True)]

    @property
    def labels(self) -> list[list[int]]:
        """For each of ``points``, the labels of those that were added there."""
        return [list(labels) for labels in self._labels]

    def add(self, point: Sequence[float], label: int = -1) -> bool:
        """Whether the point is on the front now; whom it dominates leaves."""
        x, y = (sign * value for sign, value in zip(self._signs, point, strict=True))
        if not (math.isfinite(x) and math.isfinite(y)):
            return False
        at = bisect_left(self._first, x)
        if at < len(self) and self._second[at] >= y:
            if (self._first[at], self._second[at]) != (x, y):
                return False
            self._labels[at].append(label)
            return True
        stop = at + (at < len(self) and self._first[at] == x)
        start = at
        while start and self._second[start - 1] <= y:
            start -= 1
        self.hypervolume += self._gained(x, y, start, stop)
        self._first[start:stop], self._second[start:stop] = [x], [y]
        self._labels[start:stop] = [[label]]
        return True

    def _gained(self, x: float, y: float, start: int, stop: int) -> float:
        """The area that a point adds which replaces those from ``start`` to ``stop``."""

        def width(value: float) -> float:
            return max(value - self._origin[0], 0.0)

        def height(value: float) -> float:
            return max(value - self._origin[1], 0.0)

        left = width(self._first[start - 1]) if start else 0.0
        gained = (width(x) - left) * height(y)
        for index in range(start, stop):
            gained -= (width(self._first[index]) - left) * height(self._second[index])
            left = width(self._first[index])
        under = height(self._second[stop]) if stop < len(self) else 0.0
        return gained - (width(x) - left) * under


def _gains(points: ArrayLike, directions: Sequence[Direction]) -> Floats:
    """The points with minimised columns negated: larger is better everywhere."""
    values: Floats = np.asarray(points, dtype=float)
    if values.size == 0:
        values = values.reshape(0, len(directions))
    if len(directions) not in (2, 3) or values.ndim != 2 or values.shape[1] != len(directions):
        raise ValueError(f"points of shape {values.shape} for {len(directions)} objectives; two or three")
    signs: Floats = np.array([1.0 if direction == "maximize" else -1.0 for direction in directions])
    return values * signs


def _undominated2(rows: Floats) -> NDArray[np.bool_]:
    """Of different rows in ascending order: those whose second column beats all that follow."""
    later = np.maximum.accumulate(rows[::-1, 1])[::-1]
    return np.append(rows[:-1, 1] > later[1:], True)


def _undominated3(rows: Floats) -> NDArray[np.bool_]:
    """The same for three columns: a row can only be dominated by one that follows, so by one of the front."""
    mask = np.zeros(len(rows), dtype=bool)
    front = np.empty_like(rows)
    size = 0
    for index in range(len(rows) - 1, -1, -1):
        if not (front[:size] >= rows[index]).all(axis=1).any():
            front[size], mask[index] = rows[index], True
            size += 1
    return mask

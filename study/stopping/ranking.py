"""Order among points with several objectives, all maximised: fronts, ranks, an even order inside a front."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from study.stopping.protocol import Floats

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


def dominators(points: Floats, point: Floats) -> Mask:
    """Mask [n] of the rows of ``points`` [n, m] that are nowhere worse than ``point`` [m] and once better."""
    return np.asarray((points >= point).all(axis=1) & (points > point).any(axis=1))


def fronts(points: Floats) -> Iterator[Places]:
    """Indices of the front of ``points`` [n, m], then of the front of the rest, and so on (Deb et al. 2002).

    Equal rows stay together. Sorted once; then a front costs O(rows left) with two objectives, O(rows left x
    front) with more.
    """
    left = np.lexsort(-points.T[::-1])  # best first: only an earlier row can dominate
    while len(left):
        front = (_sweep if points.shape[1] == 2 else _scan)(points[left])
        yield left[front]
        left = left[~front]


def _sweep(rows: Floats) -> Mask:
    """Front of rows [n, 2] sorted best first: better in the second objective than all before."""
    best = np.maximum.accumulate(rows[:, 1])
    front = np.append(True, rows[1:, 1] > best[:-1])
    repeats = np.append(False, (rows[1:] == rows[:-1]).all(axis=1))
    if repeats.any():  # an equal row shares the fate of the first of its kind
        front = front[np.maximum.accumulate(np.where(repeats, 0, np.arange(len(rows))))]
    return np.asarray(front)


def _scan(rows: Floats) -> Mask:
    """Front of rows [n, m] sorted best first: each against the front so far."""
    front = np.zeros(len(rows), dtype=np.bool_)
    for index, row in enumerate(rows):
        front[index] = not dominators(rows[:index][front[:index]], row).any()
    return front


def first_front(points: Floats) -> Mask:
    """Mask [n] of the rows that no other row dominates; equal rows stay together."""
    mask = np.zeros(len(points), dtype=np.bool_)
    mask[next(fronts(points), [])] = True
    return mask


def ranks(points: Floats) -> Places:
    """Non-domination rank [n]: 0 on the front, 1 on the front of the rest, and so on."""
    rank = np.zeros(len(points), dtype=np.int64)
    for level, front in enumerate(fronts(points)):
        rank[front] = level
    return rank


def epsilon_net(points: Floats) -> Places:
    """Places [n] of the rows of one front in an order that covers it evenly: 0 is taken first.

    The row that is best in the first objective, then always the row farthest from all taken before
    (Gonzalez 1985; MO-ASHA's tie-break, Schmucker et al. arXiv:2106.12639), each objective scaled to its
    range over the front. Equal candidates: the one of lower index. The answer is a place for every row, not
    the list of rows in order; the two are inverse permutations and are easily taken for one another.
    """
    spread = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    order = [int(np.argmax(points[:, 0]))]
    distance = np.full(len(points), np.inf)
    for _ in range(len(points) - 1):
        distance = np.minimum(distance, ((scaled - scaled[order[-1]]) ** 2).sum(axis=1))
        distance[order[-1]] = -np.inf
        order.append(int(np.argmax(distance)))
    places = np.empty(len(points), dtype=np.int64)
    places[order] = np.arange(len(points))
    return places

"""Order among points with several objectives, all maximised: fronts, ranks, an even order inside a front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.stopping.protocol import Floats

Mask = NDArray[np.bool_]


def dominators(points: Floats, point: Floats) -> Mask:
    """Mask [n] of the rows of ``points`` [n, m] that are nowhere worse than ``point`` [m] and once better."""
    return np.asarray((points >= point).all(axis=1) & (points > point).any(axis=1))


def first_front(points: Floats) -> Mask:
    """Mask [n] of the rows that no other row dominates; equal rows stay together.

    Two objectives: sorted by the first, a row is dominated if an earlier one is as good in the second;
    O(n log n). More: every row against the front so far, O(n |front|).
    """
    front = np.zeros(len(points), dtype=np.bool_)
    order = np.lexsort(-points.T[::-1])  # best first: only an earlier row can dominate
    ranked = points[order]
    if points.shape[1] == 2 and len(points):
        best = np.maximum.accumulate(ranked[:, 1])
        before = np.append(-np.inf, best[:-1])
        repeats = np.append(False, (ranked[1:] == ranked[:-1]).all(axis=1))
        keep = ranked[:, 1] > before
        # an equal row shares the fate of the first of its kind
        first_of_kind = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(ranked))))
        front[order] = keep[first_of_kind]
        return front
    kept = np.empty((0, points.shape[1]))
    for index, row in zip(order, ranked, strict=True):
        if not dominators(kept, row).any():
            front[index] = True
            kept = np.vstack([kept, row])
    return front


def ranks(points: Floats) -> NDArray[np.int64]:
    """Non-domination rank [n]: 0 for the front, 1 for the front of the rest, and so on (Deb et al. 2002)."""
    rank = np.zeros(len(points), dtype=np.int64)
    left = np.arange(len(points))
    level = 0
    while len(left):
        front = first_front(points[left])
        rank[left[front]] = level
        left, level = left[~front], level + 1
    return rank


def epsilon_net(points: Floats) -> NDArray[np.int64]:
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

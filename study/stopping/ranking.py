"""Order among points with several objectives, all maximised: ranks, and an even order inside a front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.front import layers
from study.stopping.protocol import Floats
from trainables.metrics import Direction

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


def dominators(points: Floats, point: Floats) -> Mask:
    """Mask [n] of the rows of ``points`` [n, m] that are nowhere worse than ``point`` [m] and once better."""
    return np.asarray((points >= point).all(axis=1) & (points > point).any(axis=1))


def maximised(points: Floats) -> list[Direction]:
    """The directions of points [n, m] that are oriented: larger is better."""
    return ["maximize"] * points.shape[1]


def ranks(points: Floats) -> Places:
    """Non-domination rank [n]: 0 on the front, 1 on the front of the rest, and so on."""
    rank = np.zeros(len(points), dtype=np.int64)
    for level, front in enumerate(layers(points, maximised(points))):
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

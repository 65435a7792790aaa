"""The empirical attainment function of fronts on a grid, and the outline of a region of grid cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.pareto import Floats

Mask = NDArray[np.bool_]


def attained_share(fronts: Sequence[Floats], x: Floats, y: Floats) -> Floats:
    """Share [len(x), len(y)] of the `fronts` [n_i, 2] that attain the point (x_i, y_j), both maximised.

    A front attains a point if one of its rows is at least as good in both (Grunert da Fonseca et al. 2001,
    EMO, 213). Rows with a NaN do not count. ValueError without fronts.
    """
    if not fronts:
        raise ValueError("got 0 fronts; the share needs at least one")
    total = np.zeros((len(x), len(y)))
    for front in fronts:
        rows = front[np.isfinite(front).all(axis=1)]
        order = np.argsort(rows[:, 0], kind="stable")
        # Highest y at or beyond each x: of the rows from the first one that is as far right.
        best = np.append(np.maximum.accumulate(rows[order[::-1], 1])[::-1], -np.inf)
        edge = best[np.searchsorted(rows[order, 0], x)]
        total += y[None, :] <= edge[:, None]
    return total / len(fronts)


def grid(values: Floats, most: int = 200) -> Floats:
    """The distinct finite values in order; of more than `most` so many of them, evenly by rank, ends kept."""
    known = np.unique(values[np.isfinite(values)])
    if len(known) <= most:
        return known
    return np.asarray(known[np.unique(np.linspace(0, len(known) - 1, most).round().astype(int))])


def outline(mask: Mask, x: Floats, y: Floats) -> list[Floats]:
    """Closed polygons [k, 2] around the true cells of `mask` [n, m]; `x` [n + 1] and `y` [m + 1]: cell edges.

    Cell (i, j) spans x_i to x_(i+1) and y_j to y_(j+1). The edges of all cells run counter-clockwise; those
    that two cells share run both ways and cancel. What is left are outer rings counter-clockwise and holes
    clockwise, so that a fill by either rule leaves the holes open. Corners on a straight line are dropped.
    """
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    inside = padded[1:-1, 1:-1]
    onward: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # One side of a cell: its neighbour over that side, where the side starts and ends within the cell.
    sides = (
        (padded[1:-1, :-2], (0, 0), (1, 0)),  # below: from left to right
        (padded[2:, 1:-1], (1, 0), (1, 1)),  # right: upwards
        (padded[1:-1, 2:], (1, 1), (0, 1)),  # above: from right to left
        (padded[:-2, 1:-1], (0, 1), (0, 0)),  # left: downwards
    )
    for neighbour, start, end in sides:
        for i, j in np.argwhere(inside & ~neighbour).tolist():
            onward.setdefault((i + start[0], j + start[1]), []).append((i + end[0], j + end[1]))
    rings = []
    while onward:
        first = next(iter(onward))
        ring = [first]
        at = _step(onward, first)
        while at != first:
            ring.append(at)
            at = _step(onward, at)
        corners = [
            here
            for before, here, after in zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
            if not (before[0] == here[0] == after[0] or before[1] == here[1] == after[1])
        ]
        rings.append(np.array([(x[i], y[j]) for i, j in corners], dtype=np.float64))
    return rings


def _step(onward: dict[tuple[int, int], list[tuple[int, int]]], at: tuple[int, int]) -> tuple[int, int]:
    """Take one edge that starts here; where two regions touch at a corner either will do."""
    ends = onward[at]
    end = ends.pop()
    if not ends:
        del onward[at]
    return end

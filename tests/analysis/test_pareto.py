"""Fronts, hypervolumes and knees against brute force and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import pareto

UP = (True, True)
GRID_POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12)


def brute_force(points: np.ndarray, maximize: tuple[bool, ...]) -> list[bool]:
    """The definition, word for word."""
    sign = np.where(maximize, 1, -1)
    gains = points * sign
    return [
        not any((other >= row).all() and (other > row).any() for other in gains if np.isfinite(other).all())
        and bool(np.isfinite(row).all())
        for row in gains
    ]


@given(points=GRID_POINTS, maximize=st.tuples(*[st.booleans()] * 3), holes=st.sets(st.integers(0, 11)))
def test_front_is_what_nobody_dominates(
    points: list[tuple[int, ...]], maximize: tuple[bool, ...], holes: set[int]
) -> None:
    """In three objectives of any direction, with rows that have a NaN."""
    array = np.array(points, dtype=float).reshape(-1, 3)
    array[[i for i in holes if i < len(array)], 1] = np.nan
    assert pareto.non_dominated(array, maximize).tolist() == brute_force(array, maximize)


def test_equal_points_all_stay() -> None:
    """Duplicates do not dominate each other."""
    assert pareto.non_dominated([[1, 2], [1, 2], [0, 2]], UP).tolist() == [True, True, False]


@given(n=st.integers(1, 30))
def test_hypervolume_of_a_staircase(n: int) -> None:
    """Points (i, n + 1 - i): the area is 1 + 2 + ... + n."""
    points = [(i, n + 1 - i) for i in range(1, n + 1)]
    assert pareto.hypervolume(points, (0, 0), UP) == pytest.approx(n * (n + 1) / 2)


@given(points=GRID_POINTS)
def test_hypervolume_counts_unit_cells(points: list[tuple[int, ...]]) -> None:
    """On integers the volume is the number of unit cells below some point; also in two dimensions."""
    for width in (2, 3):
        cells = {cell for point in points for cell in np.ndindex(*point[:width])}
        got = pareto.hypervolume([point[:width] for point in points], (0,) * width, (True,) * width)
        assert got == pytest.approx(len(cells))


def test_hypervolume_ignores_what_is_not_better_than_the_reference() -> None:
    """Points level with or below the reference, and rows with a NaN, add nothing."""
    assert pareto.hypervolume([[0.5, 0.0], [-1, 3], [np.nan, 2]], (0, 0), UP) == 0.0
    assert pareto.hypervolume([], (0, 0), UP) == 0.0


def test_hypervolume_with_a_minimised_objective() -> None:
    """Accuracy 0.9 with 20 units left of 100: 0.9 times 80."""
    assert pareto.hypervolume([[0.9, 20]], (0, 100), (True, False)) == pytest.approx(72)


def test_knee_is_farthest_from_the_chord() -> None:
    """(0.9, 0.8) lies outside the chord from (0, 1) to (1, 0) by 0.7 / sqrt(2)."""
    assert pareto.knee([[0, 1], [0.3, 0.95], [0.9, 0.8], [1, 0]], UP) == 2


@pytest.mark.parametrize("front", [[], [[0, 1], [1, 0]], [[0, 1], [0.5, 0.5], [1, 0]], [[1, 1]] * 4])
def test_no_knee(front: list[list[float]]) -> None:
    """Too few points, a straight front and a single place have none."""
    assert pareto.knee(front, UP) is None


def test_staircase_passes_through_its_corners() -> None:
    """Level, down, level, down to the reference."""
    steps = pareto.staircase([[2, 1], [1, 3]], (0, 0))
    assert steps.tolist() == [[0, 3], [1, 3], [1, 1], [2, 1], [2, 0]]
    assert pareto.staircase([], (0, 0)).shape == (0, 2)

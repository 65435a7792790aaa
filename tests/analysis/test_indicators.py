"""Hypervolume, epsilon and attainment against brute force and moocore, an independent implementation in C."""

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis import pareto

UP = (True, True)
DIRECTIONS = st.sampled_from([2, 3]).flatmap(lambda m: st.tuples(*[st.booleans()] * m))


def sets(m: int, least: int = 0) -> st.SearchStrategy[np.ndarray]:
    """Points [n, m] with many ties, and some without."""
    shape = st.tuples(st.integers(least, 14), st.just(m))
    coarse = arrays.arrays(float, shape, elements=st.integers(0, 5).map(float))
    fine = arrays.arrays(float, shape, elements=st.floats(0, 5, allow_subnormal=False, width=32))
    return coarse | fine


PAIRS = DIRECTIONS.flatmap(lambda d: st.tuples(st.just(d), sets(len(d)), sets(len(d), least=1)))


@given(drawn=PAIRS)
def test_hypervolume_agrees_with_moocore(drawn: tuple[tuple[bool, ...], np.ndarray, np.ndarray]) -> None:
    """Two and three objectives, any direction, a reference point amid the points."""
    maximize, points, _ = drawn
    reference = np.where(maximize, 1.0, 4.0)
    expected = moocore.hypervolume(points, reference, maximise=maximize) if len(points) else 0.0
    assert pareto.hypervolume(points, reference, maximize) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(drawn=PAIRS)
def test_front_agrees_with_moocore(drawn: tuple[tuple[bool, ...], np.ndarray, np.ndarray]) -> None:
    """Equal rows all stay on both sides."""
    maximize, _, points = drawn
    expected = moocore.is_nondominated(points, maximise=maximize, keep_weakly=True)
    assert pareto.non_dominated(points, maximize).tolist() == expected.tolist()


@given(drawn=PAIRS)
def test_epsilon_agrees_with_moocore_and_with_its_words(
    drawn: tuple[tuple[bool, ...], np.ndarray, np.ndarray],
) -> None:
    """Improved by epsilon in every objective the points match the target; by less they do not."""
    maximize, points, target = drawn
    got = pareto.epsilon(points, target, maximize)
    if len(points) == 0:
        assert got == float("inf")
        return
    assert got == pytest.approx(moocore.epsilon_additive(points, ref=target, maximise=maximize), abs=1e-6)
    sign = np.where(maximize, 1.0, -1.0)

    def matched(step: float) -> bool:
        raised = points * sign + step
        return all((raised >= row).all(axis=1).any() for row in target * sign)

    assert matched(got + 1e-9)
    assert not matched(got - 1e-6)


def test_epsilon_by_hand() -> None:
    """(1, 3) must rise by 1 to match (2, 2.5); what exceeds the target by 2 everywhere has epsilon -2."""
    assert pareto.epsilon([[1, 3], [4, 0]], [[2, 2.5]], UP) == 1.0
    assert pareto.epsilon([[3, 3]], [[1, 1]], UP) == -2.0
    assert pareto.epsilon([[np.nan, 9], [0, 0]], [[1, 0.5], [np.nan, 99]], UP) == 1.0
    with pytest.raises(ValueError, match="at least one point to reach"):
        pareto.epsilon([[1, 1]], [[np.nan, 1]], UP)


def test_attainment_by_hand() -> None:
    """Two crossing fronts: both attain the inner staircase, one of them the outer; a third reaches little."""
    fronts = [[[1, 3], [3, 1]], [[2, 2]], [[0, 0.5]]]
    assert pareto.attainment(fronts, 1 / 3).tolist() == [[1, 3], [2, 2], [3, 1]]
    assert pareto.attainment(fronts, 0.5).tolist() == [[1, 2], [2, 1]]
    assert pareto.attainment(fronts, 1.0).tolist() == [[0, 0.5]]
    assert pareto.attainment([*fronts, []], 1.0).tolist() == []
    flipped = [[[-a, b] for a, b in front] for front in fronts]
    assert pareto.attainment(flipped, 0.5, (False, True)).tolist() == [[-2, 1], [-1, 2]]


@given(
    fronts=st.lists(sets(2, least=1), min_size=1, max_size=6),
    level=st.sampled_from([0.25, 0.5, 0.75, 1.0]),
)
def test_attainment_agrees_with_moocore_and_with_its_words(fronts: list[np.ndarray], level: float) -> None:
    """The corners are attained by enough fronts, and the same as those of an independent library."""
    corners = pareto.attainment(fronts, level)
    needed = int(np.ceil(level * len(fronts)))
    for corner in corners:
        assert sum(bool((front >= corner).all(axis=1).any()) for front in fronts) >= needed
    of = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    surface = moocore.eaf(-np.concatenate(fronts), of, percentiles=[100 * level])[:, :2]
    expected = np.unique(-surface, axis=0)
    np.testing.assert_allclose(corners, expected)


@pytest.mark.parametrize("level", [0.0, 1.1])
def test_attainment_refuses_levels_outside_the_unit_interval(level: float) -> None:
    """And no fronts at all."""
    with pytest.raises(ValueError, match="0 < level <= 1"):
        pareto.attainment([[[1, 1]]], level)
    with pytest.raises(ValueError, match="got 0 fronts"):
        pareto.attainment([], 0.5)


def test_indicators_of_forty_thousand_points_on_one_front() -> None:
    """Every point on the front: what would be quadratic does not end within the suite's time limit."""
    u = np.random.default_rng(0).normal(size=(40_000, 3))
    sphere = np.abs(u) / np.linalg.norm(u, axis=1, keepdims=True)
    assert pareto.non_dominated(sphere, (True,) * 3).all()
    volume = pareto.hypervolume(sphere, (0, 0, 0), (True,) * 3)
    assert volume == pytest.approx(moocore.hypervolume(sphere, (0, 0, 0), maximise=True))
    assert volume == pytest.approx(np.pi / 6, rel=0.02)


def test_four_objectives_are_refused() -> None:
    """Rather than answered slowly or wrongly."""
    with pytest.raises(ValueError, match="got 4 objectives; must be 2 or 3"):
        pareto.non_dominated([[1, 2, 3, 4]], (True,) * 4)

"""The rising curve against cases that are checked by hand, and what holds for any points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.monotone import enough, needed, rising

X = np.array([0.1, 0.2, 0.3, 0.4])


def test_a_rising_line_is_its_own_fit() -> None:
    """y = 2 x: every level is where it should be, none above the largest."""
    curve = rising(X, 2 * X)
    assert curve.reaches(0.5) == pytest.approx(0.25)
    assert curve.reaches(0.8) == pytest.approx(0.4)
    assert curve.reaches(0.1) == pytest.approx(0.1)  # nothing below 0.1 was tried
    assert np.isnan(curve.reaches(0.81))


def test_a_fall_is_pooled_by_hand() -> None:
    """0.2, 0.6, 0.4, 0.8: the two in the middle become their mean 0.5, at the mean of their x."""
    curve = rising(X, np.array([0.2, 0.6, 0.4, 0.8]))
    assert curve.x == pytest.approx([0.1, 0.25, 0.4])
    assert curve.y == pytest.approx([0.2, 0.5, 0.8])
    assert curve.reaches(0.65) == pytest.approx(0.325)


def test_equal_x_count_as_often_as_they_are() -> None:
    """Three points at 0.1 with mean 0.4 and one at 0.2 with 0: pooled mean (3 * 0.4 + 0) / 4."""
    curve = rising(np.array([0.1, 0.1, 0.1, 0.2]), np.array([0.3, 0.4, 0.5, 0.0]))
    assert set(np.round(curve.y, 12)) == {0.3}
    assert curve.x[0] == pytest.approx(0.1)
    assert curve.x[-1] == pytest.approx(0.2)


def test_needed_has_an_interval_around_its_value() -> None:
    """s = 1 - exp(-6 x) with little noise: the x of 0.9 is log(10) / 6, within the interval."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0.05, 0.7, 200)
    found = needed(x, 1 - np.exp(-6 * x) + 0.005 * rng.standard_normal(200), [0.9], rng)[0.9]
    assert found.low < np.log(10) / 6 < found.high
    assert found.high - found.low < 0.06
    assert found.value == pytest.approx(np.log(10) / 6, abs=0.03)


def test_a_level_reached_once_has_no_upper_end() -> None:
    """Many resamples miss the only point that reached it."""
    found = needed(np.linspace(0.1, 0.8, 8), np.linspace(0.2, 0.9, 8), [0.85], np.random.default_rng(0))[0.85]
    assert found.value == pytest.approx(0.75)
    assert np.isinf(found.high)
    assert np.isnan(needed(X, X, [0.9], np.random.default_rng(0))[0.9].low)


def test_enough() -> None:
    """Eight pairs at four places."""
    assert enough(np.repeat(X, 2))
    assert not enough(np.repeat(X[:3], 4))
    assert not enough(np.linspace(0, 1, 7))


@given(arrays(float, 9, elements=st.floats(0, 1)), arrays(float, 9, elements=st.floats(0, 1)))
def test_never_falls_and_keeps_the_mean(x: np.ndarray, y: np.ndarray) -> None:
    """Whatever the points: x strictly rises, y never falls, the levels lie within the data."""
    curve = rising(x, y)
    assert (np.diff(curve.x) > 0).all()
    assert (np.diff(curve.y) >= -1e-12).all()
    assert y.min() - 1e-12 <= curve.y.min()
    assert curve.y.max() <= y.max() + 1e-12
    assert curve.x[0] == x.min()
    assert curve.x[-1] == x.max()

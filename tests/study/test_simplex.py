from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.space import probe, suggest
from study.space.ranges import Space
from study.space.simplex import coordinates, increments
from trainables.config import TrainConfig

cube = st.lists(st.floats(0, 1), min_size=1, max_size=11)


@given(x=cube)
def test_increments_are_a_point_of_the_simplex(x: list[float]) -> None:
    parts = increments(x)
    assert len(parts) == len(x) + 1
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(1)


@given(x=st.lists(st.floats(0.001, 0.999), min_size=1, max_size=11), scale=st.floats(0.01, 100))
def test_coordinates_are_the_inverse_whatever_the_sum(x: list[float], scale: float) -> None:
    assert coordinates([part * scale for part in increments(x)]) == pytest.approx(x, abs=1e-6)


@given(parts=st.lists(st.floats(0, 10), min_size=2, max_size=12).filter(lambda parts: sum(parts) > 0.01))
def test_every_shape_has_coordinates_pauses_included(parts: list[float]) -> None:
    x = coordinates(parts)
    assert all(0 <= one <= 1 for one in x)
    assert increments(x) == pytest.approx([part / sum(parts) for part in parts], abs=1e-6)


def test_two_increments_by_hand() -> None:
    assert increments([0.25]) == [0.25, 0.75]
    # v1 = 1 - (1 - 0.75)^(1/2) = 1/2, v2 = 0.5 of the half that is left
    assert increments([0.75, 0.5]) == pytest.approx([0.5, 0.25, 0.25])


@pytest.mark.parametrize("knots", [2, 3, 4, 7, 12])
def test_uniform_coordinates_are_uniform_on_the_simplex(knots: int) -> None:
    """Of a uniform point any m increments add up to Beta(m, k - m): all sums of neighbours are held to it."""
    rng = np.random.default_rng(knots)
    points = np.array([increments(list(x)) for x in rng.random((4000, knots - 1))])
    for first in range(knots):
        for count in range(1, knots - first):
            total = points[:, first : first + count].sum(axis=1)
            expected = stats.beta(count, knots - count)
            assert stats.kstest(total, expected.cdf).statistic < 0.035  # p = 1e-4 at n = 4000
    spread = np.cov(points.T)
    off = spread[~np.eye(knots, dtype=bool)]
    assert off == pytest.approx(-1 / (knots**2 * (knots + 1)), abs=0.005)


def test_free_shapes_pass_through_their_increments() -> None:
    base, space = TrainConfig(), Space(schedulers=("free",), knots=5, start=(0, 0), end=(1, 1))
    for seed in range(20):
        trial = probe(seed)
        params = suggest(trial, space, base)
        assert sorted(set(trial.params)) == ["final_threshold", "shape_1", "shape_2", "shape_3", "shape_4"]
        shape = TrainConfig(**params).schedule()
        heights = [float(shape(j / 5)) for j in range(6)]
        assert heights == pytest.approx([0, *accumulate(params["shape_increments"])])

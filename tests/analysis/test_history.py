"""The hypervolume's history against the hypervolume of every prefix, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import history, pareto

VALUES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, float("nan")])
MAXIMIZE = {2: (True, False), 3: (True, False, True)}


def test_by_hand() -> None:
    """(0.5, 0.8) makes 0.4; (0.8, 0.5) adds 0.3 * 0.5; (0.4, 0.4) lies inside; (0.9, 0.9) covers all."""
    points = [(0.5, 0.8), (0.8, 0.5), (0.4, 0.4), (np.nan, 1.0), (0.9, 0.9)]
    found = history.hypervolumes(points, (0.0, 0.0), (True, True))
    assert found == pytest.approx([0.4, 0.55, 0.55, 0.55, 0.81])
    assert history.reached(found, 0.5) == 2
    assert history.reached(found, 0.99) == 5


@pytest.mark.parametrize("m", [2, 3])
@given(data=st.data())
def test_every_prefix(m: int, data: st.DataObject) -> None:
    """Whatever the direction and the reference point, with points outside it and gaps."""
    points = np.array(data.draw(st.lists(st.tuples(*[VALUES] * m), min_size=1, max_size=12)))
    reference = data.draw(st.tuples(*[st.sampled_from([0.0, 0.3, 1.0])] * m))
    found = history.hypervolumes(points, reference, MAXIMIZE[m])
    expected = [pareto.hypervolume(points[: n + 1], reference, MAXIMIZE[m]) for n in range(len(points))]
    assert found == pytest.approx(expected)


@given(n=st.integers(1, 40), most=st.integers(1, 12), seed=st.integers(0, 9))
def test_strides_never_overstate_and_end_exactly(n: int, most: int, seed: int) -> None:
    """Three objectives in steps: the last row is exact, the others are of a prefix and rise."""
    points = np.random.default_rng(seed).random((n, 3))
    exact = history.hypervolumes(points, (0, 0, 0), (True,) * 3, most=n)
    found = history.hypervolumes(points, (0, 0, 0), (True,) * 3, most=most)
    assert found[-1] == pytest.approx(exact[-1])
    assert (found <= exact + 1e-12).all()
    assert (np.diff(found) >= -1e-12).all()
    assert len(set(found[found > 0].tolist())) <= most


def test_nothing_to_show() -> None:
    """No rows, no feasible row, an unknown reference point."""
    assert len(history.hypervolumes(np.empty((0, 2)), (0, 0), (True, True))) == 0
    assert history.reached(np.zeros(3), 0.99) is None
    assert history.reached(np.empty(0), 0.99) is None
    assert np.isnan(history.hypervolumes([(1.0, 1.0)], (np.nan, 0), (True, True))).all()

"""Packing into slots and the account of their time, by hand and by its sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.timeline import WHERE, pack, usage

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=30)


def test_packing_by_hand() -> None:
    """The third starts when the first has ended: the lowest free slot."""
    starts, ends = np.array([0.0, 1.0, 5.0, 5.0]), np.array([5.0, 9.0, 6.0, 7.0])
    assert pack(starts, ends).tolist() == [0, 1, 0, 2]


@given(SPANS)
def test_packing_needs_no_more_slots_than_overlap(spans: list[tuple[int, int]]) -> None:
    """And no two trials of one slot overlap."""
    starts = np.array([float(start) for start, _ in spans])
    ends = starts + np.array([float(length) for _, length in spans])
    slot = pack(starts, ends)
    at_once = max(int(((starts <= t) & (ends > t)).sum()) for t in starts)
    assert int(slot.max()) + 1 == at_once
    for one in range(at_once):
        order = np.argsort(starts[slot == one])
        assert (ends[slot == one][order][:-1] <= starts[slot == one][order][1:]).all()


def test_an_account_by_hand() -> None:
    """Two slots. A break from 20 to 50; slot 1 waits from 62 to 65 for the confirmation, which ends alone."""
    starts = np.array([0.0, 0.0, 11.0, 50.0, 52.0, 65.0])
    ends = np.array([10.0, 20.0, 20.0, 62.0, 65.0, 75.0])
    confirms = np.array([False] * 5 + [True])
    found = usage(starts, ends, np.array([8.0, 15.0, 9.0, 99.0, np.nan, 10.0]), confirms, 2)
    assert (found.span_s, found.slots, found.breaks) == (75.0, 2, ((20.0, 50.0),))
    assert found.seconds == pytest.approx(
        {
            "training": 8 + 15 + 9 + 12 + 10,  # no more than a trial lasted
            "around training": 2 + 5 + 0 + 0 + 13,
            "between trials": 1 + 2,  # slot 0 from 10 to 11, slot 1 from 50 to 52
            "before confirming": 3,
            "breaks": 60,
            "run out": 10,
            "unused": 0,
        }
    )
    assert found.busy == pytest.approx(74 / 150)


@given(SPANS, st.integers(0, 5), st.integers(0, 30))
def test_the_account_adds_up(spans: list[tuple[int, int]], slots: int, confirms: int) -> None:
    """Every second of every slot is somewhere, nothing is negative."""
    starts = np.array([1e9 + 3 * start for start, _ in spans])
    ends = starts + np.array([float(length) for _, length in spans])
    late = starts >= np.sort(starts)[min(confirms, len(starts) - 1)]
    found = usage(starts, ends, 0.5 * (ends - starts), late & (confirms < len(starts)), slots)
    assert set(found.seconds) == set(WHERE)
    assert sum(found.seconds.values()) == pytest.approx(found.slots * found.span_s)
    assert min(found.seconds.values()) > -1e-6
    assert found.busy == pytest.approx((ends - starts).sum() / (found.slots * found.span_s))
    assert found.slots >= slots


def test_a_trial_of_no_time_has_no_share() -> None:
    """One instant: nothing to divide by."""
    found = usage(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool), 1)
    assert np.isnan(found.busy)

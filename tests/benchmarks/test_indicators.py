"""Indicators of the comparison of searches, on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.landscape import indicators


def test_volume_is_chosen_by_what_was_seen_and_measured_by_what_is_true() -> None:
    observed = np.array([[0.6, 0.5], [0.5, 0.4], [0.9, 0.2]])
    true = np.array([[0.5, 0.5], [1.0, 1.0], [0.9, 0.2]])
    seen, worth = indicators.volumes(observed, true)
    assert np.allclose(seen, [0.25, 0.25, 0.25 + 0.3 * 0.2])
    # the second trial is dominated as observed, so its true worth is never known to its user
    assert np.allclose(worth, [0.2, 0.2, 0.2 + 0.4 * 0.2])


def test_a_lucky_trial_that_displaces_a_better_one_costs_worth() -> None:
    observed = np.array([[0.8, 0.8], [0.9, 0.9]])
    true = np.array([[0.8, 0.8], [0.3, 0.9]])
    seen, worth = indicators.volumes(observed, true)
    assert seen[1] > seen[0]
    assert worth[1] == pytest.approx(0.2 * 0.9)
    assert worth[1] < worth[0]


def test_surfaces_of_three_studies() -> None:
    fronts = [np.array([[0.9, 0.8]]), np.array([[0.8, 0.95]]), np.array([[0.7, 0.8]])]
    read = indicators.surfaces(fronts, np.array([0.5, 0.9, 0.99]))
    assert np.allclose(read[0.25], [0.9, 0.8, 0.1])  # one study is enough
    assert np.allclose(read[0.5], [0.8, 0.1, 0.1])  # two
    assert np.allclose(read[0.75], [0.7, 0.1, 0.1])  # all three


def test_a12_counts_pairs() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0])
    assert indicators.a12(a, b) == pytest.approx((1 + 1.5 + 2) / 6)
    assert indicators.a12(b, a) == pytest.approx(1 - (1 + 1.5 + 2) / 6)


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1, never falling
    assert indicators.holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])


def test_equal_studies_do_not_differ() -> None:
    same = np.arange(5.0)
    assert indicators.paired(same, same) == 1.0
    assert indicators.paired(same, same + 1) == pytest.approx(2 / 2**5)  # all five signs alike

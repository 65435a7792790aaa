"""Rows by trial, and the rule of the collapse on curves drawn by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.figures.chosen import spread
from analysis.runs import Runs, collapse

U = np.array([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize(
    ("accuracy", "at", "to_chance"),
    [
        ((0.5, 0.8, 0.9, 0.9, 0.9), None, False),  # never
        ((0.5, 0.9, 0.9, 0.9, 0.1), 1.0, True),  # in the last epoch, to chance
        ((0.5, 0.9, 0.3, 0.2, 0.12), 0.6, True),  # early, for good
        ((0.9, 0.1, 0.9, 0.9, 0.5), 1.0, False),  # recovered once: the second fall counts
        ((0.9, 0.1, 0.2, 0.9, 0.85), None, False),  # a dip alone is none
        ((0.5, 0.9, 0.85, 0.80, 0.80), None, False),  # ten points are not more than ten
        ((0.5, 0.9, 0.85, 0.79, 0.79), 0.8, False),  # eleven are
        ((0.1, 0.1, 0.1, 0.1, 0.1), None, False),  # what never learned has nothing to lose
        ((0.5, np.nan, 0.9, np.nan, 0.2), 1.0, False),  # unknown epochs do not count
    ],
)
def test_collapse(accuracy: tuple[float, ...], at: float | None, to_chance: bool) -> None:
    """When, and whether to chance, of ten classes."""
    end = collapse(U, np.array(accuracy), chance=0.1)
    assert end is not None
    assert (end.at, end.to_chance) == (at, to_chance)
    assert end.best == np.nanmax(accuracy)


def test_no_accuracy_no_verdict() -> None:
    """All unknown, or no rows at all."""
    assert collapse(U, np.full(5, np.nan)) is None
    assert collapse(np.array([]), np.array([])) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_collapse_agrees_with_its_definition(accuracy: list[float]) -> None:
    """Word by word in a loop: every epoch from `at` on, and not the one before, is below its best by more."""
    u = (np.arange(len(accuracy)) + 1) / len(accuracy)
    end = collapse(u, np.array(accuracy))
    below = [max(accuracy[: i + 1]) - value > 0.1 + 1e-9 for i, value in enumerate(accuracy)]
    first = next((i for i in range(len(below)) if all(below[i:]) and (i == 0 or not below[i - 1])), None)
    assert end is not None
    assert end.at == (None if first is None else u[first])


def test_runs_of_shuffled_rows() -> None:
    """By trial and epoch, whatever the order; progress where told, else epoch / last epoch of the trial."""
    frame = pd.DataFrame(
        {
            "number": [7, 2, 7, 2, 7],
            "epoch": [3, 2, 1, 1, 2],
            "accuracy_val": [0.3, 0.2, 0.1, 0.1, np.nan],
            "progress": [np.nan, 0.9, np.nan, 0.4, np.nan],
        }
    )
    runs = Runs.of(frame)
    assert runs.u(7).tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert runs.u(2).tolist() == [0.4, 0.9]
    assert runs.column(7, "accuracy_val")[[0, 2]].tolist() == [0.1, 0.3]
    assert np.isnan(runs.column(2, "unheard_of")).all()
    assert len(runs.u(3)) == len(runs.column(3, "accuracy_val")) == 0
    assert (7 in runs, 3 in runs) == (True, False)
    assert Runs.of(frame.iloc[:0]).bounds == {}


def test_spread_keeps_both_ends_and_what_it_must() -> None:
    """In the given order; more to keep than there is room for is spread itself."""
    assert spread([5, 3, 9], 4) == [5, 3, 9]
    assert spread(list(range(11)), 3) == [0, 5, 10]
    assert spread(list(range(11)), 3, {4}) == [0, 4, 10]
    assert spread(list(range(11)), 2, {1, 2, 3, 4}) == [1, 4]

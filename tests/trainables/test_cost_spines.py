"""The life of the spines by hand, and through a stop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.cost.spines import SpineLife


def weights(*values: float) -> list[torch.Tensor]:
    """Two layers."""
    return [torch.tensor(values[:2]), torch.tensor([values[2:]])]


def test_three_epochs_by_hand() -> None:
    life = SpineLife(weights(1, -1, 2, 0, 0))
    assert life.first_generation == 3
    row = life.look(weights(1, 0, -2, 3, 0))
    assert row == {
        "spines_mature": 3 / 5,
        "spines_filopodia": 2 / 5,
        "spines_formed": 1 / 5,
        "spines_eliminated": 1 / 5,
        "spines_flipped": 1 / 5,
        "spines_survival": 2 / 3,
    }
    row = life.look(weights(0, 1, -3, 3, 1))  # the second is back, but did not stay
    assert (row["spines_formed"], row["spines_eliminated"], row["spines_flipped"]) == (2 / 5, 1 / 5, 0)
    assert row["spines_survival"] == 1 / 3
    row = life.look(weights(1, 1, 3, -3, 1))
    assert (row["spines_flipped"], row["spines_survival"]) == (2 / 5, 1 / 3)


def test_no_first_generation_no_survival() -> None:
    life = SpineLife([torch.zeros(3)])
    assert life.look([torch.ones(3)])["spines_survival"] is None


trace = st.lists(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=6, max_size=6), min_size=2, max_size=6)


@settings(deadline=None, max_examples=50)
@given(trace)
def test_against_plain_python_and_through_a_stop(looks: list[list[float]]) -> None:
    life = SpineLife([torch.tensor(looks[0])])
    before, first = looks[0], [i for i, w in enumerate(looks[0]) if w]
    alive = set(first)
    for now in looks[1:]:
        row = life.look([torch.tensor(now)])
        pairs = list(zip(before, now, strict=True))
        alive &= {i for i, w in enumerate(now) if w}
        assert row["spines_mature"] == sum(w != 0 for w in now) / 6
        assert row["spines_formed"] == sum(a == 0 != b for a, b in pairs) / 6
        assert row["spines_eliminated"] == sum(a != 0 == b for a, b in pairs) / 6
        assert row["spines_flipped"] == sum(a * b < 0 for a, b in pairs) / 6
        assert row["spines_survival"] == (len(alive) / len(first) if first else None)
        before = now
        state = life.state_dict()
        life = SpineLife([torch.full((6,), 9.0)])  # another process, which knows nothing
        life.load_state_dict(state)


def test_the_state_is_a_byte_per_weight_and_a_copy() -> None:
    life = SpineLife([torch.ones(1000)])
    state = life.state_dict()
    assert state["memory"].dtype == torch.int8
    assert state["memory"].shape == (1000,)
    other = SpineLife([torch.zeros(1000)])
    other.load_state_dict(state)
    life.look([torch.zeros(1000)])
    assert other.look([torch.ones(1000)])["spines_survival"] == pytest.approx(1)

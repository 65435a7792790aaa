"""Importances on functions whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import importance
from analysis.importance import best, groups, importances, near_front, shares, table

Rng = np.random.default_rng


def effects(good: np.ndarray, *columns: np.ndarray, choices: tuple[int, ...] = ()) -> list[float]:
    """Importances of the columns; `choices` of each, 0 for numbers."""
    cut = [groups(x, k) for x, k in zip(columns, choices or (0,) * len(columns), strict=True)]
    return [part.value for part in importances(good, cut, Rng(0), 200).estimates]


def test_shares_by_hand() -> None:
    """Two groups of four, 3 and 1 good: SS_total 2, between 0.5, within 1.5, MS 0.25: (0.5 - 0.25) / 2."""
    assert shares([4, 4, 0], [3, 1, 0]) == pytest.approx([0.125])
    assert shares([4, 4, 0], [4, 0, 0]) == pytest.approx([1.0])
    # Two trials without the parameter, both good: SS_total 6 - 36 / 10, what is inside is as before.
    assert shares([4, 4, 2], [3, 1, 2]) == pytest.approx([0.25 / 2.4])
    assert np.isnan(shares([1, 1, 5], [1, 0, 2])).all()  # nothing left to estimate the spread within
    assert np.isnan(shares([4, 4, 0], [0, 0, 0])).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=8, max_size=40))
def test_shares_is_the_adjusted_coefficient_of_determination(rows: list[tuple[int, bool]]) -> None:
    """A second implementation: least squares on indicator columns."""
    group, good = np.array([g for g, _ in rows]), np.array([float(y) for _, y in rows])
    group = np.unique(group, return_inverse=True)[1]
    n, k = len(good), int(group.max()) + 1
    found = shares(*table(good, group))[0]
    if n <= k or np.ptp(good) == 0:
        assert math.isnan(found)
        return
    fit = np.eye(k)[group] @ np.linalg.lstsq(np.eye(k)[group], good, rcond=None)[0]
    unexplained = ((good - fit) ** 2).sum() / ((good - good.mean()) ** 2).sum()
    assert found == pytest.approx(1 - unexplained * (n - 1) / (n - k))


@pytest.mark.parametrize("maximize", [True, False])
def test_right_way_up(maximize: bool) -> None:
    """`a` decides among the good, `b` among the bad: `a` matters. Upside-down the answer would be `b`."""
    a, b = Rng(1).random((2, 600))
    value = np.where(a > 0.7, a, -b)
    found = effects(best(value if maximize else -value, maximize), a, b)
    assert found[0] > 0.9
    assert found[1] < 0.02
    upside_down = effects(best(value if maximize else -value, not maximize), a, b)
    assert upside_down[1] > 0.5 > 0.2 > upside_down[0]


def test_known_main_effects() -> None:
    """Good where x is above one half, or a choice is the second: the share is known in closed form.

    P(good | x > .5) = 1, else p = 1 / 4 by choice: P(good) = 5/8. Var(E[good | x]) = (3/8)^2; of the choice
    E is 1 for one of four, 1/2 for the others: Var = 3/16 (1/2)^2. Var(good) = 15/64.
    """
    rng = Rng(2)
    x, choice, other = rng.random(4000), rng.integers(0, 4, 4000).astype(float), rng.random(4000)
    good = ((x > 0.5) | (choice == 1)).astype(float)
    found = effects(good, x, choice, other, choices=(0, 4, 0))
    assert found[0] == pytest.approx((9 / 64) / (15 / 64), abs=0.03)
    assert found[1] == pytest.approx((3 / 64) / (15 / 64), abs=0.03)
    assert found[2] == pytest.approx(0.0, abs=0.01)


def test_an_optimum_inside_counts() -> None:
    """No correlation at all, and yet x decides everything."""
    x = np.linspace(0, 1, 400)
    assert abs(np.corrcoef(x, -np.abs(x - 0.5))[0, 1]) < 1e-9
    assert effects(best(-np.abs(x - 0.5), True), x)[0] > 0.8


@given(st.integers(0, 20))
def test_ranks_alone_count(seed: int) -> None:
    """The same for D, log D and exp D, and for any rising transformation of the objective."""
    x, noise = Rng(seed).random((2, 60)) + 0.01
    y = x + 0.3 * noise
    plain = effects(best(y, True), x)
    assert effects(best(np.exp(3 * y), True), np.log(x)) == plain
    assert effects(best(-(y**3), False), np.exp(x)) == plain


def test_irrelevant_parameters_have_no_share_in_the_mean_and_seldom_beat_chance() -> None:
    """The bias of the raw share, (k - 1) / (n - 1) = 0.13 here, is gone; 5 % beat the chance line."""
    rng, sums, beaten = Rng(3), [], 0
    for _ in range(200):
        x, y = rng.random((6, 40)), rng.random(40)
        cut = [groups(column) for column in x]
        sums.append(shares(*table(best(y, True), cut[0]))[0])
        found = importances(best(y, True), cut, rng, 100)
        beaten += max(part.value for part in found.estimates) > found.noise
    assert np.mean(sums) == pytest.approx(0.0, abs=4 * np.std(sums) / math.sqrt(200))
    assert beaten <= 25  # of 200 with 5 %: at most 25 in 99.99 % of cases


def test_a_parameter_of_some_trials_gets_no_credit_for_the_choice_that_brings_it() -> None:
    """Good is the third choice, whatever its parameter p; then where p > 0.5: what is left to it."""
    rng = Rng(4)
    choice, p = rng.integers(0, 3, 3000).astype(float), rng.random(3000)
    p[choice != 2] = np.nan
    found = importances((choice == 2).astype(float), [groups(choice, 3), groups(p)], rng, 50)
    assert [part.value for part in found.estimates] == pytest.approx([1.0, 0.0])
    assert found.estimates[1].n == int(np.isfinite(p).sum())
    # Of good = (third choice and p > 0.5), variance 5/36: by choice 1/18, by p within a third 1/12.
    halved = effects((p > 0.5).astype(float), choice, p, choices=(3, 0))
    assert halved == pytest.approx([2 / 5, 3 / 5], abs=0.05)


def test_the_interval_covers() -> None:
    """The share of a threshold on x with noise, known from a large sample; 100 intervals of nominal 95 %."""
    rng = Rng(5)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.random(n)
        return x, best(x + 0.4 * rng.standard_normal(n), True)

    x, good = draw(200_000)
    truth = effects(good, x)[0]
    held = 0
    for _ in range(100):
        x, good = draw(100)
        part = importances(good, [groups(x)], rng, 200).estimates[0]
        held += part.low <= truth <= part.high
    assert held >= 85


def test_too_few_are_said_to_be_too_few() -> None:
    """Under 20 trials, or under 5 good ones or others; a parameter of 9 trials is unknown."""
    x = np.arange(30.0)
    for n, members, enough in (
        (19, 8, False),
        (20, 5, True),
        (30, 4, False),
        (30, 26, False),
        (30, 15, True),
    ):
        good = (np.arange(n) < members).astype(float)
        assert importances(good, [groups(x[:n])], Rng(0), 20).enough is enough
    rare = np.where(x < 9, x, np.nan)
    found = importances((x < 12).astype(float), [groups(rare)], Rng(0), 20)
    assert math.isnan(found.estimates[0].value)
    nobody = importances(np.zeros(30), [groups(x)], Rng(0), 20)
    assert math.isnan(nobody.estimates[0].value)
    assert importances(np.zeros(0), [], Rng(0)).order() == []


def test_groups() -> None:
    """Equal shares by rank, ties together, missing apart, rare choices together."""
    assert np.bincount(groups(np.arange(100.0))).tolist() == [12, 13, 12, 13, 12, 13, 12, 13]
    assert groups(np.array([1.0, 1.0, 1.0, 5.0, np.nan])).tolist() == [0, 0, 0, 1, -1]
    choices = np.array([0.0] * 4 + [1.0] * 3 + [2.0] * 2 + [3.0] + [np.nan])
    assert groups(choices, 4).tolist() == [0] * 4 + [1] * 3 + [2] * 3 + [-1]


def test_best_and_near_front() -> None:
    """Ties with the last of the best are in; layers until a tenth is reached; infeasible rows never."""
    assert best(np.array([3.0, 1, 2, 2, 0, 0, 0, 0]), True).tolist() == [1, 0, 1, 1, 0, 0, 0, 0]
    assert best(np.array([3.0, 1, 2, 2]), False).tolist() == [0, 1, 0, 0]
    line = np.column_stack([np.arange(40.0), np.arange(40.0)])  # every layer is one row
    assert np.flatnonzero(near_front(line, (True, True))).tolist() == [36, 37, 38, 39]
    line[39] = np.nan
    assert np.flatnonzero(near_front(line, (True, True))).tolist() == [35, 36, 37, 38]
    assert near_front(np.full((5, 2), np.nan), (True, True)).sum() == 0
    assert importance.BEST == 0.25

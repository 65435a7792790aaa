"""What holds for every rule, and the two baselines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.spec import STOP_RULES
from study.stopping import RULES, Plan
from study.stopping.asha import goes_on
from study.stopping.ranking import epsilon_net, ranks
from tests.study.stopped import OBJECTIVES, PLAN, Made, Row, feed, row, rule, together
from trainables.config import TrainConfig

TRIALS = st.builds(
    Made,
    st.sampled_from([0.6, 0.8, 0.9, 0.95, 0.99]),
    st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    st.sampled_from([0.5, 1.0, 2.0]),
)
STUDIES = st.lists(TRIALS, min_size=2, max_size=25)
POINTS = st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=14)
POINTS3 = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=14)
OTHERS = [name for name in RULES if name != "none"]


def test_the_spec_offers_every_rule() -> None:
    assert list(RULES) == STOP_RULES


def test_none_stops_nobody() -> None:
    assert feed(rule("none"), 0, [row(epoch, 0.0, 0.0) for epoch in range(1, 11)]) is None


@pytest.mark.parametrize("name", OTHERS)
@given(made=STUDIES, seed=st.integers(0, 99))
@settings(max_examples=25)
def test_the_filed_rows_give_the_same_decisions_again(name: str, made: list[Made], seed: int) -> None:
    trials = [one.rows() for one in made]
    first = together(rule(name, stop_peers=1), trials, seed)
    assert together(rule(name, stop_peers=1), trials, seed) == first


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_rows_without_a_finite_value_are_passed_over(name: str, bad: Any) -> None:
    judge = rule(name, stop_peers=1)
    for number in range(12):
        feed(judge, number, Made(0.9 + number / 200, 2.0 + number / 50).rows())
    broken: list[Row] = [one | {"accuracy_val": bad} for one in Made(0.6, 0.5).rows()]
    assert feed(judge, 50, broken) is None
    assert feed(judge, 51, Made(0.6, 0.5).rows()) is not None  # the others are still there


@pytest.mark.parametrize("name", OTHERS)
def test_other_lengths_and_families_are_not_compared(name: str) -> None:
    judge = rule(name, stop_peers=1)
    for number in range(12):
        feed(judge, number, Made(0.95, 3.0 + number / 50).rows())
    poor = Made(0.6, 0.5).rows()
    for plan in (
        Plan(11, *plan_rest()),
        Plan(10, ("st", "none", "constant", "4"), 1.0, 5.0, "constant", True),
    ):
        assert feed(judge, 20 + plan.epochs, poor, plan) is None
    assert feed(judge, 40, poor) is not None


def plan_rest() -> tuple[Any, ...]:
    return PLAN.family, PLAN.final_threshold, PLAN.lr_sum, PLAN.lr_schedule, PLAN.driven


def test_a_plan_holds_what_the_configuration_fixes() -> None:
    plan = Plan.of(TrainConfig(epochs=4, final_threshold=0.5, lr_schedule="constant"))
    assert (plan.epochs, plan.driven, plan.family[0]) == (4, True, "stds")
    assert plan.final_threshold == pytest.approx(0.5 * plan.lr_sum)
    assert plan.lr_left(0.25) == pytest.approx(0.75)
    assert plan.growth_left(0.2 * plan.lr_sum) == pytest.approx(0.3)
    assert Plan.of(TrainConfig(pruner="agp")).driven is False


# --- discard ---


def test_discard_looks_once_and_only_at_the_earlier() -> None:
    judge = rule("discard", stop_from=0.5)
    assert feed(judge, 0, [row(5, 0.9, 0.5)]) is None  # first
    assert feed(judge, 1, [row(5, 0.8, 0.6)]) is None  # less accurate, sparser
    assert feed(judge, 2, [row(4, 0.1, 0.1), row(5, 0.9, 0.5), row(6, 0.1, 0.1)]) is None  # equal to 0
    stopped = feed(judge, 3, [row(4, 0.99, 0.99), row(5, 0.8, 0.55)])
    assert stopped == (5, "discarded after epoch 5: 1 of 3 earlier trials dominated it")
    assert feed(judge, 4, [row(5, 0.85, 0.55)]) is None  # between 0 and 1


# --- asha ---


def test_asha_on_a_total_order_agrees_with_the_order() -> None:
    """Both objectives equal: the truth is known. Place below n / eta goes on; a new best always does."""
    rng = np.random.default_rng(0)
    best = agreed = decisions = 0
    for _ in range(200):
        scores = rng.permutation(12) / 12
        for count in range(1, 13):
            now, earlier = scores[count - 1], scores[: count - 1]
            verdict = goes_on(np.full(2, now), np.column_stack([earlier, earlier]), count / 3)
            place = int((earlier > now).sum())
            agreed, decisions = agreed + (verdict == (place < count / 3)), decisions + 1
            if place == 0:
                assert verdict
                best += 1
    assert agreed == decisions == 2400
    assert best > 400


def test_asha_has_rungs_at_powers_of_eta_below_the_end() -> None:
    judge = rule("asha")
    feed(judge, 0, [row(epoch, 0.9, 0.9) for epoch in range(1, 11)])
    feed(judge, 1, [row(epoch, 0.9, 0.9) for epoch in range(1, 11)])
    poor = [
        row(epoch, 0.95 if epoch == rung else 0.1, 0.95 if epoch == rung else 0.1)
        for rung in (1,)
        for epoch in range(1, 11)
    ]
    stopped = feed(judge, 2, poor)
    assert stopped is not None
    assert stopped[0] == 3  # best at rung 1, worst at rung 3; epoch 2 is none
    assert "epoch 3" in stopped[1]


@given(points=POINTS, seed=st.integers(0, 99))
def test_asha_forgets_the_order_of_arrival_and_keeps_the_best(points: list[Any], seed: int) -> None:
    cloud = np.array(points, dtype=float)
    order = np.random.default_rng(seed).permutation(len(cloud) - 1)
    verdict = goes_on(cloud[0], cloud[1:], len(cloud) / 3)
    assert verdict == goes_on(cloud[0], cloud[1:][order], len(cloud) / 3)
    if cloud[0][0] >= cloud[:, 0].max() and cloud[0][1] >= cloud[:, 1].max():
        assert verdict


def test_epsilon_net_gives_places_not_an_order() -> None:
    """Best in the first objective, then the other end, then the middle; row 2 is taken second."""
    places = epsilon_net(np.array([[0.4, 0.6], [1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]))
    assert places.tolist() == [2, 0, 1, 3]


@given(points=st.one_of(POINTS, POINTS3))
def test_ranks_by_definition(points: list[Any]) -> None:
    cloud = np.array(points, dtype=float)
    beaten = [[bool((b >= a).all() and (b > a).any()) for b in cloud] for a in cloud]
    rank = ranks(cloud)
    for index, line in enumerate(beaten):  # one more than the worst of those that dominate it
        assert rank[index] == 1 + max((rank[other] for other, hit in enumerate(line) if hit), default=-1)


@pytest.mark.parametrize("name", OTHERS)
def test_three_objectives_with_a_minimised_one(name: str) -> None:
    judge = rule(name, (*OBJECTIVES, "synops"), stop_peers=1)
    for number in range(12):
        assert feed(judge, number, Made(0.9 + number / 200, 2.0 + number / 50).rows()) is None
    assert feed(judge, 20, Made(0.6, 0.5).rows()) is not None

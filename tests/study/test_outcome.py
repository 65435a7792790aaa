"""The front of a study against brute force, and where its hypervolume is measured from."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.outcome import Outcome, feasible
from study.spec import StudySpec
from tests.study.made import line, make
from trainables.metrics import METRICS

TWO = ("accuracy_val", "sparsity_params")
THREE = ("accuracy_val", "sparsity_params", "synapses")
DENSE = {"accuracy_val": 0.99, "sparsity_params": 0.0, "synapses": 1.0}
grid = st.integers(0, 10).map(lambda n: n / 10)  # coarse on purpose: many ties and duplicates


def study(names: tuple[str, ...]) -> StudySpec:
    return make(search={"objectives": names})


def filled(names: tuple[str, ...], points: list[tuple[float, ...]], dense: bool = True) -> Outcome:
    """The dense arm, and searched trials that ended with these values."""
    lines = [line(0, {n: DENSE[n] for n in names}, "reference", name="dense")] if dense else []
    lines += [line(n, dict(zip(names, point, strict=True))) for n, point in enumerate(points, 1)]
    return Outcome(study(names), lines)


def upwards(names: tuple[str, ...], point: tuple[float, ...]) -> tuple[float, ...]:
    """With the minimised ones negated: more is better."""
    signs = [-1 if METRICS[name].direction == "minimize" else 1 for name in names]
    return tuple(sign * x for sign, x in zip(signs, point, strict=True))


def above(names: tuple[str, ...], point: tuple[float, ...]) -> tuple[float, ...]:
    """Sides of the box over the reference point (chance, 0, the dense arm's count)."""
    origin = upwards(names, tuple({"accuracy_val": 0.1, "synapses": 1.0}.get(name, 0.0) for name in names))
    return tuple(x - o for x, o in zip(upwards(names, point), origin, strict=True))


def union(boxes: list[tuple[float, ...]]) -> float:
    """Volume of the union of boxes from the origin, cell by cell on their own grid."""
    if not boxes:
        return 0.0
    axes = [sorted({0.0, *(max(x, 0.0) for x in column)}) for column in zip(*boxes, strict=True)]
    total = 0.0
    for cell in product(*(list(pairwise(axis)) for axis in axes)):
        if any(all(x >= high for x, (_, high) in zip(box, cell, strict=True)) for box in boxes):
            size = 1.0
            for low, high in cell:
                size *= high - low
            total += size
    return total


@pytest.mark.parametrize("names", [TWO, THREE])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_front_and_hypervolume_by_brute_force(names: tuple[str, ...], data: st.DataObject) -> None:
    value = grid | st.floats(0, 1)
    points = data.draw(st.lists(st.tuples(*[value] * len(names)), max_size=7))
    outcome = filled(names, points)
    scores = [upwards(names, point) for point in points]
    best = [
        number
        for number, mine in enumerate(scores, 1)
        if not any(it != mine and all(a >= b for a, b in zip(it, mine, strict=True)) for it in scores)
    ]
    assert sorted(on["number"] for on in outcome.front) == best
    again = filled(names, [])
    searched = [line(n, dict(zip(names, point, strict=True))) for n, point in enumerate(points, 1)]
    off = [number for one in searched for number in again.add(one)]
    assert sorted(off) == sorted(set(range(1, len(points) + 1)) - set(best))  # each leaves once
    assert all(outcome.on_front(number) == (number in best) for number in range(len(points) + 1))
    last = [on["values"][names[-1]] for on in outcome.front]
    assert last == sorted(last)
    assert outcome.hypervolume == pytest.approx(union([above(names, point) for point in points]))


class TestReferencePoint:
    def test_chance_and_no_sparsity_need_no_trial(self) -> None:
        assert filled(TWO, [], dense=False).reference_point == {"accuracy_val": 0.1, "sparsity_params": 0.0}

    def test_counts_are_measured_from_the_dense_arm(self) -> None:
        before = filled(THREE, [(0.9, 0.5, 0.5)], dense=False)
        assert before.reference_point is None
        assert before.hypervolume == 0
        assert [on["number"] for on in before.front] == [1]
        after = filled(THREE, [(0.9, 0.5, 0.5)])
        assert after.reference_point == {"accuracy_val": 0.1, "sparsity_params": 0.0, "synapses": 1.0}
        assert after.hypervolume == pytest.approx(0.8 * 0.5 * 0.5)

    def test_confirmation_runs_of_the_dense_arm_do_not_move_it(self) -> None:
        outcome = filled(THREE, [(0.9, 0.5, 0.5)])
        outcome.add(line(9, DENSE | {"synapses": 7.0}, "confirm", name="dense", replicate_of=0))
        assert outcome.hypervolume == pytest.approx(0.8 * 0.5 * 0.5)

    @pytest.mark.parametrize("metrics", [{}, {"synapses": None}])
    def test_a_dense_arm_that_failed_tells_nothing(self, metrics: dict[str, Any]) -> None:
        failed = {"state": "FAIL", "values": None, "violations": {}, "metrics": metrics}
        outcome = Outcome(study(THREE), [line(0, {}, "reference", name="dense") | failed])
        outcome.add(line(1, dict(zip(THREE, (0.9, 0.5, 0.5), strict=True))))
        assert outcome.reference_point is None
        assert outcome.hypervolume == 0


class TestWhoIsOnIt:
    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": "reference", "name": "linear"},
            {"kind": "confirm", "replicate_of": 1},
            {"violations": {"accuracy_floor": -0.1, "synapses <= 100": 1e-9}},
            {"state": "PRUNED", "values": None, "violations": {}},
            {"state": "FAIL", "values": None, "violations": {}},
        ],
        ids=["arm", "confirmation", "infeasible", "stopped", "failed"],
    )
    def test_nobody_but_searched_feasible_complete_trials(self, changes: dict[str, Any]) -> None:
        best = line(2, {"accuracy_val": 1.0, "sparsity_params": 1.0}) | changes
        outcome = filled(TWO, [(0.5, 0.5)])
        outcome.add(best)
        assert [on["number"] for on in outcome.front] == [1]
        assert outcome.hypervolume == pytest.approx(0.4 * 0.5)

    def test_a_constraint_that_is_met_exactly_is_kept(self) -> None:
        values = {"accuracy_val": 0.5, "sparsity_params": 0.5}
        assert feasible(line(1, values, violations={"accuracy_floor": 0.0}))
        assert not feasible(line(1, values, violations={"accuracy_floor": 5e-324}))

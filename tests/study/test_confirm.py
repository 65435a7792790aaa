"""Which configurations are confirmed, and which are selected then; the numbers can be checked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from study import confirm
from study.spec import StudySpec
from tests.study.made import line, make

NAMES = ("accuracy_val", "sparsity_params")
FRONT = [(0.95, 0.50), (0.90, 0.90), (0.60, 0.95), (0.94, 0.60)]


def study(confirm: int = 2, at_most: int = 8, **search: Any) -> StudySpec:
    return make(search={"confirm": confirm, "confirm_at_most": at_most} | search)


def searched(points: Sequence[tuple[float, float]], **changes: Any) -> list[dict[str, Any]]:
    return [line(n, dict(zip(NAMES, point, strict=True)), **changes) for n, point in enumerate(points, 1)]


def chosen(spec: StudySpec, lines: list[dict[str, Any]]) -> list[int]:
    return [line["number"] for line in confirm.choose(spec, lines)]


class TestChoice:
    @pytest.mark.parametrize(
        ("at_most", "numbers"), [(1, [2]), (2, [2, 4]), (3, [1, 2, 4]), (4, [1, 2, 3, 4])]
    )
    def test_the_front_goes_by_the_hypervolume_that_it_keeps(self, at_most: int, numbers: list[int]) -> None:
        """Above (0.1, 0), 2 covers 0.80 * 0.9. Beside it 1 adds 0.05 * 0.40, 3 0.05 * 0.05 and 4 0.04 * 0.60;
        beside 2 and 4, 1 adds 0.01 * 0.40 and 3 still 0.0025.
        """
        points = [(0.95, 0.40), (0.90, 0.90), (0.15, 0.95), (0.94, 0.60)]
        assert chosen(study(at_most=at_most), searched(points)) == numbers

    def test_near_misses_come_after_the_front_closest_first_and_only_within_noise(self) -> None:
        error = math.sqrt(0.95 * 0.05 / 269)  # of the best accuracy: 0.0133
        points = [
            (0.95, 0.5),
            (0.90, 0.9),
            (0.95 - 0.9 * error, 0.499),
            (0.95 - 0.3 * error, 0.4),
            (0.9, 0.3),
        ]
        # Noise of the sparsity: 0.006. 3 misses the staircase by 0.17 of it, 4 by 0.3 of an error, 5 by 3.8.
        assert chosen(study(), searched(points)) == [1, 2, 3, 4]
        assert chosen(study(at_most=3), searched(points)) == [1, 2, 3]

    def test_only_searched_trials_that_keep_every_constraint(self) -> None:
        lines = searched(FRONT)
        lines[1] |= {"violations": {"accuracy_floor": 0.1}}
        lines[2] |= {"state": "FAIL", "values": None, "violations": {}}
        lines[3] |= {"kind": "reference", "name": "linear"}
        assert chosen(study(), lines) == [1]
        assert chosen(study(), lines[1:]) == []

    def test_one_configuration_that_was_run_with_several_seeds_is_confirmed_once(self) -> None:
        twice = {"params": {"final_threshold": 0.2, "seed": 0}}
        lines = [line(1, {"accuracy_val": 0.95, "sparsity_params": 0.5}, **twice)]
        lines += [line(2, {"accuracy_val": 0.90, "sparsity_params": 0.9}, params={"final_threshold": 0.3})]
        again = {"params": {"final_threshold": 0.2, "seed": 105}}
        lines += [line(3, {"accuracy_val": 0.94, "sparsity_params": 0.55}, **again)]
        assert chosen(study(), lines) in ([1, 2], [2, 3])
        assert len(chosen(study(at_most=2), lines)) == 2

    def test_without_a_reference_point_the_worst_of_each_objective(self) -> None:
        """The dense arm failed, so nobody knows how many synapses it has."""
        spec = study(objectives=("accuracy_val", "synapses"), at_most=1)
        lines = [
            line(n, {"accuracy_val": a, "synapses": s})
            for n, (a, s) in enumerate([(0.9, 100.0), (0.8, 10.0), (0.5, 9.0)], 1)
        ]
        # from (0.5, 100): 1 covers 0.4 * 0, 2 covers 0.3 * 90, 3 covers 0 * 91
        assert chosen(spec, lines) == [2]

    def test_noise_is_the_standard_error_and_a_hundredth_of_the_range(self) -> None:
        points = np.array([(0.5, 0.2), (0.8, 0.6), (0.7, 1.2)])
        found = confirm.noise(study(), points)
        assert found == pytest.approx([math.sqrt(0.8 * 0.2 / 269), 0.01])


class TestPlan:
    def arms(self) -> list[dict[str, Any]]:
        good = {"accuracy_val": 0.9, "sparsity_params": 0.5}
        arms = [line(n, good, "reference", name=name) for n, name in enumerate(("dense", "linear", "sine"))]
        arms[1] |= {"violations": {"accuracy_floor": 0.4}}
        return arms

    def test_arms_that_violate_a_constraint_are_left_out(self) -> None:
        lines = self.arms() + [one | {"number": one["number"] + 2} for one in searched(FRONT[:2])]
        plan = confirm.plan(study(), lines)
        assert [(run.replicate_of, run.config.seed) for run in plan] == [
            *((n, 1) for n in (0, 2, 3, 4)),
            *((n, 2) for n in (0, 2, 3, 4)),
        ]
        assert [run.name for run in plan[:4]] == ["dense", "sine", None, None]

    def test_the_order_of_ending_does_not_matter(self) -> None:
        lines = self.arms() + [one | {"number": one["number"] + 2} for one in searched(FRONT)]
        assert confirm.plan(study(), lines[::-1]) == confirm.plan(study(), lines)

    def test_more_seeds_go_on_from_the_first(self) -> None:
        assert confirm.seeds(study(confirm=5))[:2] == confirm.seeds(study(confirm=2))

    def test_seeds_stay_seeds(self) -> None:
        spec = make(train={"seed": 2**31 - 2}, search={"confirm": 3})
        assert confirm.seeds(spec) == [2**31 - 1, 0, 1]


def runs(of: int, points: Sequence[tuple[float, float]], **changes: Any) -> list[dict[str, Any]]:
    """Confirmation runs of trial ``of`` with these values."""
    return [
        line(100 * of + n, dict(zip(NAMES, point, strict=True)), "confirm", replicate_of=of, **changes)
        for n, point in enumerate(points, 1)
    ]


class TestSelected:
    def test_by_the_means_not_by_the_best(self) -> None:
        """1 has the best run of all, and the worse mean: 0.85 < 0.90 at equal sparsity."""
        lines = runs(1, [(0.99, 0.9), (0.71, 0.9)]) + runs(2, [(0.90, 0.9), (0.90, 0.9)])
        lines += runs(3, [(0.70, 0.95), (0.80, 0.97)])
        assert [line["number"] for line in confirm.selected(study(), lines)] == [201, 202, 301, 302]

    def test_arms_always(self) -> None:
        arm = {"name": "linear"}
        lines = runs(1, [(0.1, 0.1), (0.1, 0.1)], **arm) + runs(2, [(0.9, 0.9), (0.9, 0.9)])
        assert [line["number"] for line in confirm.selected(study(), lines)] == [101, 102, 201, 202]
        assert [line["number"] for line in confirm.selected(study(), lines[:3])] == [101, 102]

    def test_configurations_with_a_run_that_failed_or_is_missing_are_not(self) -> None:
        lines = runs(1, [(0.9, 0.9), (0.9, 0.9)]) + runs(2, [(0.99, 0.99)])
        lines += runs(3, [(0.99, 0.99), (0.99, 0.99)])
        lines[-1] |= {"state": "FAIL", "values": None, "violations": {}}
        assert [line["number"] for line in confirm.selected(study(), lines)] == [101, 102]

    def test_a_configuration_that_collapses_in_the_mean_is_not(self) -> None:
        """Kept the floor of 0.5 once, by luck; with fresh seeds it guesses, and is the sparsest of all."""
        lines = runs(1, [(0.9, 0.9), (0.9, 0.9)]) + runs(2, [(0.52, 0.99), (0.1, 0.999)])
        for run, floor in zip(lines, (-0.4, -0.4, -0.02, 0.4), strict=True):
            run["violations"] = {"accuracy_floor": floor}
        assert [line["number"] for line in confirm.selected(study(), lines)] == [101, 102]
        lines[-1]["violations"] = {"accuracy_floor": 0.01}  # in the mean it keeps it
        assert len(confirm.selected(study(), lines)) == 4

    def test_fewer_objectives_are_better_where_less_is_better(self) -> None:
        spec = study(objectives=("accuracy_val", "synapses"))
        lines = [
            line(100 * of + n, {"accuracy_val": 0.9, "synapses": s}, "confirm", replicate_of=of)
            for of, counts in ((1, (10, 30)), (2, (15, 20)))
            for n, s in enumerate(counts)
        ]
        assert {line["replicate_of"] for line in confirm.selected(spec, lines)} == {2}

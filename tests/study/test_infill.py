"""Gaps of a front, filled by moving D alone."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial

from study import space
from study.samplers.infill import FURTHEST, NEAR, Infill, Trade, due, gaps, shifted, trade
from study.samplers.quasirandom import Sobol
from study.search import Search
from study.space.nearest import EXPONENTS, nearest
from tests.study.made import ARMS, make
from trainables.config import TrainConfig
from trainables.schedules import curve

SPARSE = Trade(0, 1, ("maximize", "maximize"))
D, WINDOW = FloatDistribution(0.01, 1.0, log=True), FloatDistribution(0.5, 1.0)
WHOLE = {"final_threshold": 0.2, "window_end": 0.8}


def opened(*results: tuple[float, float], violations: dict[int, float] | None = None) -> optuna.Study:
    """Trials with D = 0.2, 0.21, ... and (accuracy, sparsity), after one without a point (dense)."""
    study = optuna.create_study(directions=["maximize", "maximize"])
    study.add_trial(create_trial(values=[1.0, 0.0]))
    for place, values in enumerate(results):
        params = WHOLE | {"final_threshold": 0.2 + place / 100}
        violation = (violations or {}).get(place, -1.0)
        study.add_trial(
            create_trial(
                values=list(values),
                params=params,
                distributions={"final_threshold": D, "window_end": WINDOW},
                constraints={"floor": violation},
            )
        )
    return study


def drawn(study: optuna.Study, index: int) -> dict[str, Any]:
    study.sampler = Infill(0, index, SPARSE, Sobol(0, index))
    trial = study.ask()
    found = {
        "final_threshold": trial.suggest_float("final_threshold", 0.01, 1.0, log=True),
        "window_end": trial.suggest_float("window_end", 0.5, 1.0),
    }
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return found


class TestGaps:
    def test_by_hand(self) -> None:
        """From (1, all left) over (0.9, 0.5) and (0.7, 0.2) to (0.1, nothing left)."""
        corners = np.array([1.0, 1.0]), np.array([0.1, 0.0])
        areas, ends = gaps(np.array([0.9, 0.7]), np.array([0.5, 0.2]), corners)
        np.testing.assert_allclose(areas, [0.1 * 0.5, 0.2 * 0.3, 0.6 * 0.2])
        np.testing.assert_allclose(ends, [1, 0.5, 0.2, 0])

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (["accuracy_val", "sparsity_params"], SPARSE),
            (["energy_nj", "loss_val"], Trade(1, 0, ("minimize", "minimize"))),
            (
                ["accuracy_val", "wall_s", "synops"],
                Trade(0, 2, ("maximize", "minimize", "minimize")),
            ),
            (["accuracy_val", "loss_val"], None),
            (["synops", "sparsity_params"], None),
            (["accuracy_val", "wall_s"], None),
        ],
    )
    def test_what_is_traded(self, names: list[str], expected: Trade | None) -> None:
        assert trade(names) == expected

    def test_quality_and_what_is_left(self) -> None:
        values = np.array([[0.9, 0.8, 5.0]])
        for quality, cost, directions, expected in [
            (0, 1, ("maximize", "maximize", "minimize"), (0.9, 0.2)),
            (0, 2, ("minimize", "maximize", "minimize"), (-0.9, 5.0)),
        ]:
            read = Trade(quality, cost, directions).read(values)  # type: ignore[arg-type]
            assert [float(part[0]) for part in read] == pytest.approx(expected)

    def test_amounts_move_as_what_is_left_does(self) -> None:
        before = {"final_threshold": 0.2, "density": 0.1, "pruner_strength_deep_r": 3.0, "shape_a": 2.0}
        after = {"final_threshold": 0.4, "density": 0.05, "pruner_strength_deep_r": 6.0, "shape_a": 2.0}
        assert shifted(before, 0.5) == pytest.approx(after)


class TestInfill:
    def test_d_is_aimed_into_gaps_by_their_areas_and_nothing_else_moves(self) -> None:
        """One trial, 0.9 at 80 %: its dense gap has an area of 0.1 * 0.8, its sparse one of 0.9 * 0.2.

        What is left is log-uniform in [0.25, 1] there, because no trial goes further than FURTHEST, and in
        [0.05, 0.2] here; D = 0.2 * 0.2 / left.
        """
        study = opened((0.9, 0.8), (0.8, 0.7))  # the second is dominated
        found = [drawn(study, index) for index in range(400)]
        assert {params["window_end"] for params in found} == {0.8}
        left = np.array([0.2 * 0.2 / params["final_threshold"] for params in found])
        sparse = left < 0.2
        assert (left[~sparse] >= 1 / FURTHEST).all()
        assert (left[~sparse] <= 1).all()
        assert (left[sparse] >= 0.2 / FURTHEST).all()
        share = 0.18 / 0.26
        assert sparse.mean() == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 400))
        for inside, middle in ((~sparse, 0.5), (sparse, 0.1)):
            assert np.exp(np.log(left[inside]).mean()) == pytest.approx(middle, rel=0.25)

    def test_both_ends_of_a_gap_are_moved_into_it(self) -> None:
        """Between 0.99 at 50 % (D = 0.2) and 0.3 at 90 % (D = 0.21) lies nearly all of the area."""
        study = opened((0.99, 0.5), (0.3, 0.9))
        found = [drawn(study, index)["final_threshold"] for index in range(200)]
        inside = [0.2, 0.8]  # D of the first, moved to where 0.125 to 0.5 are left
        from_second = [0.21 * 0.1 / 0.5, 0.21 * 0.1 / 0.125]
        counted = Counter(
            "first"
            if inside[0] <= d <= inside[1]
            else "second"
            if from_second[0] <= d <= from_second[1]
            else ""
            for d in found
        )
        assert counted["first"] > 70
        assert counted["second"] > 70

    def test_infeasible_and_dominated_trials_are_never_moved(self) -> None:
        """D of the first, 0.2, would not give any of these; the others have another window."""
        study = opened((0.9, 0.8), (0.95, 0.85), (0.7, 0.6), violations={1: 0.1})
        for place in (2, 3):  # the infeasible one and the dominated one
            study._storage.get_trial(place).params["window_end"] = 0.6
        assert {drawn(study, index)["window_end"] for index in range(50)} == {0.8}

    def test_without_a_front_something_else_draws(self) -> None:
        """Also where the only trials have nothing left, none has a D, or none is feasible."""
        nothing = optuna.create_study(directions=["maximize"] * 2)
        infeasible = opened((0.9, 0.8), violations={0: 0.1})
        for study in (nothing, opened(), opened((0.5, 1.0)), infeasible):
            plain = optuna.create_study(directions=["maximize"] * 2, sampler=Sobol(0, 3))
            trial = plain.ask()
            expected = trial.suggest_float("final_threshold", 0.01, 1.0, log=True)
            assert drawn(study, 3)["final_threshold"] == expected

    def test_d_stays_in_its_range_and_does_not_pile_up_at_its_end(self) -> None:
        study = opened((0.9, 0.1))
        found = set()
        for index in range(30):
            study.sampler = Infill(0, index, SPARSE, Sobol(0, index))
            found.add(study.ask().suggest_float("final_threshold", 0.15, 0.4, log=True))
        assert min(found) >= 0.15
        assert max(found) <= 0.4
        assert len(found - {0.15, 0.4}) > 20

    def test_an_arm_outside_of_the_space_is_moved_from_the_point_most_like_it(self) -> None:
        study = optuna.create_study(directions=["maximize", "maximize"])
        study.add_trial(create_trial(values=[0.9, 0.8], user_attrs={NEAR: WHOLE}))
        assert drawn(study, 0)["window_end"] == 0.8

    def test_three_of_four_in_the_start_then_every_other(self) -> None:
        assert [due(index, 6) for index in range(10)] == [1, 1, 1, 0, 1, 1, 1, 0, 1, 0]


class TestSearch:
    def test_auto_begins_with_the_arms_and_names_do_not(self) -> None:
        for name, moved in (("auto", True), ("tpe", False), ("random", False)):
            spec = make(4, search={"sampler": name, "startup": 4}, space={"schedulers": ["sine", "slats"]})
            search = Search(spec, None)
            for number, arm in enumerate(ARMS):
                search.enter(number, arm)
                values = {"dense": (1.0, 0.0), "slats": (0.98, 0.8)}.get(arm, (0.1, 0.7))
                row = dict(zip(search.objectives.names, values, strict=True))
                search.tell(number, "COMPLETE", row, {"floor": 0.5 - values[0]}, 1.0)
            params, _ = search.suggest(len(ARMS))
            like = (params["scheduler"], params["window_start"], params["window_end"])
            assert (like == ("slats", 0.0, 1.0)) is moved

    def test_an_arm_that_is_no_point_is_known_by_the_nearest_also_after_a_restart(self) -> None:
        spec = make(4, search={"sampler": "auto"}, space={"schedulers": ["sine"], "end": [0.5, 0.9]})
        search = Search(spec, None)
        params, raw = search.enter(0, "sine")
        assert raw == {}
        kept = search.study.trials[0].user_attrs[NEAR]
        assert kept == {"final_threshold": 0.2, "window_start": 0.0, "window_end": 0.9}
        config = space.configure(spec.train, params).model_dump(mode="json")
        line = {"number": 0, "kind": "reference", "name": "sine", "params": params, "suggested": {}}
        again = Search(spec, None, [line | {"config": config}], [])
        assert again.study.trials[0].user_attrs[NEAR] == kept


class TestNearest:
    BASE = TrainConfig()

    def arm(self, name: str, **ranges: Any) -> dict[str, Any] | None:
        given = space.Space.model_validate(ranges)
        return nearest(given, space.references(given, self.BASE, 0.2)[name], self.BASE)

    @pytest.mark.parametrize("name", EXPONENTS)
    def test_shapes_that_are_no_choice_become_one_that_lies_close(self, name: str) -> None:
        u = np.linspace(0, 1, 201)
        rate = {"lr_schedule": "cosine"} if name == "slats" else {}
        expected = curve(name, **rate)(u)
        for scheduler, bound in (("kumaraswamy", 0.01), ("free", 0.02)):
            ranges = space.Space(schedulers=(scheduler,))
            whole = {"final_threshold": 0.2, "window_start": 0.0, "window_end": 1.0}
            found = nearest(ranges, {"scheduler": name, **whole}, self.BASE)
            assert found is not None
            point = space.suggest(optuna.trial.FixedTrial(found), ranges, self.BASE)
            assert point["scheduler"] == scheduler
            assert point["final_threshold"] == 0.2
            shape = {key: value for key, value in point.items() if key.startswith("shape_")}
            assert np.abs(curve(scheduler, **shape)(u) - expected).max() < bound

    def test_the_window_is_cut_and_d_is_not(self) -> None:
        found = self.arm("sine", schedulers=["sine"], start=[0.1, 0.3], end=[0.5, 0.9], threshold=[0.3, 0.5])
        assert found == {"final_threshold": 0.2, "window_start": 0.1, "window_end": 0.9}

    def test_nothing_is_like_dense_or_like_a_shape_that_cannot_be_had(self) -> None:
        assert self.arm("dense") is None
        assert self.arm("slats", schedulers=["cubic"]) is None

    def test_a_constant_learning_rate_makes_slats_linear(self) -> None:
        base = TrainConfig(lr_schedule="constant")
        given = space.Space(schedulers=("kumaraswamy",))
        found = nearest(given, space.references(given, base, 0.2)["slats"], base)
        assert found is not None
        assert (found["shape_a"], found["shape_b"]) == (1.0, 1.0)


def test_it_finds_a_front_from_one_arm_alone() -> None:
    """accuracy = 1 - 0.05 / left^0.3, left = 0.04 / D: from 20 % left to a front from dense to below 6 %."""

    def answer(d: float) -> tuple[float, float]:
        left = min(0.04 / d, 1.0)
        return 1 - 0.05 / left**0.3, 1 - left

    study = opened(answer(0.2))
    for index in range(10):
        study.sampler = Infill(0, index, SPARSE, Sobol(0, index))
        trial = study.ask()
        trial.suggest_float("window_end", 0.5, 1.0)
        study.tell(trial, list(answer(trial.suggest_float("final_threshold", 0.01, 1.0, log=True))))
    values = np.array([t.values for t in study.trials if t.state.name == "COMPLETE"])
    left = np.sort(1 - values[:, 1])
    assert len(left) == 12
    assert np.diff(np.log(left)).max() < math.log(2.5)  # from log 5 and from an open end
    assert left.min() <= 0.06

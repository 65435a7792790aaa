from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
import pytest
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from study import samplers, spec
from study.samplers import SAMPLERS, key, numeric, resolve, sampler, why
from study.samplers.evolution import Elites
from study.samplers.quasirandom import Sobol
from study.spec import Budget
from trainables.config import TrainConfig, config_hash

Params = dict[str, Any]
Space = Callable[[optuna.Trial], Params]
STARTUP = 4


def opened() -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"])


def rebuilt(study: optuna.Study) -> optuna.Study:
    """The study as its files tell it: of what Optuna noted for itself, nothing is left."""
    copy = opened()
    for trial in study.trials:
        trial.system_attrs = {k: v for k, v in trial.system_attrs.items() if k.startswith("constraints:")}
        copy.add_trial(trial)
    return copy


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it warns through its log, too


def flat(trial: optuna.Trial) -> Params:
    return {
        "x": trial.suggest_float("x", 0.1, 0.7, log=True),
        "y": trial.suggest_float("y", 0.0, 1.0),
        "n": trial.suggest_int("n", 1, 9),
    }


def branched(trial: optuna.Trial) -> Params:
    params = {
        "shape": trial.suggest_categorical("shape", ["sine", "free"]),
        "x": trial.suggest_float("x", 0, 1),
    }
    if params["shape"] == "free":
        params["y"] = trial.suggest_float("y", 0.5, 4, log=True)
    return params


def told(study: optuna.Study, trial: optuna.Trial, params: Params, number: int) -> None:
    """Of six trials one is stopped, one fails; the rest trade x against y, below a floor now and then."""
    if number % 6 == 4:
        study.tell(trial, state=TrialState.PRUNED)
    elif number % 6 == 5:
        study.tell(trial, state=TrialState.FAIL)
    else:
        trial.set_constraint("floor", 0.2 - params["x"])
        study.tell(trial, [params["x"], params["x"] ** 2 + (params.get("y", 0.4) - 0.3) ** 2])


def arm_without_a_point(study: optuna.Study) -> None:
    """As the dense arm: complete, and not a point of the space. It has fewer constraints, too."""
    study.tell(study.ask(), [0.5, 0.5])


def run(study: optuna.Study, space: Space, name: str, first: int, last: int, seed: int = 0) -> list[Params]:
    found = []
    for number in range(first, last):
        study.sampler = sampler(Budget(search_seed=seed), number, STARTUP, name)
        trial = study.ask()
        found.append(space(trial))
        told(study, trial, found[-1], number)
    return found


class TestEveryMember:
    @pytest.mark.parametrize("space", [flat, branched])
    @pytest.mark.parametrize("name", SAMPLERS)
    def test_draws_depend_on_the_ended_trials_alone(
        self, name: str, space: Space, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Rebuilt from its files after trial 12 was lost half way: it and all after it are drawn again."""
        optuna.logging.enable_propagation()
        threads = torch.get_num_threads()
        study = opened()
        arm_without_a_point(study)
        whole = run(study, space, name, 0, 12)
        torn = rebuilt(study)
        torn.sampler = sampler(Budget(), 12, STARTUP, name)
        lost = torn.ask()
        space(lost)
        torn.tell(lost, state=TrialState.FAIL)
        whole += run(study, space, name, 12, 15)
        assert run(torn, space, name, 12, 15) == whole[12:]
        assert len({tuple(params.items()) for params in whole}) >= 13  # gp may try a corner again
        assert torch.get_num_threads() == threads
        assert not caplog.records
        other = run(opened(), space, name, 0, STARTUP, seed=1)
        assert all(a != b for a, b in zip(other, whole, strict=False))

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_start_is_quasi_random_and_goes_on_until_there_is_something_to_learn_from(
        self, name: str
    ) -> None:
        study, drawn = opened(), []
        for number in range(9):
            study.sampler = sampler(Budget(), number, STARTUP, name)
            trial = study.ask()
            drawn.append(flat(trial))
            study.tell(trial, state=TrialState.FAIL)
        points = run(opened(), flat, "sobol", 0, 9)
        assert (
            drawn == points if name != "random" else all(a != b for a, b in zip(drawn, points, strict=True))
        )

    @pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"random", "sobol"}))
    def test_learns_from_values_and_constraints(self, name: str) -> None:
        """y below 0.5 is infeasible, above it the less the better; x is best at 1 for both objectives."""
        study, found = opened(), []
        for number in range(80 if name == "nsga2" else 30):
            study.sampler = sampler(Budget(), number, 8, name)
            trial = study.ask()
            x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
            found.append((x, y))
            trial.set_constraint("y", 0.5 - y)
            study.tell(trial, [x, (1 - x) + y])
        late = found[-12:]
        assert sum(x for x, _ in late) / 12 > 0.65  # 0.5 by chance
        assert sum(0.4 < y < 0.75 for _, y in late) >= 7  # 4 by chance

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_results_that_are_all_equal_are_no_problem(self, name: str) -> None:
        """Also infeasible, all of them, by the same amount: what a missing metric looks like."""
        study = opened()
        for number in range(STARTUP + 4):
            study.sampler = sampler(Budget(), number, STARTUP, name)
            trial = study.ask()
            flat(trial)
            trial.set_constraint("missing", 1.0)
            study.tell(trial, [0.1, 0.0])
        assert len({tuple(trial.params.values()) for trial in study.trials}) == STARTUP + 4

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_three_objectives_and_trials_that_run_meanwhile(self, name: str) -> None:
        study = optuna.create_study(directions=["maximize", "minimize", "maximize"])
        running: list[optuna.Trial] = []
        for number in range(STARTUP + 5):
            study.sampler = sampler(Budget(), number, STARTUP, name)
            running.append(study.ask())
            branched(running[-1])
            if len(running) == 3:
                ended = running.pop(0)
                study.tell(ended, [ended.params["x"], ended.params["x"] ** 2, 0.5])
        assert len({tuple(trial.params.items()) for trial in study.trials}) >= STARTUP + 3


def test_names_are_those_of_a_spec() -> None:
    assert ["auto", *SAMPLERS] == spec.SAMPLERS


def test_a_parameter_more_leaves_independent_draws_alone() -> None:
    """What the study would have drawn for x and n does not move when z is searched as well."""

    def more(trial: optuna.Trial) -> Params:
        extra = {"z": trial.suggest_float("z", 0, 1)}
        return flat(trial) | extra

    drawn = [run(opened(), space, "random", 0, 5) for space in (flat, more)]
    assert drawn[0] == [{name: params[name] for name in "xyn"} for params in drawn[1]]


class TestRule:
    @pytest.mark.parametrize(
        ("trials", "numbers", "trial_s", "expected", "reason"),
        [
            (60, True, 300.0, "gp", "a numeric space, 60 trials"),
            (150, True, None, "gp", "a numeric space, 150 trials"),
            (150, True, 29.9, "tpe", "a trial trains for 30 s, less than 30 s"),
            (151, True, 300.0, "tpe", "151 trials are more than 150, too many for a Gaussian process"),
            (60, False, 300.0, "tpe", "the space has choices, or parameters that some trials lack"),
            (1000, False, None, "tpe", "the space has choices, or parameters that some trials lack"),
            (1001, False, 1.0, "nsga2", "1001 trials are more than 1000"),
            (5000, True, None, "nsga2", "5000 trials are more than 1000"),
        ],
    )
    def test_auto(
        self, trials: int, numbers: bool, trial_s: float | None, expected: str, reason: str
    ) -> None:
        budget = Budget(trials=trials)
        assert resolve(budget, numbers, trial_s) == expected
        gaps = "; every other suggestion fills a gap of the front"
        assert why(budget, numbers, trial_s) == f"{expected}: {reason}{gaps}"

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_a_name_is_a_name(self, name: str) -> None:
        assert resolve(Budget(sampler=name, trials=5000), False, 1.0) == name
        assert why(Budget(sampler=name), True, None) == f"{name}: chosen by name"

    def test_numeric_spaces(self) -> None:
        x, n = {"x": FloatDistribution(0, 1)}, {"n": IntDistribution(1, 3)}
        assert numeric([x | n, n | x])
        assert numeric([x | {"c": CategoricalDistribution(["only"])}])
        assert not numeric([x | {"c": CategoricalDistribution(["a", "b"])}])
        assert not numeric([x, x | n])
        assert numeric([])


class TestEvolution:
    def test_parents_are_the_best_of_all_that_ended(self) -> None:
        """Front, then the rest by rank, then the infeasible by what they lack; the start counts as well."""
        study = optuna.create_study(directions=["maximize", "maximize"])
        results = [
            (0.1, 0.9, -1), (0.9, 0.1, -1), (0.5, 0.5, -1), (0.4, 0.4, -1), (0.3, 0.3, -1),
            (9.0, 9.0, 0.5), (9.0, 9.0, 0.1), (9.0, 9.0, 0.3),
        ]  # fmt: skip
        for first, second, violation in results:
            trial = study.ask()
            trial.suggest_float("x", 0, 1)
            trial.set_constraint("c", violation)
            study.tell(trial, [first, second])
        study.tell(study.ask(), state=TrialState.PRUNED)

        def parents(size: int) -> set[int]:
            return {trial.number for trial in Elites(size, seed=0).get_parent_population(study, 1)}

        assert parents(3) == {0, 1, 2}
        assert parents(4) == {0, 1, 2, 3}
        assert parents(7) == {0, 1, 2, 3, 4, 6, 7}
        assert parents(2) == {0, 1}  # of the front those that are least crowded: its ends
        assert parents(50) == set(range(8))

    def test_only_the_best_layers_are_sorted_and_that_changes_nothing(self) -> None:
        """The parents equal those that Optuna's own selection takes from all trials."""
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=Sobol(3, 0))
        for number in range(90):
            study.sampler = Sobol(3, number)
            trial = study.ask()
            x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
            trial.set_constraint("c", x - 0.8)
            study.tell(trial, [round(x + y / 4, 2), round(y, 2)])

        class Whole(Elites):
            def get_population(self, study: optuna.Study, generation: int) -> list[optuna.trial.FrozenTrial]:
                return [trial for trial in study.trials if trial.state == TrialState.COMPLETE]

        for size in (5, 20, 40, 85):
            few, all_of_them = Elites(size, 0), Whole(size, 0)
            numbers = [{t.number for t in one.get_parent_population(study, 1)} for one in (few, all_of_them)]
            assert numbers[0] == numbers[1]
            assert len(numbers[0]) == size
            assert len(few.get_population(study, 0)) <= 90

    def test_population_grows_with_the_budget(self) -> None:
        sizes = [samplers.population_size(Budget(trials=trials)) for trials in (24, 300, 5000)]
        assert sizes == [20, 30, 50]


class TestKey:
    CONFIG = TrainConfig(scheduler="kumaraswamy", shape_a=1.234, final_threshold=0.3, window_end=0.8)

    def changed(self, **fields: Any) -> str:
        return key(TrainConfig.model_validate(self.CONFIG.model_dump() | fields))

    def test_what_agrees_in_three_digits_is_one(self) -> None:
        same = key(self.CONFIG)
        assert self.changed(shape_a=1.2341, final_threshold=0.30004) == same
        assert self.changed(seed=7, device="cpu", threads=3) == same
        assert self.changed(shape_rate=9.0, update_steps=5) == same  # kumaraswamy and stds do not read them
        assert len(same) == 12

    @pytest.mark.parametrize(
        "change", [{"shape_a": 1.24}, {"final_threshold": 0.302}, {"epochs": 31}, {"lr": 2e-2}]
    )
    def test_what_differs_in_three_digits_is_not(self, change: Params) -> None:
        assert self.changed(**change) != key(self.CONFIG)

    def test_proportions_are_one_shape(self) -> None:
        keys = {
            self.changed(scheduler="free", shape_increments=values)
            for values in [(1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0001, 2.0, 1.0)]
        }
        assert len(keys) == 1
        assert self.changed(scheduler="free", shape_increments=(1.0, 2.1, 1.0)) not in keys

    def test_the_config_that_is_asked_is_left_alone(self) -> None:
        before = config_hash(self.CONFIG)
        key(self.CONFIG)
        assert config_hash(self.CONFIG) == before

"""The search alone: what it suggests, whatever was killed, and what plain Optuna reads of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest

from study.agenda import Agenda, Suggestion
from study.confirm import seeds
from study.search import REDRAWS, Search
from study.spec import SAMPLERS, StudySpec
from tests.study.made import ARMS, THREE, make, row


@contextmanager
def asking(spec: StudySpec, path: Path | None = None) -> Iterator[Agenda]:
    with closing(Agenda(spec, Search(spec, path), [], [])) as agenda:
        yield agenda


def end(agenda: Agenda, suggestion: Suggestion, state: str = "COMPLETE", **changes: Any) -> dict[str, Any]:
    """Tell how a trial ended; its line."""
    last = row(suggestion.config, suggestion.config.epochs)
    objectives = agenda.search.objectives
    ended = suggestion.line() | {
        "state": state,
        "values": objectives.values(last) if state == "COMPLETE" else None,
        "violations": objectives.violations(last) if state == "COMPLETE" else {},
        "metrics": last,
        "train_wall_s": 1.0,
    }
    agenda.end(ended | changes)
    return ended | changes


def run_out(agenda: Agenda) -> list[tuple[str, dict[str, Any]]]:
    done = []
    while (suggestion := agenda.next()) is not None:
        end(agenda, suggestion)
        done.append((suggestion.kind, suggestion.params))
    return done


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_equal_seeds_and_values_suggest_the_same(sampler: str, tmp_path: Path) -> None:
    runs = []
    for path in (None, tmp_path / "optuna.db"):  # in memory and in a file
        with asking(make(7, search={"sampler": sampler}), path) as agenda:
            runs.append(run_out(agenda))
    assert runs[0] == runs[1]
    searched = [str(params) for kind, params in runs[0] if kind == "search"]
    assert len(set(searched)) == 7  # a sampler seeded alike for every trial would repeat itself
    with asking(make(7, search={"sampler": sampler, "search_seed": 1})) as agenda:
        other = run_out(agenda)
    assert other[: len(ARMS)] == runs[0][: len(ARMS)]
    assert not {str(params) for _, params in other[len(ARMS) :]} & set(searched)


def test_the_choice_of_auto_is_made_once_and_kept() -> None:
    spec = make(4, search={"sampler": "auto"})
    with asking(spec) as agenda:
        run_out(agenda)
        choice = agenda.search.choice
    assert choice is not None
    assert choice["name"] == "tpe"
    assert "choices" in choice["why"]
    other = {"name": "random", "why": "chosen then, for reasons of then"}
    with closing(Search(spec, None, choice=other)) as search:
        for number in range(4):
            search.suggest(number)
        assert search.choice == other


@pytest.mark.parametrize(
    ("trials", "sampler", "before", "kept"),
    [
        (150, "auto", "gp", True),
        (151, "auto", "gp", False),  # a suggestion would cost the cube of the trials
        (1000, "auto", "tpe", True),
        (1001, "auto", "tpe", False),
        (1001, "auto", "nsga2", True),
        (5000, "gp", "gp", True),  # the user's own word
    ],
)
def test_a_raised_budget_makes_auto_choose_again(trials: int, sampler: str, before: str, kept: bool) -> None:
    spec = make(trials, search={"sampler": sampler})
    with closing(Search(spec, None, choice={"name": before, "why": "of then"})) as search:
        assert (search.choice is not None) is kept


class TestDuplicates:
    """In a space of three points."""

    def test_redrawn_while_there_is_something_new_and_then_run_with_another_seed(self) -> None:
        spec = make(6, search={"sampler": "random"}, space=THREE)
        with asking(spec) as agenda:
            asked = [one for _ in range(len(ARMS) + 6) if (one := agenda.next())]
            drawn = agenda.search.study.trials
        searched = [one for one in asked if one.kind == "search"]
        runs = [(one.config.scheduler, one.config.seed) for one in searched]
        assert len(set(runs)) == 6
        # with REDRAWS + 1 draws out of three, the first three miss one with (2/3)^9 each: this seed does not
        assert {scheduler for scheduler, _ in runs[:3]} == {"linear", "sine", "slats"}
        assert [seed for _, seed in runs[:3]] == [spec.train.seed] * 3
        again = [one for one in searched[3:] if one.config.seed != spec.train.seed]
        assert len(again) == 3
        assert all(one.params["seed"] == one.config.seed for one in again)
        rejected = [trial for trial in drawn if "duplicate_of" in trial.user_attrs]
        assert len(rejected) >= 3 * REDRAWS
        assert {trial.state.name for trial in rejected} == {"FAIL"}
        by_number = {one.number: one.config.scheduler for one in asked}
        assert all(
            by_number[trial.user_attrs["duplicate_of"]] == trial.params["scheduler"] for trial in rejected
        )

    def test_seeds_of_repeated_configurations_are_none_of_the_confirmation(self) -> None:
        """Else the confirmation would count the lucky run that it should check."""
        spec = make(12, search={"sampler": "random", "confirm": 100}, space=THREE)
        with asking(spec) as agenda:
            asked = [one for _ in range(len(ARMS) + 12) if (one := agenda.next())]
        repeated = {one.config.seed for one in asked} - {spec.train.seed}
        assert len(repeated) == 9
        assert not repeated & set(seeds(spec))

    def test_an_arm_that_is_a_point_of_the_space_is_not_suggested_again(self) -> None:
        space = {"schedulers": ["linear", "sine"], "threshold": [0.2, 0.2], "start": [0, 0], "end": [1, 1]}
        with asking(make(1, search={"sampler": "random"}, space=space)) as agenda:
            asked = [one for _ in range(len(ARMS) + 1) if (one := agenda.next())]
        assert asked[-1].kind == "search"
        assert asked[-1].config.seed != asked[0].config.seed


def test_what_plain_optuna_reads(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    spec = make(5)
    with asking(spec, path) as agenda:
        asked = [one for _ in range(len(ARMS) + 5) if (one := agenda.next())]
        for one in asked[: len(ARMS)]:
            end(agenda, one)
        values = {"accuracy_val": 0.75, "sparsity_params": 0.5}
        end(agenda, asked[4], values=values, violations={"accuracy_floor": -0.25})
        end(agenda, asked[5], "PRUNED")
        end(agenda, asked[7], "FAIL")
    storage = f"sqlite:///{path}"
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"] * 2
    # what is running is not there: a killed driver leaves no trial running for good
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5 + ["PRUNED", "FAIL"]
    assert [trial.user_attrs["number"] for trial in study.trials] == [0, 1, 2, 3, 4, 5, 7]
    assert [trial.user_attrs["kind"] for trial in study.trials] == ["reference"] * 4 + ["search"] * 3
    assert study.trials[4].values == [0.75, 0.5]
    assert study.trials[4].constraints == {"accuracy_floor": -0.25}
    assert study.trials[5].values is None
    assert [trial.params for trial in study.trials] == [asked[n].suggested for n in (0, 1, 2, 3, 4, 5, 7)]
    assert study.trials[0].params == {}  # dense is no point of the space
    assert study.trials[2].params["scheduler"] == "sine"  # an arm that the sampler may learn from


@pytest.mark.parametrize(
    ("objectives", "directions"),
    [
        (["accuracy_val", "synapses"], ["MAXIMIZE", "MINIMIZE"]),
        (["accuracy_val", "sparsity_params", "energy_nj"], ["MAXIMIZE", "MAXIMIZE", "MINIMIZE"]),
    ],
)
def test_two_or_three_objectives_with_their_directions(objectives: list[str], directions: list[str]) -> None:
    with asking(make(5, search={"objectives": objectives, "constraints": ["synapses <= 100"]})) as agenda:
        assert len(run_out(agenda)) == len(ARMS) + 5
        study = agenda.search.study
    assert [direction.name for direction in study.directions] == directions
    assert all(len(trial.values) == len(objectives) for trial in study.trials)
    assert all(set(trial.constraints) == {"accuracy_floor", "synapses <= 100"} for trial in study.trials)


def test_a_slow_suggestion_lets_running_trials_go_on(tmp_path: Path) -> None:
    """A Gaussian process in its thread: nothing is handed out until it is there, then it is."""
    space = {"schedulers": ["sine"]}
    spec = make(6, search={"sampler": "gp", "startup": 1, "confirm": 1}, space=space)
    with asking(spec, tmp_path / "optuna.db") as agenda:
        running = [one for _ in range(len(ARMS) + 2) if (one := agenda.next())]  # the first of gp: not ahead
        assert agenda.search.slow
        for one in running[:-1]:
            end(agenda, one)
        suggestion = agenda.next()  # polled without waiting: None, or the suggestion where it was quick
        while suggestion is None:
            assert not agenda.spent
            suggestion = agenda.next()
        assert (suggestion.kind, suggestion.number) == ("search", len(ARMS) + 2)
        end(agenda, running[-1])
        end(agenda, suggestion)
        rest = run_out(agenda)
    assert [kind for kind, _ in rest].count("search") == 3

"""One Optuna study, asked and told: reference arms first, then the sampler. Knows no Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from study import space
from study.spec import StudySpec
from trainables.config import TrainConfig
from trainables.metrics import METRICS

OBJECTIVES = ("accuracy_val", "sparsity_params")


@dataclass(frozen=True)
class Suggestion:
    """One trial to run. ``params`` is what differs from the spec's base config."""

    number: int
    kind: str  # search | reference
    name: str | None  # the arm's, for a reference
    params: space.Params
    config: TrainConfig


class Search:
    """Ask for the next trial, tell how one ended. Two maximised objectives, one SQLite file, one writer.

    Everything is in the file: a new ``Search`` on the same file goes on where the last one was killed.
    """

    def __init__(self, spec: StudySpec, path: Path | None) -> None:
        self.spec = spec
        self._asked: dict[int, optuna.Trial] = {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.storage = optuna.storages.RDBStorage(f"sqlite:///{path or ':memory:'}")
        known = optuna.get_all_study_names(self.storage)
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=f"{spec.name}-{space.space_hash(spec.space)}",
            directions=[METRICS[name].direction or "maximize" for name in OBJECTIVES],
            load_if_exists=True,
        )
        if not known:
            for name, params in self._references().items():
                self.study.enqueue_trial(params, user_attrs={"kind": "reference", "name": name})

    def reclaim(self) -> int:
        """After a crash: trials that were running fail and are queued again with the same parameters."""
        stale = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in stale:
            attrs: dict[str, Any] = {
                key: trial.user_attrs[key] for key in ("kind", "name") if key in trial.user_attrs
            }
            params = trial.system_attrs.get("fixed_params", trial.params)
            self.study.enqueue_trial(params, user_attrs={**attrs, "retry_of": trial.number})
            self.study.tell(trial.number, state=TrialState.FAIL)
        return len(stale)

    def ask(self) -> Suggestion | None:
        """The next trial; None when the budget is spent."""
        trials = self.study.get_trials(deepcopy=False)
        retried = {trial.user_attrs["retry_of"] for trial in trials if "retry_of" in trial.user_attrs}
        counted = [trial for trial in trials if trial.number not in retried]
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        searched = sum(trial.user_attrs.get("kind") == "search" for trial in counted)
        if not waiting and searched >= self.spec.search.trials:
            return None
        # A sampler of its own for every trial, seeded by the trial's place in the study: a study that was
        # killed and resumed draws what the undisturbed one would have drawn.
        self.study.sampler = self._sampler(len(counted))
        trial = self.study.ask()
        self._asked[trial.number] = trial
        kind, name = trial.user_attrs.get("kind", "search"), trial.user_attrs.get("name")
        if kind == "reference":
            params = self._references()[str(name)]
            if space.holds(self.spec.space, params):
                space.suggest(
                    trial, self.spec.space
                )  # the queued values, so that the sampler learns from them
        else:
            trial.set_user_attr("kind", "search")
            params = space.suggest(trial, self.spec.space)
        return Suggestion(trial.number, kind, name, params, self.spec.train.model_copy(update=params))

    def complete(self, number: int, metrics: Mapping[str, Any]) -> dict[str, float]:
        """A finished trial; returns its objective values. Below the accuracy floor it is infeasible."""
        values = {name: float(metrics[name]) for name in OBJECTIVES}
        floor = self.spec.search.accuracy_floor
        self._asked[number].set_constraint("accuracy_floor", floor - values["accuracy_val"])
        self.study.tell(self._asked.pop(number), list(values.values()))
        return values

    def stop(self, number: int) -> None:
        """A trial stopped early on purpose: PRUNED, so that its unfinished values mislead no sampler."""
        self.study.tell(self._asked.pop(number), state=TrialState.PRUNED)

    def fail(self, number: int) -> None:
        """A trial that broke or diverged."""
        self.study.tell(self._asked.pop(number), state=TrialState.FAIL)

    def front(self) -> list[FrozenTrial]:
        """Searched trials above the accuracy floor that no other such trial dominates, sparsest last.

        Reference arms are what the front is compared with, so they are not on it.
        """
        trials = [
            trial
            for trial in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if trial.user_attrs["kind"] == "search" and max(trial.constraints.values()) <= 0
        ]
        front: list[FrozenTrial] = []
        # From the sparsest down, the most accurate first among equals: a trial is dominated unless it is
        # more accurate than all before it. Equal points stay together.
        for trial in sorted(trials, key=lambda trial: (trial.values[1], trial.values[0]), reverse=True):
            if not front or trial.values[0] > front[-1].values[0] or trial.values == front[-1].values:
                front.append(trial)
        return front[::-1]

    def hypervolume(self) -> float:
        """Area dominated by the front, from (chance accuracy, sparsity 0) to (1, 1); at most 1 - chance."""
        area, covered = 0.0, 0.0
        for trial in self.front():  # sparsity ascending, hence accuracy descending: a staircase
            accuracy, sparsity = trial.values
            area += (sparsity - covered) * max(accuracy - self.spec.chance, 0.0)
            covered = sparsity
        return area

    def planned(self) -> dict[str, int]:
        """Trials in the budget, by kind."""
        return {"search": self.spec.search.trials, "reference": len(self._references())}

    def close(self) -> None:
        """Release the database file."""
        self.storage.remove_session()
        self.storage.engine.dispose()

    def _references(self) -> dict[str, space.Params]:
        return space.references(self.spec.space, self.spec.train, self.spec.search.reference_threshold)

    def _sampler(self, count: int) -> optuna.samplers.BaseSampler:
        budget = self.spec.search
        seed = (budget.search_seed * 1_000_003 + count) % 2**32
        if budget.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        startup = budget.startup + len(self._references())
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)

"""One Optuna study, asked and told: reference arms first, then the sampler. Knows no Ray."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=f"{spec.name}-{space.space_hash(spec.space)}",
            directions=[METRICS[name].direction or "maximize" for name in OBJECTIVES],
            load_if_exists=True,
        )
        queued = {trial.user_attrs.get("name") for trial in self._trials()}
        for name, params in self._references().items():
            if name not in queued:
                known = space.raw(spec.space, params, spec.train) or {}
                self.study.enqueue_trial(known, user_attrs={"kind": "reference", "name": name})

    def reclaim(self, filed: Iterable[Mapping[str, Any]]) -> int:
        """After a crash: settle the trials that the database still holds for running.

        ``filed`` are the lines of trials.jsonl, which are written before the database is told: a trial that
        has one gets the end that it had; the others fail here and are queued again with their parameters.
        Returns how many were not at their end.
        """
        ended = {line["number"]: line for line in filed}
        queued, lost = self._retried(), 0
        for trial in self._trials(TrialState.RUNNING):
            if trial.number in ended:
                self._asked[trial.number] = optuna.Trial(self.study, trial._trial_id)
                self.tell(trial.number, ended[trial.number]["state"], ended[trial.number]["values"])
                continue
            if trial.number not in queued:  # else killed between the next two lines
                attrs: dict[str, Any] = {
                    "kind": trial.user_attrs.get("kind", "search"),
                    "retry_of": trial.number,
                }
                if "name" in trial.user_attrs:
                    attrs["name"] = trial.user_attrs["name"]
                self.study.enqueue_trial(
                    trial.system_attrs.get("fixed_params", trial.params), user_attrs=attrs
                )
            self.study.tell(trial.number, state=TrialState.FAIL)
            lost += 1
        return lost

    @property
    def spent(self) -> bool:
        """Whether the budget has been handed out: nothing waits, and enough trials were searched."""
        retried = self._retried()
        kinds = [trial.user_attrs.get("kind") for trial in self._trials() if trial.number not in retried]
        return not self._trials(TrialState.WAITING) and kinds.count("search") >= self.spec.search.trials

    def ask(self) -> Suggestion | None:
        """The next trial; None when the budget is spent."""
        if self.spent:
            return None
        # A sampler of its own for every trial, seeded by the trial's place in the study: a study that was
        # killed and resumed draws what the undisturbed one would have drawn.
        self.study.sampler = self._sampler(len(self._trials()) - len(self._retried()))
        trial = self.study.ask()
        self._asked[trial.number] = trial
        kind, name = trial.user_attrs.get("kind", "search"), trial.user_attrs.get("name")
        if kind == "reference":
            params = self._references()[str(name)]
            if space.holds(self.spec.space, params, self.spec.train):
                # the queued values, so that the sampler learns from them
                space.suggest(trial, self.spec.space, self.spec.train)
        else:
            trial.set_user_attr("kind", "search")
            params = space.suggest(trial, self.spec.space, self.spec.train)
        return Suggestion(trial.number, kind, name, params, space.configure(self.spec.train, params))

    def tell(self, number: int, state: str, values: Mapping[str, float] | None = None) -> None:
        """How a trial ended: COMPLETE with its objective values, PRUNED (stopped on purpose) or FAIL.

        Below the accuracy floor a complete trial is infeasible. Stopped trials have no values here: those of
        an unfinished training would mislead any sampler.
        """
        trial = self._asked.pop(number)
        if values is None:
            self.study.tell(trial, state=TrialState[state])
            return
        trial.set_constraint("accuracy_floor", self.spec.search.accuracy_floor - values["accuracy_val"])
        self.study.tell(trial, [values[name] for name in OBJECTIVES])

    def front(self) -> list[FrozenTrial]:
        """Searched trials above the accuracy floor that no other such trial dominates, sparsest last.

        Reference arms are what the front is compared with, so they are not on it.
        """
        trials = [
            trial
            for trial in self._trials(TrialState.COMPLETE)
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

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)

    def _retried(self) -> set[int]:
        """Numbers of interrupted trials that were queued again: they do not count."""
        return {t.user_attrs["retry_of"] for t in self._trials() if "retry_of" in t.user_attrs}

    def _references(self) -> dict[str, space.Params]:
        return space.references(self.spec.space, self.spec.train, self.spec.search.reference_threshold)

    def _sampler(self, count: int) -> optuna.samplers.BaseSampler:
        budget = self.spec.search
        seed = (budget.search_seed * 1_000_003 + count) % 2**32
        if budget.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        startup = budget.startup + len(self._references())
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)

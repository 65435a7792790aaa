"""One Optuna study, asked and told; reference arms are entered into it. Knows no Ray and no files but one.

The study lives in memory and is made from the lines of the log: what was asked, and how it ended. The file is
a copy for people (study/publish.py).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from study import samplers, space
from study.objectives import Objectives
from study.postgres import PublishedServer
from study.publish import Published
from study.samplers import infill, quasirandom
from study.spec import StudySpec
from trainables.config import TrainConfig, build

Line = Mapping[str, Any]
REDRAWS = 8  # of a suggestion that was run before, until it is taken nonetheless with another seed
SEED_AGAIN = 101  # the 100 seeds that follow the training's own are the confirmation's: fresh there
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Search:
    """Suggests parameters, is told how trials ended. Trial numbers are the caller's.

    ``choice``: what ``auto`` was resolved to before, if it was.
    """

    def __init__(
        self,
        spec: StudySpec,
        path: Path | None,
        asked: Iterable[Line] = (),
        ended: Iterable[Line] = (),
        choice: Mapping[str, str] | None = None,
    ) -> None:
        self.spec = spec
        self.references = space.references(spec.space, spec.train, spec.search.reference_threshold)
        budget = spec.search
        self.objectives = Objectives(budget.objectives, budget.constraints, budget.accuracy_floor)
        self._trade = infill.trade(self.objectives.names) if budget.sampler == "auto" else None
        kept = choice and not samplers.outgrown(budget, choice["name"])
        self.choice = dict(choice) if choice and kept else None  # of the sampler: name, one sentence on why
        self._trials: dict[int, optuna.Trial] = {}  # running ones
        self._train_s: list[float] = []  # training times of ended searched trials
        self._searched = 0
        self._seen: dict[str, int] = {}  # key of a configuration -> its trial
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(directions=list(self.objectives.directions))
        name = f"{spec.name}-{space.space_hash(spec.space)}"
        self.published = None if path is None else self._copy(path, name)
        self._restore([line for line in asked if line["kind"] != "confirm"], ended)

    def enter(self, number: int, name: str) -> tuple[space.Params, dict[str, Any]]:
        """A reference arm: its parameters, and those of them that Optuna knows."""
        params = self.references[name]
        raw = space.raw(self.spec.space, params, self.spec.train) or {}  # {}: no point of the space
        self._note(number, "reference", space.configure(self.spec.train, params))
        return params, self._enqueue(number, "reference", raw, **self._attributes(name, params, raw))

    def suggest(self, number: int) -> tuple[space.Params, dict[str, Any]]:
        """Parameters of a new trial, and as Optuna knows them.

        The draw follows from the seed of the search, the trial's place in it and the trials that have ended:
        a study that was killed and resumed draws what the undisturbed one would have drawn.
        """
        for attempt in range(REDRAWS + 1):
            self.study.sampler = self._sampler(self._searched, attempt)
            self.study.enqueue_trial({}, user_attrs={"kind": "search", "number": number})
            trial = self.study.ask()
            params = space.suggest(trial, self.spec.space, self.spec.train)
            config = space.configure(self.spec.train, params)
            earlier = self._seen.get(samplers.key(config))
            if earlier is None:
                break
            if attempt < REDRAWS:
                trial.set_user_attr("duplicate_of", earlier)
                self.study.tell(trial, state=TrialState.FAIL)
        else:  # a small space is exhausted: what is run again says more with a seed of its own
            params = params | {"seed": (self.spec.train.seed + SEED_AGAIN + self._searched) % 2**31}
        self._trials[number] = trial
        self._note(number, "search", config)
        return params, trial.params

    def tell(
        self,
        number: int,
        state: str,
        values: Mapping[str, float] | None,
        violations: Mapping[str, float] | None,
        train_s: float,
    ) -> None:
        """How a trial ended: COMPLETE with its objective values, PRUNED (stopped on purpose) or FAIL.

        Stopped trials have no values here: those of an unfinished training would mislead any sampler.
        """
        trial = self._trials.pop(number)
        if trial.user_attrs["kind"] == "search":
            self._train_s.append(train_s)
        for name, violation in (violations or {}).items():
            trial.set_constraint(name, violation)
        if values is None:
            self.study.tell(trial, state=TrialState[state])
        else:
            self.study.tell(trial, [values[name] for name in self.objectives.names])
        if self.published:
            self.published.add(self.study._storage.get_trial(trial._trial_id))

    @property
    def slow(self) -> bool:
        """Whether a suggestion takes so long that running trials would wait for it."""
        return self.choice is not None and self.choice["name"] == "gp"

    @property
    def notices(self) -> list[str]:
        """What had to be mended, and what could not be."""
        found = (self.published.notice, self.published.problem) if self.published else ()
        return [notice for notice in found if notice]

    def close(self) -> None:
        """Release the file."""
        if self.published:
            self.published.close()

    # ---

    def _copy(self, path: Path, name: str) -> Published:
        if url := self.spec.resources.optuna_storage:
            return PublishedServer(url, name, self.objectives.directions)
        return Published(path, name, self.objectives.directions)

    def _note(self, number: int, kind: str, config: TrainConfig) -> None:
        self._searched += kind == "search"
        self._seen.setdefault(samplers.key(config), number)

    @cached_property
    def _numeric(self) -> bool:
        return space.numeric(self.spec.space, self.spec.train)

    def _trial_s(self) -> float | None:
        return statistics.median(self._train_s) if self._train_s else None

    def _sampler(self, count: int, attempt: int) -> optuna.samplers.BaseSampler:
        budget = self.spec.search
        if count < budget.startup:
            name = "random" if budget.sampler == "random" else "sobol"
        else:
            if self.choice is None:
                facts = (budget, self._numeric, self._trial_s())
                self.choice = {"name": samplers.resolve(*facts), "why": samplers.why(*facts)}
            name = self.choice["name"]
        if attempt:  # of other draws, seeded as nothing else is
            seed = quasirandom.derived(budget.search_seed, count, f"attempt {attempt}") % 2**31
            budget = budget.model_copy(update={"search_seed": seed})
        drawn = samplers.sampler(budget, count, budget.startup, name)
        if self._trade and infill.due(count, budget.startup):
            return infill.Infill(budget.search_seed, count, self._trade, drawn)
        return drawn

    def _attributes(self, name: str | None, params: space.Params, raw: space.Params) -> dict[str, Any]:
        """What Optuna is to know of an arm: its name, and which point is most like it if it is none."""
        if name is None:
            return {}
        near = None if raw else space.nearest(self.spec.space, params, self.spec.train)
        return {"name": name} | ({infill.NEAR: near} if near else {})

    def _enqueue(self, number: int, kind: str, raw: space.Params, **attrs: Any) -> dict[str, Any]:
        """A trial with these parameters, running, so that the sampler learns from it."""
        self.study.enqueue_trial(raw, user_attrs={"kind": kind, "number": number, **attrs})
        self.study.sampler = optuna.samplers.RandomSampler(seed=0)  # nothing is left to draw
        trial = self.study.ask()
        if raw:
            space.suggest(trial, self.spec.space, self.spec.train)
        self._trials[number] = trial
        return trial.params

    def _restore(self, asked: list[Line], ended: Iterable[Line]) -> None:
        """Make the study from the log: ended trials as they ended, the others running."""
        over = {line["number"]: line for line in ended}
        for line in asked:
            number, kind, raw = line["number"], line["kind"], line["suggested"]
            attrs = self._attributes(line["name"], line["params"], raw)
            self._note(number, kind, build(TrainConfig, line["config"]))
            end = over.get(number)
            if end is None:
                self._enqueue(number, kind, raw, **attrs)
                continue
            if kind == "search":
                self._train_s.append(end["train_wall_s"])
            found = space.distributions(self.spec.space, self.spec.train, raw) if raw else {}
            values = end["values"]
            self.study.add_trial(
                create_trial(
                    state=TrialState[end["state"]],
                    values=[values[name] for name in self.objectives.names] if values else None,
                    params=raw,
                    distributions=found,
                    constraints=end["violations"] if values else None,
                    user_attrs={"kind": kind, "number": number, **attrs},
                )
            )
        if self.published:
            self.published.add(*self.study.get_trials(deepcopy=False, states=ENDED))

"""NSGA-II that keeps nothing of its own: the parents follow from the ended trials."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from study.front import layers
from trainables.metrics import Direction

RETRIES = 10


class Elites(NSGAIISampler):
    """Steady-state NSGA-II (Deb et al. 2002; Durillo et al. 2009): parents are the best of all ended trials.

    Constrained non-domination rank, then crowding distance, pick ``population_size`` parents; crossover and
    mutation are Optuna's. Optuna's own generations are not used: it stores each trial's generation and each
    generation's parents in the database alone (a study that is rebuilt from its files loses them), does
    not count the trials of a quasi-random start, and waits for a whole generation before it learns anything.

    One instance draws for one trial.
    """

    def __init__(self, population_size: int, seed: int) -> None:
        super().__init__(population_size=population_size, seed=seed)
        self._elite: list[FrozenTrial] | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What all parents have: also the parameters behind a choice, once all parents have made it."""
        first, *others = [parent.distributions for parent in self.get_parent_population(study, 1)] or [{}]
        return {
            name: distribution
            for name, distribution in first.items()
            if not distribution.single() and all(other.get(name) == distribution for other in others)
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A child of two parents; a mutated parameter is left out, and drawn on its own.

        A child may be a copy of a trial that ran: then another one is bred, a few times.
        """
        if not search_space:
            return {}
        known = [other.params for other in study._get_trials(deepcopy=False, use_cache=True)]
        child = super().sample_relative(study, trial, search_space)
        for _ in range(RETRIES):
            if child not in known:
                break
            child = super().sample_relative(study, trial, search_space)
        return child

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        """Always the one after that of the parents."""
        return 1

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The completed trials that may become parents: the best layers, whole, until there are enough.

        The rest cannot become parents. To leave it out spares Optuna's sort n^2 comparisons.
        """
        trials = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True)
        if not trials:
            return []
        assert self.population_size is not None
        penalties = np.array([sum(max(v, 0.0) for v in trial.constraints.values()) for trial in trials])
        values = np.array([trial.values for trial in trials])
        directions: list[Direction] = [
            "maximize" if direction == StudyDirection.MAXIMIZE else "minimize"
            for direction in study.directions
        ]
        feasible = np.flatnonzero(penalties <= 0)
        chosen: list[int] = []
        for layer in layers(values[feasible], directions):
            if len(chosen) >= self.population_size:
                break
            chosen += feasible[layer].tolist()
        for index in np.argsort(penalties, kind="stable"):
            if len(chosen) >= self.population_size:
                break
            if penalties[index] > 0:
                chosen.append(int(index))
        return [trials[index] for index in sorted(chosen)]

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The elite of ``get_population``; found once, as other trials may end while this one is drawn."""
        if generation == 0:
            return []
        if self._elite is None:
            self._elite = self.select_parent(study, 1)
        return self._elite

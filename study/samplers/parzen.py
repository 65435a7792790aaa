"""Optuna's tree-structured Parzen estimator, dividing the trials once a suggestion, not once a parameter.

The division into good and bad (constraints, non-dominated sorting, hypervolume subset) does not depend on the
parameter, and took two thirds of a suggestion at 1,000 trials. The draws are Optuna's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma_multiobjective
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
Division = tuple[list[FrozenTrial], list[FrozenTrial]]


class Parzen(TPESampler):
    """Of one parameter, for a study with several objectives that has completed trials.

    ``division(study)``: the trials to be like, and those not to be like.
    """

    def __init__(self, seed: int, division: Callable[[Study], Division]) -> None:
        super().__init__(seed=seed)
        self.division = division

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The best of some draws from the density of the good, by its ratio to that of the bad."""
        space = {param_name: param_distribution}
        good, bad = self.division(study)
        like = self._build_parzen_estimator(study, space, good, handle_below=True)
        unlike = self._build_parzen_estimator(study, space, bad, handle_below=False)
        drawn = like.sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(drawn, self._compute_acquisition_func(drawn, like, unlike))
        return param_distribution.to_external_repr(best[param_name])

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, np.ndarray]:
        """The ended trials' values: what is inherited asks each of them whether it is running."""
        ((name, distribution),) = search_space.items()
        there = [params[name] for trial in trials if name in (params := trial.params)]
        return {name: np.array([distribution.to_internal_repr(value) for value in there])}


def parzens() -> Callable[[int], BaseSampler]:
    """For one suggestion: a seed -> the sampler of one of its parameters, all with one division."""
    made: list[Division] = []

    def division(study: Study) -> Division:
        if not made:
            trials = study._get_trials(deepcopy=False, states=ENDED, use_cache=True)
            made.append(_split_trials(study, trials, default_gamma_multiobjective(len(trials))))
        return made[0]

    return lambda seed: Parzen(seed, division)

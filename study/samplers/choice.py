"""Which sampler draws a trial, and one that draws the same whatever was killed and resumed.

What trial n gets depends on the seed of the search, on n, on each parameter's name, and on the trials that
have ended (and on those that run meanwhile, where there are any). Optuna's samplers carry a random state from
trial to trial, which a resumed process has lost; so every trial has a sampler of its own here, seeded by n,
and every parameter that is drawn on its own has a seed of its own.

``auto``, the first line that holds:

| if | then | because |
|---|---|---|
| more than 1,000 trials | nsga2 | a suggestion stays cheap: at 5,000 trials a tenth of what TPE takes |
| the space has choices, or parameters that some trials lack | tpe | a Gaussian process cannot model them |
| a trial trains for less than 30 s (median of those that ended) | tpe | a Gaussian process takes seconds |
| more than 150 trials | tpe | a suggestion of a Gaussian process costs the cube of the trials |
| else | gp | it finds most with few trials |

Half of ``auto``'s suggestions are not its sampler's: they fill gaps of the front (``infill.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from study.samplers.evolution import Elites
from study.samplers.parzen import parzens
from study.samplers.quasirandom import Sobol, derived
from trainables.config import TrainConfig, config_hash

if TYPE_CHECKING:
    from study.spec import Budget

GP_TRIALS = 150
# Not 250, as elsewhere: on a synthetic surface of five parameters TPE found as much with 60 trials as NSGA-II
# with 250 (hypervolume 0.191 and 0.189, standard error 0.002, n = 5 seeds); other crossovers changed nothing.
NSGA2_TRIALS = 1000
QUICK_TRIAL_S = 30.0
ENOUGH = 4  # completed trials with which a model begins; with fewer, the quasi-random start goes on
GAPS = "; every other suggestion fills a gap of the front"
DIGITS = 3  # significant digits in which duplicates agree


def resolve(budget: Budget, numeric: bool, trial_s: float | None) -> str:
    """The sampler's name for this budget; ``auto`` by the table above.

    ``numeric``: see :func:`numeric`. ``trial_s``: median training time of the trials that have ended, None
    if none has. Record the answer: a resumed study must not decide again with other times.
    """
    return _ruling(budget, numeric, trial_s)[0]


def why(budget: Budget, numeric: bool, trial_s: float | None) -> str:
    """One sentence about ``resolve``'s answer."""
    name, reason = _ruling(budget, numeric, trial_s)
    return f"{name}: {reason}" + (GAPS if budget.sampler == "auto" else "")


def outgrown(budget: Budget, name: str) -> bool:
    """Whether ``auto``'s earlier answer is too slow for a budget that was raised since."""
    gp, other = budget.trials > GP_TRIALS, budget.trials > NSGA2_TRIALS
    return budget.sampler == "auto" and ((gp and name == "gp") or (other and name != "nsga2"))


def numeric(spaces: Iterable[Mapping[str, BaseDistribution]]) -> bool:
    """Whether these trials' distributions show a numeric space: no choices, all parameters always there."""
    found = list(spaces)
    choices = (d for space in found for d in space.values() if isinstance(d, CategoricalDistribution))
    return all(space.keys() == found[0].keys() for space in found) and all(d.single() for d in choices)


def sampler(budget: Budget, index: int, startup: int, name: str) -> BaseSampler:
    """The sampler to set on the study before trial ``index`` is asked.

    ``index`` counts searched trials from 0; reference arms and confirmations are not drawn. The first
    ``startup`` take Sobol points, whatever the name, except for ``random``. ``name``: a key of ``SAMPLERS``.
    """
    if name != "random" and index < startup:
        return Sobol(budget.search_seed, index)
    return SAMPLERS[name](budget, index)


def key(config: TrainConfig) -> str:
    """12 hex digits that near duplicates share: ``config_hash`` of all but the seed, in 3 digits.

    Shapes that are given in proportion are normalised first: 1,1 and 2,2 are one shape.
    """
    rough = {name: _rounded(value) for name, value in config.model_dump().items()}
    total = sum(config.shape_increments)
    rough["shape_increments"] = _rounded(tuple(part / total for part in config.shape_increments))
    return config_hash(config.model_copy(update=rough | {"seed": 0}))


class Settled:
    """A study as the models should see it: of the ended trials only those with a point in the space.

    An arm without one (dense) would empty the intersection of all trials' parameters, which is the space
    that Optuna's Gaussian process models.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(self, *args: Any, **kwargs: Any) -> list[FrozenTrial]:
        trials = self._study._get_trials(*args, **kwargs)
        return [trial for trial in trials if trial.params or not trial.state.is_finished()]


class Model(BaseSampler):
    """``joint`` draws what it can at once, ``single(seed)`` each other parameter, with the seed of its name.

    With fewer than ``ENOUGH`` completed trials there is nothing to model: the quasi-random start goes on.
    Of one suggestion: what has ended is looked at once.
    """

    def __init__(
        self, seed: int, index: int, single: Callable[[int], BaseSampler], joint: BaseSampler | None = None
    ) -> None:
        self.seed, self.index, self.single, self.joint = seed, index, single, joint
        self._learnable: bool | None = None
        self._settled: Study | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What the joint model covers."""
        settled = self._view(study)
        if self.joint is None or not self._learnable:
            return {}
        return self.joint.infer_relative_search_space(settled, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of what the joint model covers."""
        if self.joint is None or not search_space:
            return {}
        # Where all results are equal the Gaussian process divides 0 by 0, and goes on without that number.
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.joint.sample_relative(self._view(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of one parameter that the joint model does not cover."""
        settled = self._view(study)
        drawn: BaseSampler = Sobol(self.seed, self.index)
        if self._learnable:
            drawn = self.single(derived(self.seed, self.index, param_name))
        return drawn.sample_independent(settled, trial, param_name, param_distribution)

    def _view(self, study: Study) -> Study:
        if self._settled is None:
            self._settled = cast(Study, Settled(study))
            ended = self._settled._get_trials(deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True)
            self._learnable = len(ended) >= ENOUGH
        return self._settled


class Random(Model):
    """Uniform, from the first trial on."""

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of one parameter."""
        one = self.single(derived(self.seed, self.index, param_name))
        return one.sample_independent(study, trial, param_name, param_distribution)


def population_size(budget: Budget) -> int:
    """Parents of NSGA-II: a tenth of the trials, from 20 to 50 (Optuna's default)."""
    return min(max(budget.trials // 10, 20), 50)


def _uniform(seed: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _gaussian_process(budget: Budget, index: int) -> BaseSampler:
    joint = optuna.samplers.GPSampler(
        seed=derived(budget.search_seed, index, "gp"),
        n_startup_trials=ENOUGH,
        warn_independent_sampling=False,
    )
    return Model(budget.search_seed, index, parzens(), joint)


def _evolution(budget: Budget, index: int) -> BaseSampler:
    joint = Elites(population_size(budget), seed=derived(budget.search_seed, index, "nsga2"))
    return Model(budget.search_seed, index, _uniform, joint)


# By name: the sampler of one trial after the start. To add one: a row here, its name in spec.SAMPLERS.
SAMPLERS: dict[str, Callable[[Budget, int], BaseSampler]] = {
    "tpe": lambda budget, index: Model(budget.search_seed, index, parzens()),
    "gp": _gaussian_process,
    "nsga2": _evolution,
    "sobol": lambda budget, index: Sobol(budget.search_seed, index),
    "random": lambda budget, index: Random(budget.search_seed, index, _uniform),
}


def _ruling(budget: Budget, numeric: bool, trial_s: float | None) -> tuple[str, str]:
    if budget.sampler != "auto":
        return budget.sampler, "chosen by name"
    if budget.trials > NSGA2_TRIALS:
        return "nsga2", f"{budget.trials} trials are more than {NSGA2_TRIALS}"
    if not numeric:
        return "tpe", "the space has choices, or parameters that some trials lack"
    if trial_s is not None and trial_s < QUICK_TRIAL_S:
        return "tpe", f"a trial trains for {trial_s:.2g} s, less than {QUICK_TRIAL_S:g} s"
    if budget.trials > GP_TRIALS:
        return "tpe", f"{budget.trials} trials are more than {GP_TRIALS}, too many for a Gaussian process"
    return "gp", f"a numeric space, {budget.trials} trials"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list | tuple):
        return type(value)(_rounded(part) for part in value)
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return value

"""One division for all parameters must draw what Optuna draws."""

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from study.samplers.parzen import parzens

SPACE: dict[str, BaseDistribution] = {
    "d": FloatDistribution(1e-3, 1.0, log=True),
    "start": FloatDistribution(0.0, 0.4),
    "knots": IntDistribution(2, 9),
    "shape": CategoricalDistribution(["linear", "sine", "slats"]),
}


def study(n: int, seed: int) -> optuna.Study:
    """Complete, stopped and infeasible trials; some without every parameter."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(seed)
    result = optuna.create_study(directions=["maximize", "minimize"])
    for place in range(n):
        params = {
            "d": float(rng.uniform(0.001, 1)),
            "start": float(rng.uniform(0, 0.4)),
            "knots": int(rng.integers(2, 10)),
            "shape": str(rng.choice(["linear", "sine", "slats"])),
        }
        if place % 5 == 0:
            del params["knots"]
        space = {name: SPACE[name] for name in params}
        if place % 7 == 3:
            result.add_trial(create_trial(params=params, distributions=space, state=TrialState.PRUNED))
            continue
        values = [float(rng.uniform()), float(params["d"])]
        floor = {"floor": float(rng.uniform(-1, 0.3))}
        result.add_trial(create_trial(params=params, distributions=space, values=values, constraints=floor))
    return result


@pytest.mark.parametrize("n", [6, 30, 120])
@pytest.mark.parametrize("seed", [0, 1])
def test_draws_are_those_of_optuna(n: int, seed: int) -> None:
    ours = study(n, seed)
    trial = optuna.trial.create_trial(state=TrialState.RUNNING)
    single = parzens()
    for name, distribution in SPACE.items():
        theirs = TPESampler(seed=seed, n_startup_trials=4)
        expected = theirs.sample_independent(ours, trial, name, distribution)
        assert single(seed).sample_independent(ours, trial, name, distribution) == expected


def test_a_suggestion_sees_the_trials_of_its_beginning() -> None:
    """A trial that ends while a thread draws does not change what the first parameters were drawn from."""
    before, grown = study(30, 0), study(30, 0)
    trial = optuna.trial.create_trial(state=TrialState.RUNNING)
    single = parzens()
    single(1).sample_independent(grown, trial, "d", SPACE["d"])
    for other in study(60, 5).trials:
        grown.add_trial(other)
    seeds = range(2, 6)
    later = [single(seed).sample_independent(grown, trial, "start", SPACE["start"]) for seed in seeds]
    alone = [TPESampler(seed=seed) for seed in seeds]
    assert later == [one.sample_independent(before, trial, "start", SPACE["start"]) for one in alone]
    assert later != [one.sample_independent(grown, trial, "start", SPACE["start"]) for one in alone]

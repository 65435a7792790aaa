"""The point of a space that is most like an arm outside of it: what the arm shows holds there, roughly."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from study.space.points import Params, answers, configure, pruners, suggest
from study.space.ranges import Space
from trainables.config import TrainConfig
from trainables.schedules import SCHEDULES, curve

# Exponents a, b with which kumaraswamy is within 0.007 of a named shape (its docstring).
EXPONENTS = {
    "linear": (1.0, 1.0),
    "cubic": (1.0, 3.0),
    "sine": (1.93, 2.26),
    "cosine": (1.88, 1.09),
    "slats": (1.11, 2.72),
}


class Clipping(optuna.trial.FixedTrial):
    """Answers with the closest value of each range."""

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:
        value = self._params.get(name)
        if isinstance(distribution, (FloatDistribution, IntDistribution)) and value is not None:
            self._params[name] = min(max(value, distribution.low), distribution.high)
        return super()._suggest(name, distribution)


def nearest(space: Space, params: Params, base: TrainConfig) -> Params | None:
    """Optuna's parameters of that point; None where nothing is alike (another pruner, other shapes alone).

    The window is cut to its ranges; a shape that is no choice becomes a ``kumaraswamy``, else a ``free`` one.
    D stays, also outside of its range: whoever asks is going to move it.
    """
    config = configure(base, params)
    if config.pruner not in pruners(space, base.pruner):
        return None
    if config.scheduler not in space.schedulers:
        if not {"kumaraswamy", "free"} & set(space.schedulers):
            return None
        config = _alike(config, space)
    trial = Clipping(answers(space, config, base))
    try:
        suggest(trial, space, base)
    except ValueError:  # no such choice, or a parameter that the arm does not have
        return None
    unmoved = {"final_threshold": config.final_threshold}
    return {name: unmoved.get(name, value) for name, value in trial.params.items()}


def _alike(config: TrainConfig, space: Space) -> TrainConfig:
    name = config.scheduler
    if name == "slats" and config.lr_schedule == "constant":
        name = "linear"  # the same curve
    if "kumaraswamy" in space.schedulers and name in EXPONENTS:
        a, b = EXPONENTS[name]
        return configure(config, {"scheduler": "kumaraswamy", "shape_a": a, "shape_b": b})
    shape = curve(name, **{field: getattr(config, field) for field in SCHEDULES[name].parameters})
    rise = np.diff(shape(np.linspace(0, 1, space.knots + 1)))
    return configure(config, {"scheduler": "free", "shape_increments": rise.tolist()})

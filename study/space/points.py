"""Search spaces as plain define-by-run functions: an Optuna trial in, fields of ``TrainConfig`` out.

Named shapes are a categorical choice and bring their parameters along; the window applies to every shape.
D is searched on a log scale in its natural unit D / sum(lr), where the interesting range is the same
whatever the learning rate and length. What the pruner does not read is not searched.

Everything that a suggestion depends on comes from the trial, the space and the base config: the same
answers of a trial (``optuna.trial.FixedTrial`` of its parameters) give the same suggestion.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from typing import Any

import optuna
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution
from torch import nn

from study.space import own, simplex, vary
from study.space.ranges import Range, Space
from study.space.strength import default_strength
from trainables.config import TrainConfig, build
from trainables.errors import ConfigError
from trainables.pruners import PRUNERS, Spines

Params = dict[str, Any]

PROBES = 16  # random points by which a space is known whose inside cannot be seen
NAMED = ("linear", "sine", "slats")  # the arms: the paper's schedules and the learning-rate-matched one
METHOD = {name for pruner in PRUNERS.values() for name in pruner.fields}  # read by some pruners only
_SPINE = Spines("any", nn.Identity(), nn.Parameter(torch.ones(1, 1)), torch.ones(1))


def suggest(trial: optuna.trial.BaseTrial, space: Space, base: TrainConfig) -> Params:
    """One point of the space: fields of ``TrainConfig`` as plain JSON values, for :func:`configure`.

    Also what is fixed stands in it. ConfigError where the point is no valid config; of the built-in space
    every point is one, once ``soundness.problems`` has found none.
    """
    if not space.function:
        params = _suggested(trial, space, base)
        return _plain(configure(base, params), params)
    params = own.call(space.function, trial, base)
    try:
        return _plain(configure(base, params), params)
    except ConfigError as error:
        lines = [f"function {space.function}: returned {line}" for line in error.problems]
        raise ConfigError(lines) from None


def configure(base: TrainConfig, params: Params) -> TrainConfig:
    """``base`` with these fields, checked as a whole: ``model_copy(update=...)`` checks nothing."""
    config = build(TrainConfig, base.model_dump() | params)
    PRUNERS[config.pruner]([_SPINE], config)  # refuses by itself what grad_r does: a sparsity below 0.5
    return config


def _plain(config: TrainConfig, params: Params) -> Params:
    return config.model_dump(mode="json", include=set(params))


def _suggested(trial: optuna.trial.BaseTrial, space: Space, base: TrainConfig) -> Params:
    def number(name: str, limits: Range, *, log: bool = False) -> float:
        low, high = limits
        return low if low == high else trial.suggest_float(name, low, high, log=log)

    params: Params = {}
    pruner = base.pruner
    if "pruner" in space.vary:  # first: what else is searched depends on it
        pruner = params["pruner"] = vary.suggest(trial, "pruner", space.vary["pruner"])
    reads = PRUNERS[pruner].fields
    if "scheduler" in reads:
        name = vary.suggest(trial, "scheduler", list(space.schedulers))
        params["scheduler"] = name
        if name == "exponential":
            params["shape_rate"] = number("shape_rate", space.rate)
        if name == "kumaraswamy":
            params["shape_a"] = number("shape_a", space.exponent_a, log=True)
            params["shape_b"] = number("shape_b", space.exponent_b, log=True)
        if name == "free":
            x = [number(f"shape_{place}", (0.0, 1.0)) for place in range(1, space.knots)]
            params["shape_increments"] = simplex.increments(x)
    if "final_threshold" in reads:
        params["final_threshold"] = number("final_threshold", space.threshold, log=True)
    if "window_start" in reads:
        params["window_start"] = number("window_start", space.start)
        params["window_end"] = number("window_end", space.end)
    if "final_sparsity" in reads:
        low, high = space.sparsity
        sparsity = low if low == high else 1 - number("density", (1 - high, 1 - low), log=True)
        params["final_sparsity"] = min(max(sparsity, low), high)
    if "pruner_strength" in reads:
        limits = space.strength or _around(default_strength(pruner, base))
        params["pruner_strength"] = number(_strength_name(space, pruner), limits, log=True)
    for name, entry in space.vary.items():
        if name != "pruner" and (name not in METHOD or name in reads):
            params[name] = vary.suggest(trial, name, entry)
    return params


def _strength_name(space: Space, pruner: str) -> str:
    """A parameter for each pruner, because a strength means something else to each of them."""
    return f"pruner_strength_{pruner}" if len(pruners(space, "")) > 1 else "pruner_strength"


def _around(strength: float) -> Range:
    return strength / 10, strength * 10


def pruners(space: Space, otherwise: str) -> list[str]:
    """Pruners that the trials run."""
    return space.vary.get("pruner", [otherwise]) if not space.function else [otherwise]


def probe(seed: int) -> optuna.Trial:
    """A trial that answers at random."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()


def numeric(space: Space, base: TrainConfig) -> bool:
    """Whether all parameters are numbers that every trial has: what a Gaussian process needs.

    Found out by asking, because the inside of a user's function cannot be seen. False where nothing is
    searched.
    """
    asked: list[dict[str, BaseDistribution]] = []
    for seed in range(PROBES):
        trial = probe(seed)
        suggest(trial, space, base)
        asked.append(trial.distributions)
    kinds = asked[0].values()
    plain = not any(isinstance(kind, CategoricalDistribution) for kind in kinds)
    return bool(kinds) and plain and all(one == asked[0] for one in asked)


def distributions(space: Space, base: TrainConfig, raw: Params) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the parameters ``raw`` of a trial of this space."""
    trial = optuna.trial.FixedTrial(raw)
    suggest(trial, space, base)
    return trial.distributions


def references(space: Space, base: TrainConfig, threshold: float) -> dict[str, Params]:
    """Arms that are always run, by name: dense, linear, sine and slats over the whole training, at one D.

    Where no searched pruner reads both D and a schedule: dense, and that pruner as its authors run it.
    """
    arms: dict[str, Params] = {"dense": {"pruner": "dense"}}
    searched = pruners(space, base.pruner)
    preferred = sorted(searched, key=lambda name: name != base.pruner)
    for name in preferred:
        if {"final_threshold", "scheduler"} <= set(PRUNERS[name].fields):
            whole = {"final_threshold": threshold, "window_start": 0.0, "window_end": 1.0}
            other = {"pruner": name} if name != base.pruner else {}
            return arms | {shape: {"scheduler": shape, **whole, **other} for shape in NAMED}
    for name in [name for name in preferred if name != "dense"][:1]:
        method = PRUNERS[name]
        defaults = {
            "scheduler": method.scheduler or base.scheduler,
            "window_start": 0.0,
            "window_end": method.window_end,
            "final_sparsity": base.final_sparsity,
            "pruner_strength": base.pruner_strength if name == base.pruner else None,
        }
        arms[name] = {"pruner": name} | {
            field: value for field, value in defaults.items() if field in method.fields
        }
    return arms


def holds(space: Space, params: Params, base: TrainConfig) -> bool:
    """Whether an arm is a point of the space, so that a sampler may learn from it."""
    return raw(space, params, base) is not None


def raw(space: Space, params: Params, base: TrainConfig) -> Params | None:
    """Optuna's parameters at which :func:`suggest` gives this arm; None where the space does not hold it."""
    config = _strong(configure(base, params), base)
    values = config.model_dump(mode="json")
    trial = optuna.trial.FixedTrial(answers(space, config, base))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The value .* is out of")  # how Optuna says outside
        try:
            found = suggest(trial, space, base)
        except (ValueError, UserWarning):  # a choice or a parameter that the arm does not have
            return None
    got = configure(base, found).model_dump(mode="json")
    return trial.params if all(_equal(values[name], got[name]) for name in {*params, *found}) else None


def answers(space: Space, config: TrainConfig, base: TrainConfig) -> Params:
    """What a trial would have to answer to every question of :func:`suggest` for this training."""
    config = _strong(config, base)
    values = config.model_dump(mode="json")
    x = simplex.coordinates(config.shape_increments)
    return {
        **{name: vary.label(value) for name, value in values.items()},
        **{f"shape_{place}": value for place, value in enumerate(x, start=1)},
        "density": 1 - config.final_sparsity,
        _strength_name(space, config.pruner): config.pruner_strength,
    }


def _strong(config: TrainConfig, base: TrainConfig) -> TrainConfig:
    """With the strength that stands for None."""
    if config.pruner_strength is None and "pruner_strength" in PRUNERS[config.pruner].fields:
        return configure(config, {"pruner_strength": default_strength(config.pruner, base)})
    return config


def _equal(one: Any, other: Any) -> bool:
    """Equal, or numbers that differ by the rounding of a change of coordinates."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def space_hash(space: Space) -> str:
    """12 hex digits that change whenever the space does, a user's module included."""
    text = space.model_dump_json() + (own.source(space.function) if space.function else "")
    return hashlib.sha256(text.encode()).hexdigest()[:12]

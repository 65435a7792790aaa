"""What is wrong with a search space, before anything is started."""

from __future__ import annotations

import itertools

import optuna

from study.space import vary
from study.space.points import METHOD, PROBES, Params, configure, probe, pruners, suggest
from study.space.ranges import Space
from trainables.config import TrainConfig
from trainables.errors import ConfigError
from trainables.pruners import PRUNERS


def problems(space: Space, base: TrainConfig) -> list[str]:
    """What is wrong with the space on this base config, all of it, a line each: ends, choices, the function.

    A function of the user's is called at some random points, which runs its module.
    """
    try:
        return _function_problems(space, base) if space.function else _value_problems(space, base)
    except ConfigError as error:
        return error.problems


def _value_problems(space: Space, base: TrainConfig) -> list[str]:
    searched = pruners(space, base.pruner)
    read = {field for name in searched for field in PRUNERS[name].fields}
    found = [
        f"vary.{name}: no searched pruner ({', '.join(searched)}) reads it"
        for name in space.vary
        if name in METHOD - read
    ]
    points: list[Params] = [{"pruner": name, "final_sparsity": space.sparsity[0]} for name in searched]
    together = [name for name in ("network", "network_args") if name in space.vary]
    choices = [vary.ends(space.vary[name]) for name in together]
    points += [dict(zip(together, values, strict=True)) for values in itertools.product(*choices)]
    points += [
        {name: value}
        for name, entry in space.vary.items()
        if name not in {"pruner", *together}
        for value in vary.ends(entry)
    ]
    safe = {"final_sparsity": max(space.sparsity[1], 0.5), "pruner": searched[0]}
    for point in points:
        try:
            configure(base, safe | point)
        except ConfigError as error:
            given = ", ".join(f"{name} {value!r}" for name, value in point.items())
            found += [f"with {given}: {line}" for line in error.problems]
    return found


def _function_problems(space: Space, base: TrainConfig) -> list[str]:
    for seed in range(PROBES):
        trial = probe(seed)
        params = suggest(trial, space, base)
        if suggest(optuna.trial.FixedTrial(dict(trial.params)), space, base) != params:
            return [
                f"function {space.function}: returned other fields for the same answers of the trial; "
                "whatever it chooses must be suggested by the trial"
            ]
    return []

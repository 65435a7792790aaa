"""Search spaces as plain define-by-run functions: an Optuna trial in, what differs from the base config out.

Named shapes are a categorical choice; the two-parameter family (kumaraswamy) and the exponential bring
their parameters along. The window applies to every shape. D is searched on a log scale in its natural
unit D / sum(lr), where the interesting range is the same whatever the learning rate and length.
"""

from __future__ import annotations

import hashlib
from typing import Any

import optuna

from study.spec import Space
from trainables.config import TrainConfig

Params = dict[str, Any]


def suggest(trial: optuna.Trial, space: Space) -> Params:
    """One point of the space, as fields of ``TrainConfig``."""
    params: Params = {
        "scheduler": trial.suggest_categorical("scheduler", list(space.schedulers)),
        "final_threshold": trial.suggest_float("final_threshold", *space.threshold, log=True),
        "window_start": trial.suggest_float("window_start", *space.start),
        "window_end": trial.suggest_float("window_end", *space.end),
    }
    if params["scheduler"] == "exponential":
        params["shape_rate"] = trial.suggest_float("shape_rate", *space.rate)
    if params["scheduler"] == "kumaraswamy":
        params["shape_a"] = trial.suggest_float("shape_a", *space.exponent_a, log=True)
        params["shape_b"] = trial.suggest_float("shape_b", *space.exponent_b, log=True)
    return params


def references(space: Space, base: TrainConfig, threshold: float) -> dict[str, Params]:
    """Arms that are always run, by name: dense, and every named schedule over the whole training at one D."""
    arms: dict[str, Params] = {"dense": {"pruner": "dense"}}
    for name in space.schedulers:
        if name != "kumaraswamy":  # a family without a member of its own: (1, 1) is the linear arm
            arms[name] = {
                "scheduler": name,
                "final_threshold": threshold,
                "window_start": 0.0,
                "window_end": 1.0,
            }
    if "exponential" in arms:
        arms["exponential"]["shape_rate"] = base.shape_rate
    return arms


def holds(space: Space, params: Params) -> bool:
    """Whether a reference arm is a point of the space, so that a sampler may learn from it."""
    ranges = {
        "final_threshold": space.threshold,
        "window_start": space.start,
        "window_end": space.end,
        "shape_rate": space.rate,
    }
    return "scheduler" in params and all(
        low <= params[name] <= high for name, (low, high) in ranges.items() if name in params
    )


def space_hash(space: Space) -> str:
    """12 hex digits that change whenever the space does."""
    return hashlib.sha256(space.model_dump_json().encode()).hexdigest()[:12]

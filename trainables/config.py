"""``TrainConfig``: everything one training run depends on, and one message for everything wrong with it."""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from trainables import data, models, pruners, schedules

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(ValueError):
    """Bad input from a person. ``problems``: one line each with what was given, the rule, a valid choice."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def unknown(what: str, given: str, known: list[str]) -> str:
    """One line for a name that is not in a list, with the nearest one that is."""
    near = get_close_matches(given.lower(), known, n=1, cutoff=0.6)
    if near and len(known) > 10:
        return f"unknown {what} {given!r}: did you mean {near[0]!r}?"
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {given!r}: {hint}known: {', '.join(known) or 'none yet'}"


def require_known(what: str, given: str, known: list[str]) -> str:
    """``given``, or a ValueError that names the nearest known name."""
    if given not in known:
        raise ValueError(unknown(what, given, known))
    return given


class TrainConfig(BaseModel):
    """One training run. Flat and frozen; unknown keys are refused; equal configs give equal rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = Field("digits", description="data set by name")
    network: str = Field("digits_net", description="network by name")
    timesteps: int = Field(4, ge=1, le=1024, description="simulation steps T per image")
    pruner: str = Field("stds", description="pruning method by name")
    scheduler: str = Field("sine", description="threshold shape f by name")
    final_threshold: float = Field(0.3, ge=0, le=1e6, description="final threshold D, in threshold_unit")
    threshold_unit: str = Field(
        "lr_sum",
        description="unit of D: lr_sum (sum of all learning rates: how far a spine can travel) or weight",
    )
    shape_rate: float = Field(3.0, ge=-50, le=50, description="rate k of the exponential shape")
    shape_a: float = Field(1.0, ge=0.05, le=20, description="first exponent of the kumaraswamy shape")
    shape_b: float = Field(1.0, ge=0.05, le=20, description="second exponent of the kumaraswamy shape")
    window_start: float = Field(0.0, ge=0, lt=1, description="progress at which the threshold starts to grow")
    window_end: float = Field(1.0, gt=0, le=1, description="progress at which it has reached D")
    epochs: int = Field(30, ge=1, le=100_000, description="training length")
    batch_size: int = Field(64, ge=1, le=65_536, description="samples per optimiser step")
    lr: float = Field(1e-2, gt=0, le=10, description="initial learning rate (Adam)")
    lr_schedule: str = Field("cosine", description="learning-rate curve by name")
    tau: float = Field(2.0, gt=1, le=1e4, description="membrane time constant, in steps")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of weights and data order")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    threads: int = Field(1, ge=1, le=1024, description="CPU threads; bit-for-bit repeatable with 1")

    @field_validator("dataset", "network", "pruner", "scheduler", "lr_schedule", "threshold_unit")
    @classmethod
    def _name_is_known(cls, name: str, info: Any) -> str:
        known: dict[str, tuple[str, list[str]]] = {
            "dataset": ("data set", list(data.DATASETS)),
            "network": ("network", list(models.MODELS)),
            "pruner": ("pruner", list(pruners.PRUNERS)),
            "scheduler": ("schedule", list(schedules.SCHEDULES)),
            "lr_schedule": ("learning-rate curve", list(schedules.LEARNING_RATES)),
            "threshold_unit": ("threshold unit", ["lr_sum", "weight"]),
        }
        return require_known(known[info.field_name][0], name, known[info.field_name][1])

    @field_validator("device")
    @classmethod
    def _device_is_spelled_right(cls, name: str) -> str:
        if name.startswith("cuda:") and name[5:].isdigit():
            return name
        return require_known("device", name, ["auto", "cpu", "cuda"])

    @model_validator(mode="after")
    def _window_is_open(self) -> Self:
        if self.window_start >= self.window_end:
            raise ValueError(
                f"window_start {self.window_start} must lie before window_end {self.window_end}; "
                "the whole training is 0.0 and 1.0"
            )
        return self

    def schedule(self) -> schedules.Curve:
        """The threshold shape f(u) of this run, window included."""
        parameters = schedules.SCHEDULES[self.scheduler].parameters
        bound = {name: getattr(self, name) for name in parameters}
        return schedules.curve(self.scheduler, self.window_start, self.window_end, **bound)


_SCHEDULE_FIELDS = {"scheduler", "shape_rate", "shape_a", "shape_b", "window_start", "window_end"}
_THRESHOLD_FIELDS = _SCHEDULE_FIELDS | {"final_threshold", "threshold_unit"}


def config_hash(config: TrainConfig) -> str:
    """12 hex digits of the SHA-256 of all that matters: equal hashes mean equal runs.

    Fields that cannot matter are left out: shape parameters that the schedule does not take, the whole
    schedule of a dense run, the device.
    """
    if config.pruner == "dense":
        idle = set(_THRESHOLD_FIELDS)
    else:
        used = {"scheduler", "window_start", "window_end", *schedules.SCHEDULES[config.scheduler].parameters}
        idle = _SCHEDULE_FIELDS - used
    kept = config.model_dump(exclude=idle | {"device"})
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


def build(model: type[Model], values: dict[str, Any]) -> Model:
    """``model(**values)``; everything that is wrong with the values goes into one ``ConfigError``."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_problem(model, detail) for detail in error.errors()]) from None


def _problem(model: type[BaseModel], detail: Any) -> str:
    """One pydantic error as: key, what was given, the rule it broke, the nearest valid choice."""
    path, kind, given, limits = detail["loc"], detail["type"], detail["input"], detail.get("ctx", {})
    key = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        return unknown("key", key, _keys(model, path[:-1]))
    if kind == "value_error":
        return f"{key}: {limits['error']}" if key else str(limits["error"])
    rules = {
        "greater_than_equal": ("ge", "must be at least {0}; nearest valid: {0}"),
        "less_than_equal": ("le", "must be at most {0}; nearest valid: {0}"),
        "greater_than": ("gt", "must be greater than {0}"),
        "less_than": ("lt", "must be less than {0}"),
    }
    if kind in rules:
        limit, rule = rules[kind]
        return f"{key}: got {given!r}, {rule.format(limits[limit])}"
    return f"{key}: got {given!r}, {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Valid keys at ``path`` inside a nested model, written with their path."""
    prefix = "".join(f"{part}." for part in path)
    for part in path:
        inner = model.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return [prefix + name for name in model.model_fields]

"""``TrainConfig``: everything one training run depends on, and one message for everything wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from trainables import data, models, pruners, schedules
from trainables.errors import ConfigError, require_known, unknown
from trainables.flags import from_json

Model = TypeVar("Model", bound=BaseModel)


class TrainConfig(BaseModel):
    """One training run. Flat and frozen; unknown keys are refused; equal configs give equal rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = Field("digits", description="data set by name")
    data_dir: str = Field(
        "~/.cache/spinetune/data", min_length=1, description="folder that holds the data sets"
    )
    augment: bool = Field(True, description="the data set's own augmentation, where it has one")
    network: str = Field("digits_net", description="network by name, or package.module:Name")
    network_args: dict[str, Any] = Field({}, description="keyword arguments of the network, as JSON")
    timesteps: int = Field(4, ge=1, le=1024, description="simulation steps T per image")
    tau: float = Field(2.0, gt=1, le=1e4, description="membrane time constant, in steps")
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
    shape_increments: tuple[float, ...] = Field(
        (1.0, 1.0, 1.0, 1.0),
        min_length=2,
        max_length=32,
        description="rise of the free shape from knot to knot, in proportion (knots evenly spaced)",
    )
    window_start: float = Field(0.0, ge=0, lt=1, description="progress at which pruning starts")
    window_end: float = Field(1.0, gt=0, le=1, description="progress at which it has reached its end")
    layer_weighting: str = Field(
        "none",
        description="soft thresholds by layer: none (one for all), positions (by the output positions that a "
        "weight serves) or scale (by the size of the layer's initial weights)",
    )
    exempt: tuple[str, ...] = Field((), description="layers that are not pruned, as name patterns")
    final_sparsity: float = Field(0.9, ge=0, lt=1, description="target of the pruners that take one")
    pruner_strength: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="the pruner's own regulariser: alpha, lambda or rho; None: its default",
    )
    update_steps: int = Field(
        0,
        ge=0,
        description="steps between two changes of a topology; 0: a hundredth of the training",
    )
    drop_fraction: float = Field(0.3, ge=0, le=1, description="share of the connections that a change drops")
    epochs: int = Field(30, ge=1, le=100_000, description="training length")
    batch_size: int = Field(64, ge=1, le=65_536, description="samples per optimiser step")
    loss: str = Field("mse", description="loss of the mean activity: mse (against one-hot) or cross_entropy")
    optimizer: str = Field("adam", description="adam or sgd")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd, first moment's decay of adam")
    weight_decay: float = Field(0.0, ge=0, le=1, description="L2 penalty on every parameter of the network")
    lr: float = Field(1e-2, gt=0, le=10, description="initial learning rate")
    lr_schedule: str = Field("cosine", description="learning-rate curve by name")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of weights, data order, augmentation and dropout")
    precision: str = Field(
        "auto", description="float32, bfloat16 or auto: bfloat16 where the hardware computes in it"
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    threads: int = Field(
        0, ge=0, le=1024, description="CPU threads; 0: what the network is worth, in a study its share"
    )

    @field_validator(
        "dataset", "pruner", "scheduler", "lr_schedule", "threshold_unit", "layer_weighting",
        "loss", "optimizer", "precision",
    )  # fmt: skip
    @classmethod
    def _name_is_known(cls, name: str, info: Any) -> str:
        known: dict[str, tuple[str, Iterable[str]]] = {
            "dataset": ("data set", data.DATASETS),
            "pruner": ("pruner", pruners.PRUNERS),
            "scheduler": ("schedule", schedules.SCHEDULES),
            "lr_schedule": ("learning-rate curve", schedules.LEARNING_RATES),
            "threshold_unit": ("threshold unit", ["lr_sum", "weight"]),
            "layer_weighting": ("layer weighting", ["none", "positions", "scale"]),
            "loss": ("loss", ["mse", "cross_entropy"]),
            "optimizer": ("optimizer", ["adam", "sgd"]),
            "precision": ("precision", ["auto", "float32", "bfloat16"]),
        }
        return require_known(known[info.field_name][0], name, known[info.field_name][1])

    @field_validator("network")
    @classmethod
    def _network_is_known(cls, name: str) -> str:
        return models.require_network(name)

    @field_validator("network_args", mode="before")
    @classmethod
    def _json_is_read(cls, value: Any) -> Any:
        """A flag's text is JSON."""
        return from_json(value, '{"hidden": [256]}')

    @field_validator("device")
    @classmethod
    def _device_is_spelled_right(cls, name: str) -> str:
        if name.startswith("cuda:") and name[5:].isdigit():
            return name
        return require_known("device", name, ["auto", "cpu", "cuda"])

    @field_validator("shape_increments")
    @classmethod
    def _shape_rises(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) < 0 or not 1e-9 <= sum(values) <= 1e9:
            raise ValueError(
                f"got {list(values)}, must be at least 0 each and not all 0; equal ones are linear"
            )
        return values

    @model_validator(mode="before")
    @classmethod
    def _pruner_has_its_own_defaults(cls, values: Any) -> Any:
        """A method of others is run as its authors do, unless somebody says otherwise."""
        name = values.get("pruner", "stds") if isinstance(values, dict) else None
        pruner = pruners.PRUNERS.get(name) if isinstance(name, str) else None
        if pruner is None:
            return values  # no mapping, or an unknown name: what follows says so
        own = {"window_end": pruner.window_end} | (
            {"scheduler": pruner.scheduler} if pruner.scheduler else {}
        )
        return own | values

    @model_validator(mode="after")
    def _network_takes_the_arguments(self) -> Self:
        if self.network in models.MODELS:  # those of other people's code are checked when it is called
            models.MODELS[self.network].checked(self.network_args)
        return self

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


# Where a run happens, not what it computes (more than one thread may change the last bits).
PLACE = {"device", "data_dir", "threads"}


def config_hash(config: TrainConfig) -> str:
    """12 hex digits of the SHA-256 of all that matters: equal hashes mean equal runs.

    Fields that cannot matter are left out: what the pruner does not read, shape parameters that the
    schedule does not take, where the run happens.
    """
    pruner = pruners.PRUNERS[config.pruner].fields
    shape = schedules.SCHEDULES[config.scheduler].parameters if "scheduler" in pruner else ()
    method_fields = {name for method in pruners.PRUNERS.values() for name in method.fields}
    shape_fields = {name for row in schedules.SCHEDULES.values() for name in row.parameters} - {"lr_schedule"}
    idle = (method_fields | shape_fields) - {*pruner, *shape}
    kept = config.model_dump(exclude=idle | PLACE)
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


def build(model: type[Model], values: dict[str, Any]) -> Model:
    """``model(**values)``; everything that is wrong with the values goes into one ``ConfigError``."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_problem(model, detail) for detail in error.errors()]
        # a ConfigError inside, as that of network_args, has one line for each of its own problems
        raise ConfigError([line for problem in problems for line in problem.splitlines()]) from None


def _problem(model: type[BaseModel], detail: Any) -> str:
    """One pydantic error as: key, what was given, the rule it broke, the nearest valid choice."""
    path, kind, given, limits = detail["loc"], detail["type"], detail["input"], detail.get("ctx", {})
    key = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        return unknown("key", key, _keys(model, path[:-1]))
    if kind == "value_error":
        lines = str(limits["error"]).splitlines()
        return "\n".join(f"{key}: {line}" if key else line for line in lines)
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

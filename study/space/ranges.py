"""``Space``: where a search looks, as it stands in a spec. What the trials get from it is in space.py."""

from __future__ import annotations

import math
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from study.space import vary
from trainables.errors import require_known
from trainables.flags import from_json
from trainables.imports import IMPORT_PATH
from trainables.schedules import SCHEDULES

Range = tuple[float, float]

# What the ends of each range may be; what is searched on a log scale must be greater than 0.
LIMITS: dict[str, Range] = {
    "threshold": (1e-6, 1e6),
    "rate": (-50.0, 50.0),
    "exponent_a": (0.05, 20.0),
    "exponent_b": (0.05, 20.0),
    "start": (0.0, 0.99),
    "end": (0.01, 1.0),
    "sparsity": (0.0, 0.9999),
    "strength": (1e-18, 1e6),
}


class Group(BaseModel):
    """A group of a spec's fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Space(Group):
    """Where the search looks: schedules by name, ranges of what the pruner reads, further fields in ``vary``.

    A range whose ends are equal fixes its value. What the pruner does not read is not searched.
    """

    schedulers: tuple[str, ...] = Field(
        tuple(SCHEDULES), description="threshold shapes to choose from; one alone leaves the space numeric"
    )
    threshold: Range = Field((0.1, 0.7), description="range of D in threshold_unit, searched on a log scale")
    rate: Range = Field((-6.0, 6.0), description="range of the exponential's rate k")
    exponent_a: Range = Field((0.5, 4.0), description="range of kumaraswamy's a, on a log scale")
    exponent_b: Range = Field((0.5, 4.0), description="range of kumaraswamy's b, on a log scale")
    knots: int = Field(4, ge=2, le=12, description="increments of the free shape: K - 1 parameters in [0, 1]")
    start: Range = Field((0.0, 0.3), description="range of the window's start")
    end: Range = Field((0.55, 1.0), description="range of the window's end")
    sparsity: Range = Field(
        (0.8, 0.99),
        description="range of the final sparsity, for pruners that take one; 1 - sparsity on a log scale",
    )
    strength: Range | None = Field(
        None,
        description="range of the pruner's own regulariser, on a log scale; None: a tenth of its default to "
        "ten times",
    )
    vary: dict[str, Any] = Field(
        {},
        description="further fields of the training to search, as JSON: a list of choices each, or "
        '{"low": L, "high": H, "log": true}',
    )
    function: str = Field(
        "",
        description="a space of your own in place of this one, as package.module:name; "
        "name(trial, base) returns fields of the training",
    )

    @field_validator("schedulers")
    @classmethod
    def _schedules_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError(f"the list is empty; at least one of {', '.join(SCHEDULES)}")
        for name in names:
            require_known("schedule", name, list(SCHEDULES))
        return tuple(dict.fromkeys(names))

    @field_validator(*LIMITS)
    @classmethod
    def _range_is_ordered(cls, limits: Range | None, info: Any) -> Range | None:
        lowest, highest = LIMITS[info.field_name]
        if limits is not None and not lowest <= limits[0] <= limits[1] <= highest:
            low, high = sorted(min(max(limit, lowest), highest) for limit in limits)
            raise ValueError(
                f"got {limits[0]},{limits[1]}, must be LOW,HIGH with "
                f"{lowest:g} <= LOW <= HIGH <= {highest:g}; "
                f"nearest valid: {low:g},{high:g}"
            )
        return limits

    @field_validator("vary", mode="before")
    @classmethod
    def _json_is_read(cls, value: Any) -> Any:
        """A flag's text is JSON."""
        return from_json(value, '{"timesteps": [2, 4], "lr": {"low": 0.002, "high": 0.02, "log": true}}')

    @field_validator("vary")
    @classmethod
    def _dimensions_are_sound(cls, entries: dict[str, Any]) -> dict[str, Any]:
        return vary.normalised(entries)

    @field_validator("function")
    @classmethod
    def _path_is_spelled_right(cls, path: str) -> str:
        if path and not IMPORT_PATH.fullmatch(path):
            raise ValueError(f"got {path!r}, an import path is package.module:name, e.g. myspace:shapes")
        return path

    @model_validator(mode="after")
    def _window_stays_open(self) -> Self:
        if self.start[1] >= self.end[0]:
            raise ValueError(
                f"start {self.start} and end {self.end} overlap: every start must lie before every end; "
                f"nearest valid: start {self.start[0]:g},{math.nextafter(self.end[0], 0):.3g}"
            )
        return self

    @model_validator(mode="after")
    def _one_says_what_varies(self) -> Self:
        if self.function and self.vary:
            raise ValueError(
                f"function {self.function} replaces the built-in space, vary belongs to that one; "
                f"leave out one of them, or suggest {', '.join(self.vary)} in the function"
            )
        return self

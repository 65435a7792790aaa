"""``StudySpec``: what to search, on what, with what budget. File format, flags and errors derive from it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationInfo, field_validator, model_validator

from study import postgres, storage
from study.objectives import read_constraints, read_names
from study.space import Space, soundness
from study.space.ranges import Group
from trainables.assembly import dataset
from trainables.config import TrainConfig
from trainables.errors import ConfigError, require_known, unknown
from trainables.flags import merge

PRESETS = Path(__file__).with_name("presets")
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
SAMPLERS = ["auto", "tpe", "gp", "nsga2", "sobol", "random"]
AUTO = "auto"
FOLDERS = ("resources.output", "resources.storage", "train.data_dir")  # keys of a spec file
STOP_RULES = ["none", "pareto", "discard", "asha"]


class Budget(Group):
    """How much to search, what for, and how."""

    trials: int = Field(24, ge=1, le=1_000_000, description="searched trials; reference arms come on top")
    objectives: tuple[str, ...] = Field(
        ("accuracy_val", "sparsity_params"),
        description="two or three metrics; which way is better is theirs to know",
    )
    constraints: tuple[str, ...] = Field(
        (), description="what a result must keep, e.g. 'synapses <= 1.3e8', 'accuracy >= 0.95', 'fits: Loihi'"
    )
    accuracy_floor: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="validation accuracy below which a trial counts as collapsed (infeasible)",
    )
    sampler: str = Field("auto", description=f"sampler by name: {', '.join(SAMPLERS)}")
    search_seed: int = Field(0, ge=0, lt=2**31, description="seed of the sampler")
    startup: int = Field(
        8,
        ge=1,
        description="trials before anything is modelled: quasi-random, with auto three of four in gaps",
    )
    reference_threshold: float = Field(
        0.2, gt=0, le=1e6, description="D of the reference arms, in threshold_unit"
    )
    confirm: int = Field(
        5, ge=0, le=100, description="fresh seeds with which the front and its near-misses run again"
    )
    confirm_at_most: int = Field(8, ge=1, description="configurations that are confirmed, the front first")

    @field_validator("objectives")
    @classmethod
    def _objectives_are_metrics(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return read_names(names)

    @field_validator("constraints", mode="before")
    @classmethod
    def _yaml_is_forgiven(cls, texts: Any) -> Any:
        """``- fits: Loihi`` is a mapping to YAML."""
        if not isinstance(texts, list | tuple):
            return texts
        pairs = [
            next(iter(text.items())) if isinstance(text, dict) and len(text) == 1 else None for text in texts
        ]
        return [f"{pair[0]}: {pair[1]}" if pair else text for pair, text in zip(pairs, texts, strict=True)]

    @field_validator("constraints")
    @classmethod
    def _constraints_make_sense(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(constraint) for constraint in read_constraints(texts))

    @field_validator("sampler")
    @classmethod
    def _sampler_is_known(cls, name: str) -> str:
        return require_known("sampler", name, SAMPLERS)


class Stopping(Group):
    """When a trial ends early. Collapsed trials always do; comparing trials is opt-in."""

    stop_rule: str = Field("none", description=f"rule that compares trials: {', '.join(STOP_RULES)}")
    stop_peers: int = Field(3, ge=1, description="pareto: trials that must dominate before one is stopped")
    stop_from: float = Field(0.5, ge=0, lt=1, description="pareto, discard: progress before which none stops")
    stop_audit: float = Field(
        0.15, ge=0, le=1, description="share of the trials to be stopped that runs on, to audit the rule"
    )
    stop_noise: float = Field(
        1.0, ge=0, le=100, description="pareto: standard deviations by which the others must be better"
    )
    stop_eta: float = Field(
        3.0, gt=1, le=100, description="asha: share 1/eta goes on at a rung; pareto: at least 1/eta is spared"
    )

    @field_validator("stop_rule")
    @classmethod
    def _rule_is_known(cls, name: str) -> str:
        return require_known("stopping rule", name, STOP_RULES)


class Resources(Group):
    """Where the trials run and what each gets, and where the results go."""

    retries: int = Field(
        3, ge=0, le=1000, description="failures in a row, no epoch between, that a trial survives"
    )
    slots: int = Field(0, ge=0, le=100_000, description="trials at once; 0: what fits, as nodes come and go")
    cpus_per_trial: float | str = Field(
        AUTO, description="CPUs per trial; auto: its threads, else what the slots leave"
    )
    gpus_per_trial: float | str = Field(
        AUTO,
        description="GPUs, or a fraction of one, per trial; auto: measured, so that small networks share",
    )
    memory_gib_per_trial: float | str = Field(
        AUTO, description="memory kept for each trial; auto: measured where it could get scarce"
    )
    grows: bool = Field(
        False, description="nodes come when asked for: take the numbers as they are, refuse nothing"
    )
    output: str = Field("studies", min_length=1, description="folder that study folders are made in")
    storage: str = Field(
        "",
        description="folder or s3://, gs:// URL that every node sees: checkpoints, a copy of the study; "
        "empty: the study folder itself",
    )
    optuna_storage: str = Field(
        "", description="postgresql:// URL for the Optuna copy of the study; empty: optuna.db in its folder"
    )

    @field_validator("cpus_per_trial", "gpus_per_trial", "memory_gib_per_trial", mode="before")
    @classmethod
    def _number_or_auto(cls, value: Any, info: ValidationInfo) -> float | str:
        if value == AUTO:
            return AUTO
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not 0 <= number <= 1e6:
            raise ValueError(f"got {value!r}, must be a number of at least 0, or auto; nearest valid: auto")
        if number == 0 and info.field_name == "cpus_per_trial":
            raise ValueError(f"got {value!r}, must be greater than 0, e.g. 0.5, or auto; nearest valid: auto")
        if number > 1 and number != int(number) and info.field_name == "gpus_per_trial":
            raise ValueError(f"got {value!r}, above 1 whole GPUs only; nearest valid: {math.ceil(number)}")
        return number

    @field_validator("storage", "optuna_storage", mode="after")
    @classmethod
    def _places_make_sense(cls, value: str, info: ValidationInfo) -> str:
        check = storage.problem if info.field_name == "storage" else postgres.problem
        if value and (found := check(value)):
            raise ValueError(found)
        return value

    @model_validator(mode="after")
    def _growth_has_numbers(self) -> Self:
        if self.grows and not (self.slots and self.gpus_per_trial != AUTO):
            raise ValueError(
                "grows: what does not run yet cannot be counted or measured; nearest valid: with --slots and "
                "--gpus-per-trial"
            )
        return self


class StudySpec(Group):
    """A whole study."""

    name: str = Field(
        "digits",
        pattern=NAME.pattern,
        description="name of the study and of its folder",
    )
    train: TrainConfig = Field(TrainConfig(), description="what every trial has in common")
    space: Space = Field(Space(), description="where the search looks")
    search: Budget = Field(Budget(), description="how much to search, and how")
    stopping: Stopping = Field(Stopping(), description="when a trial ends early")
    resources: Resources = Field(Resources(), description="where the trials run")

    @model_validator(mode="after")
    def _space_suits_the_training(self) -> Self:
        if problems := soundness.problems(self.space, self.train):
            raise ValueError("\n".join(f"space: {problem}" for problem in problems))
        return self

    @property
    def folder(self) -> Path:
        """The study folder, absolute: Ray refuses relative storage paths."""
        return (Path(self.resources.output) / self.name).expanduser().absolute()

    @property
    def place(self) -> str:
        """Location of the study in the shared storage; empty: the study folder is what all nodes see."""
        place = self.resources.storage
        return storage.join(storage.absolute(place), self.name) if place else ""

    @property
    def chance(self) -> float:
        """Accuracy of guessing: 1 / classes."""
        return 1 / dataset(self.train).classes


def homeless(values: Mapping[str, Any]) -> list[str]:
    """One line for every folder of a spec's values that begins with ``~SOMEBODY`` who has no home here.

    No rule of the model: a spec may be for another machine, which has other users.
    """
    found = []
    for key in FOLDERS:
        group, _, name = key.partition(".")
        inner = values.get(group)
        given = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(given, str) and storage.homeless(given):
            found.append(no_home(key, given))
    return found


def no_home(what: str, given: str) -> str:
    """The line for such a folder."""
    user, _, rest = given.partition("/")
    return (
        f"{what}: got {given!r}, {user} has no home on this machine; nearest valid: {'/'.join(['~', rest])!r}"
    )


@cache
def presets() -> dict[str, Path]:
    """Spec files that ship with the project, by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}


def read(path: Path) -> dict[str, Any]:
    """A spec file's values; ConfigError where it cannot be read, is no YAML, or is no mapping of keys."""
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a NUL in the path
        raise ConfigError([f"spec file {path}: cannot be read: {error}"]) from None
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date like 2026-13-45; ten thousand [
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        what = getattr(error, "problem", None) or "cannot be parsed"
        raise ConfigError([f"spec file {path}: not YAML{line}: {what}"]) from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(
            [f"spec file {path}: must hold keys and values like a preset, e.g. {PRESETS / 'digits.yaml'}"]
        )
    return values


def layered(preset: str | None, file: str | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Preset, spec file, flags: each overrides the one before, leaf by leaf."""
    name = "digits" if preset is None and file is None else preset
    values: dict[str, Any] = {}
    if name is not None:
        if name not in presets():
            raise ConfigError([unknown("preset", name, list(presets()))])
        values = read(presets()[name])
    if file is not None:
        values = merge(values, read(Path(file)))
    return merge(values, flags)

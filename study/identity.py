"""What makes two studies the same: a study goes on only as what it was begun as."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path
from typing import Any

import trainables
from study.spec import StudySpec
from trainables.config import PLACE

# What may change when a study goes on: how long and where, not what.
BUDGET = {"search.trials", "search.confirm", "search.confirm_at_most"}
CODE = ("torch", "spikingjelly", "numpy", "optuna")  # packages that decide the bits of a training or a draw

# Of this package what decides which trainings are done; the rest may change while a study waits.
DRAWS = ("space", "samplers", "stopping")
CHOICES = ("agenda", "search", "confirm", "outcome", "front", "objectives", "constraints")


@cache
def code() -> dict[str, str]:
    """Versions of what computes: our own code by its text (12 hex digits), the packages by name."""
    here, training = Path(__file__).parent, Path(trainables.__file__).parent
    drawing = [path for part in DRAWS for path in (here / part).rglob("*.py")]
    drawing += [here / f"{name}.py" for name in CHOICES]
    return {
        "trainables": _digest(training, [*training.rglob("*.py"), *training.rglob("*.c")]),
        "study": _digest(here, drawing),
    } | {name: importlib.metadata.version(name) for name in CODE}


def _digest(root: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def differences(stored: StudySpec, given: StudySpec) -> list[str]:
    """One line for every setting that would make it another study, by the key of the spec file."""
    before, now = _leaves(stored.model_dump(mode="json")), _leaves(given.model_dump(mode="json"))
    place = {f"train.{name}" for name in PLACE}
    return [
        f"{key}: the study has {before.get(key)!r}, given {now.get(key)!r}"
        for key in now
        if now[key] != before.get(key) and key not in BUDGET | place and not key.startswith("resources.")
    ]


def other_code(stored: dict[str, str]) -> list[str]:
    """One line for everything that computes and has changed since the study began."""
    return [
        f"{name}: the study was begun with {stored.get(name, 'none')}, this is {version}"
        for name, version in code().items()
        if stored.get(name) != version
    ]


def _leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested groups as one mapping with dotted keys; a mapping that is itself a value stays whole."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and not prefix and key != "name":
            found |= _leaves(value, f"{key}.")
        else:
            found[prefix + key] = value
    return found

"""A user's own space: a function by import path that replaces the built-in one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import optuna

from study.space.vary import COMMON
from trainables.config import TrainConfig
from trainables.errors import ConfigError, said, unknown
from trainables.imports import find, whose


def call(path: str, trial: optuna.trial.BaseTrial, base: TrainConfig) -> dict[str, Any]:
    """Fields of ``TrainConfig`` that ``name(trial, base)`` returns; their values are not checked here.

    All that the function chooses it must suggest through the trial, by Optuna's define-by-run methods: equal
    answers of the trial, equal fields. The module is looked for where Python does and then in the current
    folder. ConfigError where it cannot be found, is not callable, fails, or returns anything else.
    """
    function = _found(path)
    try:
        fields = function(trial, base)
    except Exception as error:
        raise ConfigError([f"function {path}: failed: {said(error)}"]) from error
    if not isinstance(fields, Mapping):
        rule = "must return a mapping of training fields to values"
        raise ConfigError([f"function {path}: returned a {type(fields).__name__}; {rule}"])
    known = [name for name in TrainConfig.model_fields if name not in COMMON]
    problems = [f"cannot set {name!r}, {COMMON[name]}" for name in fields if name in COMMON]
    strays = [str(name) for name in fields if name not in TrainConfig.model_fields]
    problems += [f"returned an {unknown('field', name, known)}" for name in strays]
    if problems:
        raise ConfigError([f"function {path}: {problem}" for problem in problems])
    return dict(fields)


def source(path: str) -> str:
    """Text of the module that holds the function; empty where it has no file of its own."""
    _found(path)
    file = getattr(sys.modules[path.partition(":")[0]], "__file__", None)
    return Path(file).read_text(errors="replace") if file else ""


def _found(path: str) -> Callable[[optuna.trial.BaseTrial, TrainConfig], Any]:
    """The function; ConfigError where it is none of the user's own: a stranger's study.json may name any.

    Of Python's own modules not even the import is tried: some do something then.
    """
    must = "must be a function name(trial, base) of your own"
    if path.partition(":")[0].partition(".")[0] in sys.stdlib_module_names:
        raise ConfigError([f"function {path}: belongs to Python's own library; {must}"])
    function = find("function", path)
    if not callable(function):
        raise ConfigError([f"function {path}: is a {type(function).__name__}; {must}"])
    if owner := whose(function):
        raise ConfigError([f"function {path}: belongs to {owner}; {must}"])
    return cast(Callable[[optuna.trial.BaseTrial, TrainConfig], Any], function)

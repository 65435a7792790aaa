"""Command-line flags from a typed model: one flag per field, help text and default from the field.

Two libraries were tried for this. tyro stops at the first bad value and checks it apart from the model's
own rules; pydantic-settings collects everything but ends in a traceback when a list is misspelled. So
argparse only splits the line here, all values go to the model as text, and the model's one validation
reports all problems of flags and file together.
"""

from __future__ import annotations

import argparse
import json
from types import NoneType, UnionType
from typing import Any, NoReturn, get_args, get_origin

from pydantic import BaseModel

from trainables.errors import ConfigError, unknown


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError([message])


def parser(program: str, description: str, model: type[BaseModel]) -> argparse.ArgumentParser:
    """A parser with a flag for every leaf field of ``model``; callers may add flags of their own."""
    result = _Parser(prog=program, description=description, allow_abbrev=False)
    _add(result, result, model, "")
    return result


def _add(root: argparse.ArgumentParser, group: Any, model: type[BaseModel], prefix: str) -> None:
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = root.add_argument_group(name, field.description)
            _add(root, inner, kind, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        if isinstance(kind, UnionType):  # an optional field
            kind = next(one for one in get_args(kind) if one is not NoneType)
        help_text = f"{field.description} (default: {shown})".replace("%", "%%")
        options: dict[str, Any] = {"dest": prefix + name, "default": argparse.SUPPRESS, "help": help_text}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif get_origin(kind) is tuple:
            options |= {"type": _entries, "metavar": "A,B,..."}
        else:
            options["metavar"] = getattr(kind, "__name__", "VALUE").upper()
        group.add_argument("--" + name.replace("_", "-"), **options)


def _entries(text: str) -> list[str]:
    """The list that ``A,B`` stands for; an empty text is an empty list."""
    return text.split(",") if text else []


def from_json(value: Any, example: str) -> Any:
    """The value that a flag's text stands for; what a file gave is a value already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"got {value!r}, must be JSON such as {example}") from None


def parse(
    source: argparse.ArgumentParser, argv: list[str]
) -> tuple[argparse.Namespace, dict[str, Any], list[str]]:
    """The flags in ``argv``: those of the program itself, the model's as nested values, and problems."""
    given, strays = source.parse_known_args(argv)
    model_flags = {action.dest for action in source._actions if action.default is argparse.SUPPRESS}
    values: dict[str, Any] = {}
    for dest in [dest for dest in vars(given) if dest in model_flags]:
        *path, leaf = dest.split(".")
        at = values
        for part in path:
            at = at.setdefault(part, {})
        at[leaf] = getattr(given, dest)
    known = [option for action in source._actions for option in action.option_strings if option[:2] == "--"]
    flags = [stray.split("=")[0] for stray in strays if stray.startswith("--")]
    problems = [unknown("flag", flag, known) for flag in flags]
    if strays and not flags:
        problems = [f"unexpected words: {' '.join(strays)}; every value needs its --flag before it"]
    return given, values, problems


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries, ``over`` winning leaf by leaf."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged

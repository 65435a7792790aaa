"""mapping.toml: what the columns or tags of foreign results mean. All of it is optional."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.foreign.table import Problems

FILE = "mapping.toml"
SCALES = {
    "fraction": "as it is, 0 to 1",
    "percent": "0 to 100",
    "remaining": "what is left or wrong: 1 - x",
    "remaining percent": "what is left or wrong in percent: 1 - x / 100",
}


@dataclass(frozen=True)
class Rules:
    """How to read foreign results.

    columns: our name -> theirs (a column or a TensorBoard tag). scale: accuracy or sparsity column -> one of
    `SCALES`. run: regular expression for run names, its named groups become columns. metrics: columns that
    change from epoch to epoch and are no parameters. steps_per_epoch: TensorBoard steps to an epoch.
    format, source: which reader, and which file beside mapping.toml. name, data, network: for the page.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    metrics: tuple[str, ...] = ()
    steps_per_epoch: int = 1
    delimiter: str = ","
    format: str = ""
    source: str = ""
    name: str = ""
    data: str = ""
    network: str = ""
    accuracy_floor: float = 0.0

    def scale_of(self, column: str) -> str:
        """The scale of a column: its own, else that of its kind ('accuracy' of 'accuracy_val')."""
        kind = column.partition("_")[0]
        return self.scale.get(column) or self.scale.get(kind) or "fraction"


_TEXTS = ("run", "delimiter", "format", "source", "name", "data", "network")


def rules(file: Path, formats: Iterable[str]) -> Rules:
    """Reads mapping.toml. Raises `Problems` with all that is wrong in it."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problems([f"{file.name} cannot be read ({error})"]) from None
    problems: list[str] = []
    known = sorted(Rules.__dataclass_fields__)
    for key in given:
        if key not in known:
            problems.append(f"{file.name} has an entry {key!r}{nearest(key, known)}")
    values: dict[str, Any] = {key: given[key] for key in known if key in given}
    for key in _TEXTS:
        if not isinstance(values.get(key, ""), str):
            problems.append(f"{file.name}: {key} = {values[key]!r} must be text")
    problems += _columns(file.name, values)
    problems += _scale(file.name, values)
    problems += _others(file.name, values, sorted(formats))
    if problems:
        raise Problems(problems)
    return Rules(**values)


def _columns(name: str, values: dict[str, Any]) -> list[str]:
    columns, metrics = values.get("columns", {}), values.get("metrics", [])
    problems = []
    if not (isinstance(columns, dict) and all(isinstance(theirs, str) for theirs in columns.values())):
        problems.append(f"{name}: columns must be a table of our name = 'their name'")
    if not (isinstance(metrics, list) and all(isinstance(item, str) for item in metrics)):
        problems.append(f"{name}: metrics = {metrics!r} must be a list of column names")
    else:
        values["metrics"] = tuple(metrics)
    return problems


def _scale(name: str, values: dict[str, Any]) -> list[str]:
    given = values.get("scale", {})
    scale = {"accuracy": given, "sparsity": given} if isinstance(given, str) else given
    if not isinstance(scale, dict):
        return [
            f"{name}: scale = {given!r} must be one of {', '.join(SCALES)}, or a table of those by column"
        ]
    problems = []
    for column, kind in scale.items():
        if not column.startswith(("accuracy", "sparsity")):
            problems.append(f"{name}: scale of {column!r}; only accuracy and sparsity have one")
        if kind not in SCALES:
            problems.append(f"{name}: scale {kind!r} of {column}{nearest(str(kind), list(SCALES))}")
    values["scale"] = scale
    return problems


def _others(name: str, values: dict[str, Any], formats: list[str]) -> list[str]:
    problems = []
    steps, floor = values.get("steps_per_epoch", 1), values.get("accuracy_floor", 0.0)
    if type(steps) is not int or steps < 1:
        problems.append(f"{name}: steps_per_epoch = {steps!r} must be a whole number from 1")
    if type(floor) not in (int, float) or not 0 <= floor <= 1:
        problems.append(f"{name}: accuracy_floor = {floor!r} must be a fraction in [0, 1]")
    if len(str(values.get("delimiter", ","))) != 1:
        problems.append(f"{name}: delimiter = {values['delimiter']!r} must be one character")
    kind = values.get("format", "")
    if kind and kind not in formats:
        problems.append(f"{name}: format {kind!r}{nearest(str(kind), formats)}")
    try:
        re.compile(str(values.get("run", "")))
    except re.error as error:
        problems.append(f"{name}: run = {values['run']!r} is no regular expression ({error})")
    return problems


def nearest(given: str, known: list[str]) -> str:
    """'; did you mean ...?' or '; known are ...'."""
    close = difflib.get_close_matches(given, known, 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"

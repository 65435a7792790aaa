"""The parameters that a search varied as columns of numbers: choices too, and what some trials lack."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.text import RATIO, finite, number, short
from analysis.theme import label

MOST_CHOICES, FEW_VALUES, WIDE = 12, 4, 10.0
OTHER = "other"


@dataclass(frozen=True)
class Parameter:
    """One searched dimension of n trials.

    `values` [n]: the number, or the index of the choice in `choices`; NaN where a trial has no such
    parameter. `choices`: what people read, empty for a number.
    """

    name: str
    label: str
    values: NDArray[np.float64]
    choices: tuple[str, ...] = ()

    @property
    def log(self) -> bool:
        """Whether a log axis shows it better: over `WIDE`-fold, and its median nearer to the middle there."""
        known = self.values[np.isfinite(self.values)]
        if self.choices or not len(known) or not known.min() > 0 or known.max() < WIDE * known.min():
            return False
        plain, logs = (_place(np.median(scale), scale) for scale in (known, np.log(known)))
        return abs(logs - 0.5) < abs(plain - 0.5)

    def shown(self, value: float) -> str:
        """One of its values as text."""
        if not np.isfinite(value):
            return "none"
        return self.choices[int(value)] if self.choices else number(float(value))


def _place(value: Any, scale: NDArray[np.float64]) -> float:
    return float((value - scale.min()) / np.ptp(scale))


def parameters(trials: pd.DataFrame) -> list[Parameter]:
    """The parameters of these trials that differ between some of them, by name.

    `final_threshold` is shown as D / sum(lr), whatever its unit was; a list becomes one parameter per place.
    What is a number everywhere stays one, unless it takes at most `FEW_VALUES` values; anything else is a
    choice, by its text, and what is rarer than the `MOST_CHOICES` - 1 most frequent becomes `OTHER`.
    """
    flat: dict[str, dict[int, Any]] = {}
    for at, (params, ratio) in enumerate(zip(trials["params"], trials["threshold_ratio"], strict=True)):
        for name, value in _flat(params):
            is_ratio = name == "final_threshold" and finite(ratio)
            flat.setdefault(name, {})[at] = float(ratio) if is_ratio else value
    made = (_parameter(name, found, len(trials)) for name, found in sorted(flat.items()))
    return [parameter for parameter in made if parameter is not None]


def _flat(params: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, list) and 1 < len(value) <= MOST_CHOICES and all(map(finite, value)):
            yield from ((f"{name} {place}", part) for place, part in enumerate(value, 1))
        else:
            yield name, value


def _parameter(name: str, found: Mapping[int, Any], n: int) -> Parameter | None:
    values, shown = np.full(n, np.nan), _label(name)
    numeric = all(finite(value) for value in found.values())
    distinct = {float(value) if numeric else _text(value) for value in found.values()}
    if len(distinct) < 2:
        return None
    if numeric and len(distinct) > FEW_VALUES:
        values[list(found)] = [float(value) for value in found.values()]
        return Parameter(name, shown, values)
    if numeric:
        steps = sorted(distinct)
        values[list(found)] = [steps.index(float(value)) for value in found.values()]
        return Parameter(name, shown, values, tuple(number(step) for step in steps))
    texts = {at: _text(value) for at, value in found.items()}
    counted = Counter(texts.values())
    kept = sorted(counted, key=lambda text: (-counted[text], text))
    if len(kept) > MOST_CHOICES:
        kept = [*kept[: MOST_CHOICES - 1], OTHER]
    place = {text: at for at, text in enumerate(kept)}
    values[list(texts)] = [place.get(text, len(kept) - 1) for text in texts.values()]
    named = (label(text) if name == "scheduler" else text for text in kept)
    return Parameter(name, shown, values, tuple(short(text, 28) for text in named))


def _label(name: str) -> str:
    words = {"final_threshold": RATIO, "scheduler": "Schedule"}
    plain = name.replace("_", " ")
    return words.get(name, short(plain[:1].upper() + plain[1:], 40))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)

"""What a result must keep, in a spec's words: ``METRIC <= NUMBER``, ``METRIC >= NUMBER``, ``fits: CHIP``.

Every constraint measures how far a row violates it, for samplers that learn from the size: at most 0 where it
is kept; about 0.1 where a count is 10 % too large or a fraction 0.1 too low, whatever the metric, so that
violations can be added up. Finite always: a metric that is missing counts as ``MISSING``, and no violation
is beyond +-``LARGEST`` (a Gaussian process cannot fit infinities).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from trainables.cost.chips import CHIPS, Chip
from trainables.errors import unknown
from trainables.metrics import METRICS

ALIASES = {"accuracy": "accuracy_val", "sparsity": "sparsity_params"}
MISSING = 1.0  # as if a count were e times its limit
LARGEST = 7.0  # a factor of 1000
SMALLEST = 1e-9  # of what is violated by less than arithmetic can tell

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bound:
    """``metric <= limit`` or ``metric >= limit``."""

    metric: str
    sense: Literal["<=", ">="]
    limit: float

    def __str__(self) -> str:
        short = f"{self.limit:g}"
        return f"{self.metric} {self.sense} {short if float(short) == self.limit else repr(self.limit)}"

    def violation(self, row: Row) -> float:
        """log(value / limit) of positive quantities, value - limit of fractions; with ``>=`` the negative."""
        value = number(row, self.metric)
        if value is None:
            return MISSING
        sign = 1.0 if self.sense == "<=" else -1.0
        if METRICS[self.metric].unit.startswith("fraction") or self.limit <= 0:
            excess = value - self.limit
        else:
            excess = math.log(value / self.limit) if value / self.limit > 0 else -LARGEST
        return _graded(sign * excess, violated=sign * value > sign * self.limit)


@dataclass(frozen=True)
class Fits:
    """The network without its dead neurons fits on one chip, as ``trainables.cost.fits`` finds."""

    chip: Chip

    def __str__(self) -> str:
        return f"fits: {self.chip.name}"

    def violation(self, row: Row) -> float:
        """max over the chip's limits of log(need / limit). A row whose ``chips`` lack this one although no
        limit that it shows is exceeded (stored weights are not in a row) counts as ``MISSING``.
        """
        if not isinstance(row.get("chips"), list):
            return MISSING
        fits = self.chip.label in row["chips"]
        needs = {
            "neurons": "neurons_live",
            "synapses": "synapses_live",
            "fan_in": "fan_in",
            "fan_out": "fan_out",
        }
        excess = -LARGEST
        for limit, metric in needs.items():
            most, need = getattr(self.chip.limits, limit), number(row, metric)
            if most is not None and need:
                excess = max(excess, math.log(need / most))
        if not fits and excess <= 0:
            return MISSING
        return _graded(excess, violated=not fits)


Constraint = Bound | Fits


def parsed(text: str) -> Constraint:
    """The constraint that ``text`` states; ValueError with one line that says what is wrong with it."""
    words = text.strip()
    if found := re.fullmatch(r"fits\s*:\s*(.*)", words, re.IGNORECASE):
        chips = {chip.name.lower(): chip for chip in CHIPS}
        name = " ".join(found[1].lower().split())
        if name not in chips:
            near = get_close_matches(name, chips, n=1)
            hint = f"did you mean {chips[near[0]].name!r}? " if near else ""
            raise ValueError(f"{text!r}: unknown chip: {hint}known: {', '.join(chip.name for chip in CHIPS)}")
        return Fits(chips[name])
    if (found := re.fullmatch(r"(\w+)\s*(<=|>=)\s*(\S+)", words)) is None:
        raise ValueError(
            f"{text!r}: must be 'METRIC <= NUMBER', 'METRIC >= NUMBER' or 'fits: CHIP'{_repaired(words)}"
        )
    name, sense, limit = ALIASES.get(found[1].lower(), found[1].lower()), found[2], found[3]
    try:
        metric = named(name)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    try:
        value = float(limit)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r}: {limit!r} is not a number such as 0.95 or 1.3e8")
    if METRICS[metric].unit == "fraction" and not 0 <= value <= 1:
        nearest = min(max(value / 100 if 1 < value <= 100 else value, 0.0), 1.0)
        raise ValueError(
            f"{text!r}: {metric} is a fraction from 0 to 1; nearest valid: {metric} {sense} {nearest:g}"
        )
    return Bound(metric, "<=" if sense == "<=" else ">=", value)


def contradictions(constraints: list[Constraint]) -> list[str]:
    """One line for each pair of bounds that no number meets."""
    bounds = [constraint for constraint in constraints if isinstance(constraint, Bound)]
    return [
        f"'{low}' and '{high}' exclude each other: nothing can keep both"
        for low in bounds
        for high in bounds
        if low.metric == high.metric and low.sense == ">=" and high.sense == "<=" and low.limit > high.limit
    ]


def named(name: str) -> str:
    """``name`` if a run yields one number of that name in every epoch; else ValueError with the nearest."""
    known = [other for other, metric in METRICS.items() if metric.per is None]
    name = ALIASES.get(name, name)
    if name == "accuracy_test":
        raise ValueError(
            "accuracy_test is read after the search, for its front alone; nearest: 'accuracy_val'"
        )
    if name == "chips":
        raise ValueError("chips is a list of names; a constraint on one is 'fits: Loihi'")
    if name in METRICS and METRICS[name].per is not None:
        whole = name.removeprefix("layer_").removeprefix("node_")
        raise ValueError(f"{name} is one number for each {METRICS[name].per}; nearest: {whole!r}")
    if name not in known:
        raise ValueError(unknown("metric", name, [n for n in known if n not in ("accuracy_test", "chips")]))
    return name


def number(row: Row, name: str) -> float | None:
    """The finite number of that name in the row, if there is one."""
    value = row.get(name)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


def _graded(excess: float, *, violated: bool) -> float:
    """``excess`` within its limits, and on the side of 0 that an exact comparison says."""
    return min(max(excess, SMALLEST), LARGEST) if violated else max(min(excess, 0.0), -LARGEST)


def _repaired(words: str) -> str:
    """What somebody who wrote ``<``, ``=<`` or ``≤`` means."""
    found = re.fullmatch(r"(\w+)\s*(<|=<|≤|>|=>|≥)\s*(\S+)", words)
    if found is None:
        return ""
    return f"; nearest valid: {found[1]} {'<=' if found[2] in '=<≤' else '>='} {found[3]}"

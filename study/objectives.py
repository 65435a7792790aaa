"""What a search is for: two or three metrics, and what a result must keep to count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from study.constraints import Bound, Constraint, Row, contradictions, named, number, parsed
from trainables.errors import ConfigError
from trainables.metrics import METRICS, Direction

FLOOR = "accuracy_floor"  # the name of the floor among the violations


def read_names(names: Sequence[str]) -> tuple[str, ...]:
    """The metrics that ``names`` mean, aliases resolved; ConfigError with all that is wrong with them.

    Two or three different ones, each a number that every epoch yields and that has a better and a worse.
    """
    problems, found = [], []
    for name in names:
        try:
            metric = named(name.strip())
        except ValueError as error:
            problems.append(str(error))
            continue
        if METRICS[metric].direction is None:
            usable = [name for name in METRICS if _usable(name)]
            problems.append(
                f"{metric} has no better or worse, so it is no objective; known: {', '.join(usable)}"
            )
        elif metric in found:
            problems.append(f"{metric} is named twice")
        found.append(metric)
    if not 2 <= len(names) <= 3:
        problems.append(
            f"got {len(names)} ({', '.join(names)}), must be two or three; e.g. accuracy_val,sparsity_params"
        )
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def read_constraints(texts: Sequence[str]) -> tuple[Constraint, ...]:
    """The constraints that ``texts`` state, each once; ConfigError with all that is wrong with them."""
    problems: list[str] = []
    found: list[Constraint] = []
    for text in texts:
        try:
            found.append(parsed(text))
        except ValueError as error:
            problems.append(str(error))
    problems += contradictions(found)
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(found))


class Objectives:
    """Reads objective values and violations from a row. ConfigError with everything wrong with its words.

    ``names``: metrics, two or three. ``constraints``: as in a spec. ``floor``: validation accuracy below
    which a result has collapsed and is infeasible, whatever else it reaches.
    """

    def __init__(self, names: Sequence[str], constraints: Sequence[str] = (), floor: float = 0.0) -> None:
        problems: list[str] = []
        try:
            self.names = read_names(names)
        except ConfigError as error:
            problems += error.problems
        try:
            self.constraints = read_constraints(constraints)
        except ConfigError as error:
            problems += error.problems
        if problems:
            raise ConfigError(problems)
        self.floor = Bound("accuracy_val", ">=", floor)

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """Of every objective."""
        return tuple(METRICS[name].direction or "maximize" for name in self.names)

    def values(self, row: Row) -> dict[str, float] | None:
        """Every objective's value; None when one is missing or not finite."""
        found = {name: number(row, name) for name in self.names}
        return None if None in found.values() else {name: v for name, v in found.items() if v is not None}

    def violations(self, row: Row) -> dict[str, float]:
        """How far the row violates the floor and each constraint, by name; at most 0: kept. Always finite.

        Always the same names in the same order, as Optuna's Gaussian process demands.
        """
        return {FLOOR: self.floor.violation(row)} | {str(one): one.violation(row) for one in self.constraints}

    def feasible(self, row: Row) -> bool:
        """Whether the row keeps everything."""
        return max(self.violations(row).values()) <= 0


def _usable(name: str) -> bool:
    metric = METRICS[name]
    return metric.direction is not None and metric.per is None and name != "accuracy_test"

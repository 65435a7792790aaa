"""The completed trials of a search with their parameters, as slices and parallel coordinates draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.outcome import Outcome
from analysis.parameters import Parameter
from analysis.results import Study
from analysis.text import number

COMPLETED = ("front", "dominated", "infeasible", "below floor")


@dataclass(frozen=True)
class Quantity:
    """One objective of n trials: `values` [n] as they are drawn, fractions in percent."""

    label: str
    values: NDArray[np.float64]
    suffix: str

    def shown(self, value: float) -> str:
        """One of its values as text."""
        return f"{number(float(value), 4)}{self.suffix}"


@dataclass(frozen=True, eq=False)
class SearchedInfo:
    """`drawn` of `total` trials: numbers, schedules and front membership [n], parameters, objectives."""

    numbers: NDArray[np.int64]
    schedulers: tuple[str, ...]
    front: NDArray[np.bool_]
    parameters: tuple[Parameter, ...]
    objectives: tuple[Quantity, ...]
    total: int

    @property
    def columns(self) -> tuple[Parameter | Quantity, ...]:
        """Parameters, then objectives."""
        return (*self.parameters, *self.objectives)

    @property
    def drawn(self) -> int:
        """How many trials are shown."""
        return len(self.numbers)


def searched_info(study: Study, outcome: Outcome, wanted: Sequence[Parameter], most: int) -> SearchedInfo:
    """At most `most` of the completed search trials: the front, and of the others every so-many-th.

    `wanted`: parameters over `outcome`'s completed and stopped search trials, in their order of rows.
    """
    rows = outcome.of(*COMPLETED, "stopped")
    rows = rows[rows["kind"] == "search"]
    completed = rows["outcome"].isin(COMPLETED).to_numpy()
    front = (rows["outcome"] == "front").to_numpy()
    chosen = np.sort(
        np.concatenate([_even(np.flatnonzero(front), most // 2), _others(completed, front, most)])
    )
    shown = rows.iloc[chosen]
    parts = [Parameter(p.name, p.label, p.values[chosen], p.choices) for p in wanted]
    return SearchedInfo(
        numbers=shown["number"].to_numpy(dtype=np.int64),
        schedulers=tuple(shown["scheduler"]),
        front=front[chosen],
        parameters=tuple(parts),
        objectives=tuple(_quantity(study, name, shown) for name in study.objectives),
        total=int(completed.sum()),
    )


def _others(completed: NDArray[np.bool_], front: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    room = most - min(int(front.sum()), most // 2)
    return _even(np.flatnonzero(completed & ~front), room)


def _even(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of them, evenly spread, the first and the last among them."""
    if len(places) <= most:
        return places
    chosen = np.linspace(0, len(places) - 1, most).round().astype(np.int64)
    return np.asarray(places[chosen], dtype=np.int64)


def _quantity(study: Study, name: str, rows: pd.DataFrame) -> Quantity:
    fraction = study.unit(name) == "fraction"
    values = rows[name].to_numpy(dtype=float) * (100.0 if fraction else 1.0)
    return Quantity(study.label(name), values, " %" if fraction else "")

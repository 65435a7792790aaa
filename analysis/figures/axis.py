"""The horizontal axes of the front: what they measure, how they scale it, where they end and tick."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np

from analysis.text import plotly_text

# Metrics that can be the horizontal axis, with what a button calls them; the study's own comes first.
METRICS = {
    "sparsity_params": "Parameters",
    "sparsity_synapses": "Synapses",
    "synops": "Operations",
    "energy_nj": "Energy",
    "sparsity_params_live": "Live parameters",
    "sparsity_synapses_live": "Live synapses",
}
COUNTED = ("synops", "energy_nj")  # no fractions: shown on a log axis, where they are what remains
# Bases of the ticks of a log axis, from few to many in a decade.
_BASES = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9))


@dataclass(frozen=True)
class Axis:
    """How a metric becomes the x of the plot; the sparser and cheaper, the further to the right.

    A sparsity (fraction in [0, 1]) is shown in percent, or on a log axis as what remains, 100 (1 - sparsity).
    A count or an energy (`counted`) is shown on a log axis: in percent of `whole`, the dense network's value,
    or as it is where that is unknown (NaN). `left`, `right`: ends of the axis in the shown unit.
    """

    metric: str
    title: str
    left: float
    right: float
    log: bool = False
    counted: bool = False
    whole: float = float("nan")

    @property
    def percent(self) -> bool:
        """True where x is in percent."""
        return not self.counted or math.isfinite(self.whole)

    def x(self, value: float) -> float:
        """The metric's value -> x; on a log axis nothing lies beyond the right end. NaN stays NaN."""
        shown = shown_unit(value, self.log, self.counted, self.whole)
        return max(shown, self.right) if self.log and not math.isnan(shown) else shown

    @property
    def range(self) -> tuple[float, float]:
        """Plotly's range: exponents of ten on a log axis, which runs from much to little."""
        return (math.log10(self.left), math.log10(self.right)) if self.log else (self.left, self.right)

    def place(self, value: float) -> float:
        """Position along the axis as a fraction [0, 1] of its length; NaN for NaN."""
        left, right = self.range
        x = self.x(value)
        return ((math.log10(x) if self.log else x) - left) / (right - left)

    def layout(self, note: str = "", width: int = 100) -> dict[str, Any]:
        """Plotly's axis; `note` stands small below the title; lines have `width` characters at most."""
        title = "<br>".join(plotly_text(line) for line in wrap(self.title, width))
        if note:
            lines = "<br>".join(plotly_text(line) for line in wrap(note, int(1.2 * width)))
            title += f'<br><span style="font-size:11px">{lines}</span>'
        shown: dict[str, Any] = {"range": self.range, "title": {"text": title}}
        if not self.log:
            return shown | {"ticksuffix": " %", "type": "linear"}
        at = ticks(self.right, self.left)
        suffix = " %" if self.percent else ""
        words = [f"{tick:.12g}{suffix}" if tick < 1e4 else f"{tick:,.0f}{suffix}" for tick in at]
        return shown | {"type": "log", "tickvals": at, "ticktext": words}


def shown_unit(value: float, log: bool, counted: bool, whole: float) -> float:
    """A metric's value in the unit of the axis: percent, or what it counts."""
    if counted:
        return 100 * value / whole if math.isfinite(whole) else value
    return 100 * (1 - value) if log else 100 * value


def ticks(low: float, high: float, least: int = 5) -> list[float]:
    """Round numbers in [low, high] for a log axis, falling: the fewest bases a decade that give `least`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for bases in _BASES:
        found = sorted((base * 10.0**power for power in decades for base in bases), reverse=True)
        found = [tick for tick in found if low * 0.999999 <= tick <= high * 1.000001]
        if len(found) >= least:
            break
    return found


def axis(metric: str, title: str, values: Iterable[float], log: bool, counted: bool, whole: float) -> Axis:
    """An axis that holds `values` of the metric (NaN do not count) and a little more.

    The plain axis of a sparsity ends at 100 %. A log axis ends a little right of the least positive value.
    """
    shown = np.array([shown_unit(value, log, counted, whole) for value in values], dtype=float)
    shown = shown[np.isfinite(shown)]
    if not log:
        left = float(shown.min()) if len(shown) else 0.0
        return Axis(metric, title, 100 * max(0.0, math.floor(20 * (left / 100 - 0.01)) / 20), 101.0)
    shown = shown[shown > 0]
    most, least = (float(shown.max()), float(shown.min())) if len(shown) else (100.0, 1.0)
    left = most * 1.1 if counted and not math.isfinite(whole) else min(100.0, most * 1.1)
    left = max(left, most)
    return Axis(metric, title, left, min(least * 0.75, left / 2), log, counted, whole)


def offered(columns: Sequence[str], sparsity: str) -> list[str]:
    """The metrics of `columns` that become axes, `sparsity` (the study's own) first."""
    return [sparsity, *(name for name in METRICS if name in columns and name != sparsity)]

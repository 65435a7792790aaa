"""The horizontal axis of the front: sparsity as it is, or what remains of the network on a log axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from analysis.text import plotly_text


@dataclass(frozen=True)
class Axis:
    """How sparsity becomes the x of the plot: as it is, or as what remains, on a log axis."""

    log: bool
    low: float
    title: str
    smallest: float = 1e-4

    def x(self, sparsity: float) -> float:
        """Sparsity (fraction) -> x in percent."""
        return 100 * max(1 - sparsity, self.smallest) if self.log else 100 * sparsity

    @property
    def range(self) -> tuple[float, float]:
        """Plotly's range: exponents of ten on the log axis, which runs from much to little."""
        if self.log:
            return math.log10(min(100.0, self.x(self.low) * 1.06)), math.log10(100 * self.smallest)
        return 100 * self.low, 101.0

    def place(self, sparsity: float) -> float:
        """Position along the axis as a fraction [0, 1] of its length."""
        left, right = self.range
        x = math.log10(self.x(sparsity)) if self.log else self.x(sparsity)
        return (x - left) / (right - left)

    def layout(self) -> dict[str, Any]:
        """Plotly's axis with ticks in percent; the log axis ticks at 1, 2 and 5 times powers of ten."""
        if not self.log:
            return {"range": self.range, "ticksuffix": " %", "title": {"text": plotly_text(self.title)}}
        ticks = [base * 10.0**power for power in range(2, -5, -1) for base in (5, 2, 1)]
        left, right = self.range
        ticks = [tick for tick in ticks if right <= math.log10(tick) <= left]
        shown: dict[str, Any] = {
            "type": "log",
            "range": self.range,
            "title": {"text": plotly_text(self.title)},
        }
        return shown | {"tickvals": ticks, "ticktext": [f"{tick:g} %" for tick in ticks]}

"""Sparsity on a horizontal axis, as it is or as what remains on a log axis, for step lines over it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analysis.text import MINUS, plotly_text


@dataclass(frozen=True)
class Scale:
    """Sparsity (fraction) to percent, or with `log` to what remains, 1 - sparsity, much of it on the left.

    `low`, `high`: the least and the most sparsity that the axis shows; `high` is below 1 on the log axis.
    """

    low: float
    high: float
    log: bool = False

    def x(self, sparsity: float) -> float:
        """Where a sparsity sits, in percent; beyond the ends on the end."""
        inside = min(max(sparsity, self.low), self.high)
        return 100 * (1 - inside) if self.log else 100 * inside

    def layout(self, title: str) -> dict[str, Any]:
        """Plotly's axis. The log axis ticks at 1, 2 and 5 times powers of ten."""
        if not self.log:
            return {
                "range": [100 * self.low, 100 * self.high], "ticksuffix": " %",
                "title": {"text": plotly_text(title)},
            }  # fmt: skip
        left, right = (math.log10(self.x(end)) for end in (self.low, self.high))
        ticks = [base * 10.0**power for power in range(2, -5, -1) for base in (5, 2, 1)]
        ticks = [tick for tick in ticks if right <= math.log10(tick) <= left]
        return {
            "type": "log", "range": [left, right], "tickvals": ticks,
            "ticktext": [f"{tick:g} %" for tick in ticks],
            "title": {"text": f"1 {MINUS} {plotly_text(title[:1].lower() + title[1:])}, log axis"},
        }  # fmt: skip

    def axes(self, title: str, low: float, high: float, y_title: str) -> dict[str, Any]:
        """Plotly's two axes: this one, and accuracy (fractions `low` to `high`) in percent."""
        y = {
            "range": [100 * low, 100 * high], "ticksuffix": " %", "title": {"text": plotly_text(y_title)},
        }  # fmt: skip
        return {"xaxis": self.layout(title), "yaxis": y}


def scales(sparsities: Iterable[float]) -> list[tuple[str, Scale]]:
    """The two views over points of these sparsities: button label and scale."""
    known = [value for value in sparsities if math.isfinite(value)]
    low = max(0.0, math.floor(20 * (min(known, default=0.0) - 0.01)) / 20)
    least = min((1 - value for value in known if value < 1), default=0.01)
    # The left end is a step of 5 %; the right one leaves room for a mark.
    return [
        ("Sparsity", Scale(low, 1.0)),
        ("What remains, log", Scale(low, 1 - max(0.7 * least, 1e-5), log=True)),
    ]

"""Small multiples over training progress: one panel per metric above a shared axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis import theme
from analysis.figures.hover import template_text
from analysis.runs import Floats
from analysis.text import number, plotly_text
from analysis.theme import Style

PANEL = 165  # pixels
Metric = tuple[str, str, str | None]  # column, label, unit


@dataclass(frozen=True, eq=False)
class Line:
    """One training in all panels: `u` [epochs] and by metric the values [epochs], NaN where unknown."""

    number: int
    scheduler: str
    reference: bool
    u: Floats
    values: dict[str, Floats]


def height(panels: Sequence[Metric]) -> int:
    """Pixels that the panels want."""
    return 80 + PANEL * len(panels)


def percent(unit: str | None) -> bool:
    """Whether values of this unit are drawn in percent: fractions of whatever."""
    return unit is not None and unit.startswith("fraction")


def figure_of(panels: Sequence[Metric]) -> go.Figure:
    """Empty panels over progress; axes number 1 + i (x, x2, ...; y, y2, ...) belong to panel i."""
    figure = stacked([label for _, label, _ in panels])
    for row, (_, _, unit) in enumerate(panels, 1):
        figure.update_yaxes(ticksuffix=" %" if percent(unit) else "", nticks=5, row=row, col=1)
    figure.update_xaxes(range=[0, 1.005])
    figure.update_xaxes(title={"text": "Training progress u"}, row=len(panels), col=1)
    return figure


def stacked(labels: Sequence[str]) -> go.Figure:
    """Panels of `PANEL` pixels one above the other, on one x, each with its label above it.

    Beside the axis, long names of small panels would run into one another. The first label has its place
    inside the plot: a phone's legend takes all that is above.
    """
    n, gap = len(labels), 0.22 / len(labels)
    figure = make_subplots(rows=n, cols=1, shared_xaxes=True)
    figure.update_layout(template=theme.template())
    tall = (1.0 - 24 / (PANEL * n) - gap * (n - 1)) / n
    for row, label in enumerate(labels, 1):
        low = (n - row) * (tall + gap)
        figure.update_yaxes(domain=[low, low + tall], row=row, col=1)
        figure.add_annotation(
            text=f"<b>{plotly_text(label)}</b>", x=0, xref="paper", xanchor="left", showarrow=False,
            y=low + tall, yref="paper", yanchor="bottom", font={"size": 12, "color": theme.INK},
        )  # fmt: skip
    return figure


def log_axis(low: float, high: float) -> dict[str, Any]:
    """Plotly's log axis from `low` to `high`, both above 0, with a little room.

    Ticks at 1, 2 and 5 times powers of ten, beyond two decades at the powers: plotly's own choice leaves
    less than a decade without any.
    """
    first, last = float(np.log10(low)), float(np.log10(high))
    pad = 0.08 * max(last - first, 0.5)
    bases = (1,) if last - first > 2 else (1, 2, 5)
    ticks = [base * 10.0**power for power in range(-9, 16) for base in bases]
    shown = [tick for tick in ticks if first - pad <= np.log10(tick) <= last + pad]
    return {
        "type": "log", "range": [first - pad, last + pad], "tickvals": shown,
        "ticktext": [number(tick) for tick in shown],
    }  # fmt: skip


def add_line(
    figure: go.Figure, line: Line, panels: Sequence[Metric], style: Style, named: bool, bold: bool
) -> None:
    """One trace per panel; arms thin, `bold` thick. `named`: the legend tells it."""
    arm = ", arm" if line.reference and line.scheduler != "dense" else ""
    width = 3.2 if bold else 1.1 if line.reference and line.scheduler != "dense" else 1.9
    who = f"<b>trial {line.number}</b><br>"  # plotly sets the trace's name beside it
    for row, (name, label, unit) in enumerate(panels, 1):
        scaled = (100.0 if percent(unit) else 1.0) * line.values[name]
        shown = "%{y:.1f} %" if percent(unit) else "%{y:.3g}"
        figure.add_scatter(
            x=line.u.tolist(), y=numbers(scaled), mode="lines",
            line={"color": style.color, "width": width, "dash": style.dash},
            opacity=1.0 if bold or line.reference else 0.75,
            name=plotly_text(style.label) + arm, legendgroup=plotly_text(line.scheduler) + arm,
            showlegend=named and row == 1,
            hovertemplate=f"{who}{template_text(label)} {shown} at u = %{{x:.2f}}",
            row=row, col=1,
        )  # fmt: skip


def add_band(
    figure: go.Figure, u: Floats, quartiles: Floats, row: int, style: Style, named: bool, told: str, unit: str
) -> None:
    """A median line [:, 1] within the quartiles [:, 0] and [:, 2] of a group: two traces."""
    keep = np.isfinite(quartiles).all(axis=1)
    at, low, middle, high = u[keep], *(quartiles[keep].T)
    shared: dict[str, Any] = {"legendgroup": plotly_text(style.label), "row": row, "col": 1}
    figure.add_scatter(
        x=[*at.tolist(), *at[::-1].tolist()], y=[*low.tolist(), *high[::-1].tolist()], mode="lines",
        fill="toself", fillcolor=style.color, line={"width": 0, "color": style.color}, opacity=0.13,
        hoverinfo="skip", showlegend=False, **shared,
    )  # fmt: skip
    figure.add_scatter(
        x=at.tolist(), y=middle.tolist(), mode="lines", name=plotly_text(style.label), showlegend=named,
        line={"color": style.color, "width": 2.2, "dash": style.dash},
        hovertemplate=f"{told} %{{y:.3g}}{unit} at u = %{{x:.2f}}", **shared,
    )  # fmt: skip


def numbers(values: Floats) -> list[float | None]:
    """Values for a trace; NaN becomes a gap."""
    return [value if value == value else None for value in values.tolist()]

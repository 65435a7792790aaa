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
from analysis.text import plotly_text
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
    """Empty panels; axes number 1 + i (x, x2, ...; y, y2, ...) belong to panel i."""
    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.22 / len(panels))
    figure.update_layout(template=theme.template())
    for row, (_, label, unit) in enumerate(panels, 1):
        suffix = " %" if percent(unit) else ""
        figure.update_yaxes(ticksuffix=suffix, nticks=5, row=row, col=1)
        # Beside the axis, long names of small panels would run into one another.
        axis = "" if row == 1 else str(row)
        figure.add_annotation(
            text=f"<b>{plotly_text(label)}</b>", x=0, xref="paper", xanchor="left", showarrow=False,
            y=1, yref=f"y{axis} domain", yanchor="bottom", font={"size": 12, "color": theme.INK},
        )  # fmt: skip
    figure.update_xaxes(range=[0, 1.005])
    figure.update_xaxes(title={"text": "Training progress u"}, row=len(panels), col=1)
    # One row of names above the first panel's own.
    figure.update_layout(legend={"y": 1.0 + 26 / (PANEL * len(panels))}, margin={"t": 52})
    return figure


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

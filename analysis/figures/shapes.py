"""The threshold schedules f(u) that reached the front, over the named shapes of the reference arms."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.figures.chosen import spread
from analysis.figures.hover import TRIALS, describe
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import plotly_text, short
from analysis.theme import Style

MOST = 40  # lines of the front in one plot
NAMED = 12


@dataclass(frozen=True)
class Shape:
    """One schedule on an even grid of progress: `f` [k + 1] with f[i] at u = i / k; crossing points of f."""

    number: int
    scheduler: str
    name: str
    f: tuple[float, ...]
    start: float
    half: float
    end: float
    hover: str


@dataclass(frozen=True)
class ShapesInfo:
    """Shapes of the front, from least to most sparse, and the distinct named reference shapes.

    `confirmed`: numbers of the front's trials that are on the confirmed front, too. `drawn`: those of the
    front that the figure draws; all, up to `MOST`.
    """

    front: tuple[Shape, ...]
    references: tuple[Shape, ...]
    confirmed: frozenset[int] = frozenset()
    drawn: frozenset[int] = frozenset()


def crossing(f: tuple[float, ...], level: float) -> float:
    """Progress u in [0, 1] at which a rising `f` first reaches `level`, interpolated; 1 if never."""
    grid, values = np.linspace(0.0, 1.0, len(f)), np.maximum.accumulate(np.asarray(f))
    above = np.flatnonzero(values >= level)
    if len(above) == 0:
        return 1.0
    i = int(above[0])
    if i == 0:
        return 0.0
    share = (level - values[i - 1]) / (values[i] - values[i - 1])
    return float(grid[i - 1] + share * (grid[i] - grid[i - 1]))


def shapes_info(study: Study, outcome: Outcome) -> ShapesInfo:
    """Shapes with the progress at which they reach 5, 50 and 95 % of D (growth starts, is half, ends)."""

    def shapes(rows: list[dict[Hashable, Any]]) -> list[Shape]:
        found = []
        for row in rows:
            f = row["shape"]
            if not isinstance(f, tuple) or not np.isfinite(f).all():
                continue
            start, half, end = (crossing(f, level) for level in (0.05, 0.5, 0.95))
            name, scheduler = str(row["name"] or row["scheduler"]), str(row["scheduler"])
            hover = describe(row, study)
            found.append(Shape(int(str(row["number"])), scheduler, name, f, start, half, end, hover))
        return found

    named: dict[tuple[str, tuple[float, ...]], Shape] = {}
    for shape in shapes(outcome.trials[outcome.trials["kind"] == "reference"].to_dict("records")):
        named.setdefault((shape.name, shape.f), shape)
    front = tuple(shapes(outcome.front.to_dict("records")))
    numbers = [shape.number for shape in front]
    confirmed = frozenset(outcome.confirmed_front) & frozenset(numbers)
    drawn = frozenset(spread(numbers, MOST, confirmed))
    return ShapesInfo(front, tuple(named.values())[:NAMED], confirmed, drawn)


def draw_shapes(info: ShapesInfo, styles: dict[str, Style]) -> go.Figure:
    """Front shapes as coloured lines, confirmed ones bold; reference shapes grey, named beside the line.

    The dots, where a shape has reached half of D, are what a reader can pick a trial by: a line crosses
    the others.
    """
    figure = go.Figure(layout={"template": theme.template()})
    for i, shape in enumerate(info.references):
        u = np.linspace(0.0, 1.0, len(shape.f)).tolist()
        line = {"color": theme.FAINT, "width": 1.2, "dash": styles[shape.scheduler].dash}
        figure.add_scatter(x=u, y=shape.f, mode="lines", line=line, hoverinfo="skip", showlegend=False)
        level = 0.9 - 0.12 * (i % 6)  # names at different heights keep apart where lines run together
        figure.add_annotation(
            x=crossing(shape.f, level), y=level, showarrow=False,
            text=plotly_text(short(theme.label(shape.name), 24)),
            bgcolor=theme.PAPER, font={"size": 11, "color": theme.SOFT},
        )  # fmt: skip
    seen: set[str] = set()
    front = [shape for shape in info.front if shape.number in info.drawn]
    for shape in sorted(front, key=lambda shape: shape.number in info.confirmed):
        style, bold = styles[shape.scheduler], shape.number in info.confirmed
        figure.add_scatter(
            x=np.linspace(0.0, 1.0, len(shape.f)).tolist(), y=shape.f, mode="lines",
            line={"color": style.color, "width": 3.4 if bold else 1.8, "dash": style.dash},
            name=plotly_text(style.label), legendgroup=plotly_text(shape.scheduler),
            showlegend=shape.scheduler not in seen, hoverinfo="skip", opacity=1.0 if bold else 0.7,
        )  # fmt: skip
        seen.add(shape.scheduler)
    if front:
        figure.add_scatter(
            x=[shape.half for shape in front], y=[0.5] * len(front), mode="markers", showlegend=False,
            marker={
                "color": [styles[shape.scheduler].color for shape in front],
                "symbol": [styles[shape.scheduler].symbol for shape in front],
                "size": 9, "line": {"color": theme.PAPER, "width": 1},
            },
            hoverinfo="text", hovertext=[shape.hover for shape in front],
            customdata=[shape.number for shape in front], meta=TRIALS,
        )  # fmt: skip
    figure.update_layout(
        xaxis={"title": {"text": "Training progress u"}, "range": [-0.01, 1.01]},
        yaxis={"title": {"text": "Share of the final threshold, f(u) = d / D"}, "range": [-0.03, 1.04]},
    )
    return figure

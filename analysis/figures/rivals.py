"""The fronts of several studies over each other: one colour, marker and dash for each study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis import pareto, theme
from analysis.comparison.rivals import Field, Rival
from analysis.figures.hover import describe
from analysis.figures.scale import Scale
from analysis.replicates import CONFIRMED
from analysis.stats import Estimate
from analysis.text import count, estimate, plotly_text, ratio_name, short
from analysis.theme import Style

MOST = 500  # points of one study


@dataclass(frozen=True)
class Point:
    """A configuration's mean, or one training: fractions, with intervals where there are several seeds."""

    number: int
    name: str
    sparsity: Estimate
    accuracy: Estimate
    on_front: bool
    hover: str


@dataclass(frozen=True)
class RivalsInfo:
    """By study the points, its own front's first; `means`: whether they are; limits of the vertical axis."""

    points: Mapping[str, tuple[Point, ...]]
    means: bool
    low: float
    high: float


def rivals_info(field: Field) -> RivalsInfo:
    """Confirmed means where all studies have them, else the front of each search's single trainings."""
    means = all(rival.again.basis == CONFIRMED for rival in field.rivals)
    points = {rival.label: _means(rival) if means else _trials(rival) for rival in field.rivals}
    spots = [point.accuracy.value for group in points.values() for point in group]
    low, high = min(spots, default=0.0), max(spots, default=1.0)
    room = max(0.05 * (high - low), 0.004)
    return RivalsInfo(points, means, max(0.0, low - 2 * room), high + room)


def _means(rival: Rival) -> tuple[Point, ...]:
    study = rival.study
    parts = [part for part in rival.outcome.configurations if len(part.runs) and not part.is_reference]
    parts = parts or [part for part in rival.outcome.configurations if len(part.runs)]
    found = []
    for part in parts:
        sparsity, accuracy = part.mean(study.sparsity), part.mean(study.accuracy)
        if accuracy.value >= study.floor:
            hover = (
                f"<b>{plotly_text(rival.label)}</b>, trial {part.number}"
                f"<br>{plotly_text(ratio_name(part.row))}<br>{plotly_text(study.label(study.accuracy))} "
                f"{estimate(accuracy.value, accuracy.low, accuracy.high)}"
                f"<br>{plotly_text(study.label(study.sparsity))} "
                f"{estimate(sparsity.value, sparsity.low, sparsity.high)}"
                f"<br>mean of {count(len(part.runs), 'seed')}"
            )
            on_front = part.number in rival.outcome.confirmed_front
            found.append(Point(part.number, ratio_name(part.row), sparsity, accuracy, on_front, hover))
    return tuple(sorted(found, key=lambda point: (not point.on_front, point.sparsity.value))[:MOST])


def _trials(rival: Rival) -> tuple[Point, ...]:
    study, nan = rival.study, float("nan")
    rows = rival.outcome.front
    rows = rows if len(rows) else rival.outcome.references
    found = []
    for row in rows.head(MOST).to_dict("records"):
        spot = [Estimate(float(row[name]), nan, nan, 1) for name in (study.sparsity, study.accuracy)]
        hover = f"<b>{plotly_text(rival.label)}</b><br>{describe(row, study)}"
        found.append(Point(int(row["number"]), ratio_name(row), spot[0], spot[1], True, hover))
    return tuple(found)


def draw_rivals(
    info: RivalsInfo, styles: Mapping[str, Style], scale: Scale, title: str, y_title: str
) -> go.Figure:
    """A step line and marks for every study; hollow marks are dominated by others of their own study."""
    figure = go.Figure(layout={"template": theme.template()})
    for label, points in info.points.items():
        style = styles[label]
        spots = [(point.sparsity.value, point.accuracy.value) for point in points if point.on_front]
        steps = pareto.staircase(spots, (scale.low, info.low))
        figure.add_scatter(
            x=[scale.x(float(x)) for x, _ in steps], y=[100 * float(y) for _, y in steps], mode="lines",
            line={"color": style.color, "width": 2, "dash": style.dash}, hoverinfo="skip",
            showlegend=False, legendgroup=plotly_text(label), name="front",
        )  # fmt: skip
    for label, points in info.points.items():
        style = styles[label]
        across = [(point.sparsity, scale.x(point.sparsity.value)) for point in points]
        spans = [
            (x, scale.x(s.low), scale.x(s.high)) if math.isfinite(s.low) else (x, x, x) for s, x in across
        ]
        figure.add_scatter(
            x=[x for _, x in across],
            y=[100 * point.accuracy.value for point in points],
            error_x=_bars(spans, style) if info.means else None,
            error_y=_bars([_percent(point.accuracy) for point in points], style) if info.means else None,
            mode="markers", name=plotly_text(short(label, 60)), legendgroup=plotly_text(label),
            hoverinfo="text", hovertext=[point.hover for point in points], cliponaxis=False,
            marker={
                "symbol": style.symbol, "size": 10,
                "color": [style.color if point.on_front else theme.PAPER for point in points],
                "line": {"width": 2, "color": style.color},
            },
        )  # fmt: skip
    figure.update_layout(scale.axes(title, info.low, info.high, y_title))
    return figure


def _percent(value: Estimate) -> tuple[float, float, float]:
    ends = (value.low, value.high) if math.isfinite(value.low) else (value.value, value.value)
    return 100 * value.value, 100 * ends[0], 100 * ends[1]


def _bars(spans: Sequence[tuple[float, float, float]], style: Style) -> dict[str, object]:
    """Plotly's error bars from (value, one end, other end)."""
    return {
        "type": "data", "symmetric": False, "color": style.color, "thickness": 1, "width": 0,
        "array": [max(a, b) - value for value, a, b in spans],
        "arrayminus": [value - min(a, b) for value, a, b in spans],
    }  # fmt: skip

"""The drawing of the Pareto front on one of its axes. Every view has the same traces."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.figures.axis import Axis
from analysis.figures.confirmed import draw_means
from analysis.figures.front import FrontInfo, Mark
from analysis.figures.hover import TRIALS
from analysis.figures.labels import corner, places
from analysis.figures.overlay import draw_points
from analysis.figures.views import View
from analysis.text import NBSP, finite, plotly_text
from analysis.theme import Style

PLOT, NARROW = (960.0, 470.0), (270.0, 360.0)  # size in pixels that labels are placed for
Spots = list[tuple[float, float]]


def draw_front(
    info: FrontInfo, styles: dict[str, Style], view: View, size: tuple[float, float] = PLOT
) -> go.Figure:
    """The reached region; stopped, dominated and front trials; dense, infeasible, arms, means, knee."""
    figure, axis = go.Figure(layout={"template": theme.template()}), view.axis
    _region(figure, view)
    _stopped(figure, info, axis)
    for outcome in ("dominated", "front"):
        for name, style in styles.items():
            marks = [mark for mark in info.of(outcome) if mark.scheduler == name]
            _trials(figure, marks, style, outcome, axis, faint=bool(info.confirmed.means))
    _legend(figure, info, styles)
    _dense(figure, info, axis, size)
    _below(figure, info, styles, axis)
    draw_means(figure, info.confirmed, styles, axis, view.confirmed, info.y_low)
    _references(figure, info, styles, axis, size)
    draw_points(figure, info.published, axis)
    if info.knee is not None:
        ring = {"symbol": "circle-open", "size": 24, "color": theme.INK, "line": {"width": 1.5}}
        plain = {"hoverinfo": "skip", "customdata": None, "meta": None}
        _points(figure, [info.knee], axis, "knee", marker=ring, **plain)
    figure.update_layout(
        xaxis=axis.layout(view.note, 100 if size == PLOT else 36),
        yaxis={
            "range": [100 * info.y_low, 100 * info.y_high], "ticksuffix": " %",
            "title": {"text": plotly_text(info.y_title)},
        },
        legend={"uirevision": "kept"},  # what a reader switched off stays off on the next axis
    )  # fmt: skip
    return figure


def _spot(mark: Mark, info: FrontInfo, axis: Axis) -> tuple[float, float]:
    """Where a mark sits, as fractions of the plot; without a value on this axis outside of it."""
    at = axis.place(mark.at[axis.metric])
    return (at if finite(at) else -1.0), info.height(mark.accuracy)


def _points(figure: go.Figure, marks: Sequence[Mark], axis: Axis, name: str, **options: object) -> None:
    shared: dict[str, object] = {"mode": "markers", "hoverinfo": "text", "name": name, "meta": TRIALS}
    shared |= {"x": [axis.x(mark.at[axis.metric]) for mark in marks]}
    shared |= {"y": [100 * mark.accuracy for mark in marks], "customdata": [mark.number for mark in marks]}
    figure.add_scatter(**(shared | {"hovertext": [mark.hover for mark in marks]} | options))


def _trials(
    figure: go.Figure, marks: Sequence[Mark], style: Style, outcome: str, axis: Axis, faint: bool
) -> None:
    """`faint`: confirmed means lie above these marks and say more."""
    if not marks:
        return
    best = outcome == "front"
    edge = {"width": 1, "color": theme.PAPER} if best else {"width": 1.5, "color": style.color}
    symbol = style.symbol if best else f"{style.symbol}-open"
    marker = {"symbol": symbol, "size": 13 if best else 8, "color": style.color, "line": edge}
    opacity = (0.5 if faint else 1.0) if best else (0.4 if faint else 0.65)
    _points(figure, marks, axis, outcome, marker=marker, opacity=opacity, showlegend=False)


def _stopped(figure: go.Figure, info: FrontInfo, axis: Axis) -> None:
    """Where trials were stopped, faint; those below the axis sit on its lower edge."""
    marks = info.of("stopped")
    if marks:
        edge = {"width": 1.5, "color": theme.FAINT}
        marker = {"symbol": "line-ew-open", "size": 9, "color": theme.FAINT, "line": edge}
        y = [100 * max(mark.accuracy, info.y_low) for mark in marks]
        _points(figure, marks, axis, "stopped", marker=marker, y=y, cliponaxis=False, showlegend=False)


def _legend(figure: go.Figure, info: FrontInfo, styles: dict[str, Style]) -> None:
    """One entry per schedule and one per kind of mark, by traces without points."""
    used = {mark.scheduler for mark in info.marks}
    entries = [
        (plotly_text(style.label), style.symbol, style.color, 11)
        for name, style in styles.items()
        if name in used
    ]
    counts, means = info.counts, sum(not mean.reference for mean in info.confirmed.means)
    kinds = (
        (counts.get("dominated", 0), "dominated", "circle-open", 8),
        (counts.get("infeasible", 0), "infeasible", "x", 8),
        (counts.get("below floor", 0), f"below {100 * info.floor:.0f} %", "triangle-down", 8),
        (len(info.of("reference")), "reference arms", "circle", 10),
        (means, "confirmed means", "circle-open", 10),
        (counts.get("stopped", 0), "stopped", "line-ew", 9),
        (counts.get("failed", 0), "failed, no values", "x-thin", 7),
    )
    entries += [(f"{n:,} {word}", symbol, theme.SOFT, size) for n, word, symbol, size in kinds if n]
    for name, symbol, color, size in entries:
        edge = {"width": 2, "color": theme.INK} if "reference" in name else {"width": 1.5, "color": color}
        marker = {
            "symbol": symbol,
            "size": size,
            "color": theme.FAINT if "reference" in name else color,
            "line": edge,
        }
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, hoverinfo="skip")


def _region(figure: go.Figure, view: View) -> None:
    steps = view.steps
    corners = [*steps, (steps[0][0], steps[-1][1])] if steps else []
    x, y = [view.axis.x(at) for at, _ in corners], [100 * at for _, at in corners]
    figure.add_scatter(
        x=x, y=y, mode="none", fill="toself", fillcolor=theme.AREA, hoverinfo="skip", showlegend=False
    )
    line = {"color": theme.BLUE, "width": 1.5}
    figure.add_scatter(
        x=x[:-1], y=y[:-1], mode="lines", line=line, hoverinfo="skip", name="reached", showlegend=bool(steps)
    )


def _dense(figure: go.Figure, info: FrontInfo, axis: Axis, size: tuple[float, float]) -> None:
    for mark in info.dense:
        left, right = (10**end if axis.log else end for end in axis.range)
        figure.add_scatter(
            x=[left, right], y=[100 * mark.accuracy] * 2, mode="lines",
            line={"color": theme.INK, "dash": "dot", "width": 1},
            hoverinfo="text", hovertext=mark.hover, showlegend=False, name="dense",
        )  # fmt: skip
    if info.dense:
        best = max(info.dense, key=lambda mark: mark.accuracy)
        text = f"dense, {100 * best.accuracy:.1f} %"
        taken = [_spot(m, info, axis) for m in info.marks]
        side, above = corner(info.height(best.accuracy), text, taken + _bars(info, axis, size), size)
        figure.add_annotation(
            xref="paper", x=0.005 if side == "left" else 0.995, xanchor=side, y=100 * best.accuracy,
            yanchor="bottom" if above else "top", showarrow=False, text=text,
            font={"size": 12 if size == PLOT else 10, "color": theme.INK},
        )  # fmt: skip


def _below(figure: go.Figure, info: FrontInfo, styles: dict[str, Style], axis: Axis) -> None:
    """Infeasible trials. Those below the axis sit on its lower edge; their hover has the true values."""
    hidden = [mark for mark in info.of("below floor") if mark.accuracy < info.y_low]
    shown = [mark for mark in info.of("below floor") if mark.accuracy >= info.y_low]
    kinds = ((info.of("infeasible"), "x"), (shown, "triangle-down"), (hidden, "arrow-down"))
    for marks, symbol in kinds:
        if marks:
            color = [styles[mark.scheduler].color for mark in marks]
            marker = {"symbol": symbol, "size": 9, "color": color, "line": {"width": 1.5, "color": color}}
            y = {"y": [100 * info.y_low] * len(marks)} if marks is hidden else {}
            options = {"marker": marker, "cliponaxis": False, "showlegend": False, **y}
            _points(figure, marks, axis, marks[0].outcome, **options)


def _references(
    figure: go.Figure, info: FrontInfo, styles: dict[str, Style], axis: Axis, size: tuple[float, float]
) -> None:
    marks = info.of("reference")
    if not marks:
        return
    others = [_spot(mark, info, axis) for mark in info.marks if mark.outcome in ("front", "dominated")]
    others += _bars(info, axis, size)
    levels = [info.height(mark.accuracy) for mark in info.dense]
    others += [spot for y in levels for spot in _line((0.0, y), (1.0, y), size)]
    labels = [mark.label for mark in marks]
    color = [styles[mark.scheduler].color for mark in marks]
    symbol = [styles[mark.scheduler].symbol for mark in marks]
    _points(
        figure, marks, axis, "reference arm", mode="markers+text", showlegend=False,
        text=[f"{NBSP}{plotly_text(label)}{NBSP}" for label in labels],
        y=[100 * max(mark.accuracy, info.y_low) for mark in marks], cliponaxis=False,
        textposition=places([_spot(mark, info, axis) for mark in marks], labels, others, size),
        textfont={"size": 12 if size == PLOT else 10, "color": theme.SOFT},
        marker={"symbol": symbol, "size": 12, "color": color, "line": {"width": 2, "color": theme.INK}},
    )  # fmt: skip


def _bars(info: FrontInfo, axis: Axis, size: tuple[float, float]) -> Spots:
    """Points along the error bars, so that labels keep off them."""
    found: Spots = []
    for mean in info.confirmed.means:
        along, up = mean.at[axis.metric], mean.accuracy
        x, y = axis.place(along.value), info.height(up.value)
        if not math.isfinite(x) or up.value < info.y_low:
            continue
        if math.isfinite(along.low):
            found += _line((axis.place(along.low), y), (axis.place(along.high), y), size)
        if math.isfinite(up.low):
            found += _line((x, info.height(up.low)), (x, info.height(up.high)), size)
    return found


def _line(start: tuple[float, float], end: tuple[float, float], size: tuple[float, float]) -> Spots:
    """Points on a line between two places, some 20 pixels apart."""
    length = math.hypot((end[0] - start[0]) * size[0], (end[1] - start[1]) * size[1])
    return [(float(x), float(y)) for x, y in np.linspace(start, end, max(2, int(min(length, 2000) / 20)))]

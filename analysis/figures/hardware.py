"""The front's networks against the chips, and what an inference costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.figures.chosen import spread
from analysis.figures.hover import TRIALS
from analysis.figures.panels import log_axis, stacked
from analysis.hardware import WORDS, Chip, Point
from analysis.text import number, percent, plotly_text, short
from analysis.theme import Style

MOST = 24  # columns of the matrix
ROW = 25  # pixels


def columns_of(points: Sequence[Point]) -> list[Point]:
    """The points that the matrix shows: dense, and the front evenly spread."""
    drawn = set(spread([point.number for point in points if point.kind == "front"], MOST))
    return [point for point in points if point.kind == "dense" or point.number in drawn]


def why_not(point: Point, chip: Chip) -> str:
    """The limits that a network does not keep, in words; empty where none is known."""
    return "; ".join(
        f"{WORDS[name]} {number(need)} of {number(limit)}" for name, need, limit in point.exceeds(chip)
    )


def draw_matrix(points: Sequence[Point], chips: Sequence[Chip]) -> go.Figure:
    """A column per network, a row per chip: filled where it fits, hollow if unconfirmed, else a cross."""
    figure = go.Figure(layout={"template": theme.template()})
    states: dict[str, list[tuple[int, int]]] = {"fits": [], "by unconfirmed limits": [], "does not fit": []}
    for x, point in enumerate(points):
        for y, chip in enumerate(chips):
            fits = point.fits(chip)
            if fits is not None:
                word = "does not fit" if not fits else "fits" if chip.confirmed else "by unconfirmed limits"
                states[word].append((x, y))
    looks = {
        "fits": {"symbol": "circle", "color": theme.BLUE, "size": 12},
        "by unconfirmed limits": {"symbol": "circle-open", "color": theme.BLUE, "size": 11},
        "does not fit": {"symbol": "x-thin", "color": theme.FAINT, "size": 7},
    }
    for word, cells in states.items():
        look = looks[word] | {"line": {"color": looks[word]["color"], "width": 1.6}}
        figure.add_scatter(
            x=[x for x, _ in cells], y=[y for _, y in cells], mode="markers", name=word, marker=look,
            hoverinfo="text", hovertext=[_cell(points[x], chips[y], word) for x, y in cells],
            customdata=[points[x].number for x, _ in cells], meta=TRIALS,
        )  # fmt: skip
    heads = ["dense" if point.kind == "dense" else str(point.number) for point in points]
    figure.update_layout(
        xaxis={
            "tickvals": list(range(len(points))), "ticktext": heads, "range": [-0.6, len(points) - 0.4],
            "title": {"text": "Trial, from least to most sparse"}, "showgrid": False,
        },
        yaxis={
            "tickvals": list(range(len(chips))), "ticktext": [_name(chip) for chip in chips],
            "range": [len(chips) - 0.4, -0.6],
        },
    )  # fmt: skip
    return figure


def _name(chip: Chip) -> str:
    return plotly_text(short(chip.name, 18) + ("" if chip.confirmed else " *"))


def _cell(point: Point, chip: Chip, word: str) -> str:
    who = "dense" if point.kind == "dense" else f"trial {point.number}, {percent(point.sparsity)} sparse"
    lines = [f"<b>{plotly_text(short(chip.name, 40))}</b>: {who} {word.replace('by', 'fits by')}"]
    reasons = why_not(point, chip)
    lines += [reasons] if reasons else []
    lines += [f"source: {plotly_text(short(chip.source, 60))}"] if chip.source else []
    return "<br>".join(lines)


PANELS = (
    ("synapses", "Live synapses"), ("operations", "Operations per sample (AC and MAC)"),
    ("energy", "Energy per sample, nJ"),
)  # fmt: skip


def panels_of(points: Sequence[Point]) -> list[tuple[str, str]]:
    """The panels for which any point has a positive number."""
    return [(field, label) for field, label in PANELS if any(cost(point, field) > 0 for point in points)]


def cost(point: Point, field: str) -> float:
    """Live synapses, operations of both kinds, or nJ of one inference."""
    if field == "synapses":
        return point.needs["synapses"]
    return float(np.nansum([point.synops, point.macs])) if field == "operations" else point.energy_nj


def draw_costs(points: Sequence[Point], styles: dict[str, Style], x_title: str) -> go.Figure:
    """One log panel per cost over sparsity; a mark per network of the front, a dotted line for dense."""
    panels = panels_of(points)
    figure = stacked([label for _, label in panels])
    front = [point for point in points if point.kind == "front"]
    for row, (field, label) in enumerate(panels, 1):
        for name in dict.fromkeys(sorted(point.scheduler for point in front)):
            those = [point for point in front if point.scheduler == name and cost(point, field) > 0]
            figure.add_scatter(
                x=[100 * point.sparsity for point in those], y=[cost(point, field) for point in those],
                mode="markers", name=plotly_text(styles[name].label), legendgroup=plotly_text(name),
                showlegend=row == 1,
                marker={"symbol": styles[name].symbol, "color": styles[name].color, "size": 10},
                hoverinfo="text", hovertext=[_told(point, label, field) for point in those],
                customdata=[point.number for point in those], meta=TRIALS, row=row, col=1,
            )  # fmt: skip
        levels = [cost(point, field) for point in points if point.kind == "dense" and cost(point, field) > 0]
        for level in levels:
            line = {"color": theme.INK, "width": 1.5, "dash": "dot"}
            ends = [100 * point.sparsity for point in front]
            figure.add_scatter(
                x=[min(ends, default=0), max(ends, default=100)], y=[level, level], mode="lines", line=line,
                name="dense", showlegend=row == 1, hoverinfo="text", hovertext=f"dense: {number(level)}",
                row=row, col=1,
            )  # fmt: skip
        values = [cost(point, field) for point in front if cost(point, field) > 0] + levels
        figure.update_yaxes(log_axis(min(values), max(values)), row=row, col=1)
    figure.update_xaxes(ticksuffix=" %")
    figure.update_xaxes(title={"text": plotly_text(x_title)}, row=len(panels), col=1)
    return figure


def _told(point: Point, label: str, field: str) -> str:
    lines = [
        f"<b>trial {point.number}</b>, {percent(point.sparsity)} sparse, {percent(point.accuracy)} accurate"
    ]
    lines.append(f"{label}: {number(cost(point, field))}")
    if field == "operations":
        lines.append(f"{number(point.synops)} AC, {number(point.macs)} MAC")
    return "<br>".join(lines)

"""Published results as points of the front's plot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis import theme
from analysis.figures.axis import Axis
from analysis.published import Result, published
from analysis.results import Study
from analysis.text import NBSP, finite, number, percent, plotly_text

_SYMBOLS = ("hexagram-open", "cross-open", "star-open", "diamond-wide-open", "hash-open")


@dataclass(frozen=True)
class Point:
    """A published result: accuracy and sparsities (fractions) by metric, only those that its source gives."""

    method: str
    accuracy: float
    at: Mapping[str, float]
    label: str
    hover: str


def points(study: Study) -> tuple[Point, ...]:
    """The published results of the study's data set and network."""
    return tuple(
        Point(one.method, one.accuracy, one.sparsity, _label(one), _hover(one))
        for one in published(study).results
    )


def _label(one: Result) -> str:
    return f"{one.method} D={one.threshold_final:g}" if one.threshold_final else one.method


def _hover(one: Result) -> str:
    kinds = {"sparsity_params": "parameters", "sparsity_synapses": "synapses"}
    lines = [f"<b>published: {plotly_text(_label(one))}</b>, {plotly_text(one.network)}"]
    lines.append(f"Test accuracy {percent(one.accuracy, 2)}")
    lines += [f"Sparsity ({kinds[name]}) {percent(value, 2)}" for name, value in one.sparsity.items()]
    if finite(one.dense_accuracy):
        lines.append(f"dense {percent(one.dense_accuracy, 2)}")
    trained = [f"T = {one.timesteps}"] if one.timesteps else []
    trained += [f"schedule {one.scheduler}"] if one.scheduler else []
    trained += [f"D = {number(one.threshold_final)}"] if one.threshold_final else []
    lines.append(plotly_text(", ".join(trained)))
    words, line = one.source.split(), ""
    for word in words:  # plotly does not wrap
        line = f"{line} {word}".strip()
        if len(line) > 50:
            lines, line = [*lines, plotly_text(line)], ""
    return "<br>".join(part for part in [*lines, plotly_text(line)] if part)


def draw_points(figure: go.Figure, found: tuple[Point, ...], axis: Axis) -> None:
    """One trace a method, switched by its entry in the legend, which is there where it has a point."""
    for i, method in enumerate(dict.fromkeys(point.method for point in found)):
        mine = [point for point in found if point.method == method]
        x = [axis.x(point.at.get(axis.metric, float("nan"))) for point in mine]
        figure.add_scatter(
            x=x, y=[100 * point.accuracy for point in mine], mode="markers", hoverinfo="text",
            name=f"published:{NBSP}{plotly_text(method)}", hovertext=[point.hover for point in mine],
            showlegend=any(map(finite, x)),
            marker={
                "symbol": _SYMBOLS[i % len(_SYMBOLS)], "size": 13, "color": theme.INK,
                "line": {"width": 1.5, "color": theme.INK},
            },
        )  # fmt: skip

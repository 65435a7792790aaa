"""Parallel coordinates of parameters and objectives, as plain lines.

Plotly's own kind draws with WebGL and evaluates strings, which the page's policy forbids.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis import theme
from analysis.figures.hover import TRIALS
from analysis.figures.searched import Quantity, SearchedInfo
from analysis.parameters import Parameter
from analysis.text import number, plotly_text, short
from analysis.theme import Style

ABSENT = -0.16  # height of the trials that lack a parameter, below the axis [0, 1]


@dataclass(frozen=True, eq=False)
class Rail:
    """One axis: `heights` [n] in [0, 1], `ABSENT` where a trial has no value; ticks as (height, text)."""

    label: str
    heights: NDArray[np.float64]
    ticks: tuple[tuple[float, str], ...]
    source: Parameter | Quantity

    def shown(self, at: int) -> str:
        """The value of one trial as text."""
        return self.source.shown(float(self.source.values[at]))


def rails(info: SearchedInfo) -> list[Rail]:
    """Parameters, the least important first, then objectives: what decides stands next to what it decides."""
    parts: list[Parameter | Quantity] = [*reversed(info.parameters), *info.objectives]
    return [_rail(part) for part in parts]


def _rail(source: Parameter | Quantity) -> Rail:
    choices = source.choices if isinstance(source, Parameter) else ()
    log = isinstance(source, Parameter) and source.log
    known = source.values[np.isfinite(source.values)]
    if choices:
        low, high = 0.0, float(max(1, len(choices) - 1))
        ticks = [(i / high, short(choice, 16)) for i, choice in enumerate(choices)]
        heights = source.values / high
    else:
        values = np.log(source.values) if log else source.values
        known = np.log(known) if log else known
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
        heights = (values - low) / (high - low)
        suffix = source.suffix if isinstance(source, Quantity) else ""
        at = [share / 4 for share in range(5)]
        levels = [low + share * (high - low) for share in at]
        ticks = [
            (share, number(float(np.exp(level)) if log else level) + suffix)
            for share, level in zip(at, levels, strict=True)
        ]
    absent = ~np.isfinite(heights)
    if absent.any():
        ticks.append((ABSENT, "none"))
    return Rail(source.label, np.where(absent, ABSENT, heights), tuple(ticks), source)


def draw_parallel(
    info: SearchedInfo, styles: dict[str, Style], front_only: bool, narrow: bool = False
) -> go.Figure:
    """A line per trial over the axes, in its schedule's colour; bold: the front. Narrow: axes lie flat."""
    figure = go.Figure(layout={"template": theme.template()})
    axes = rails(info)
    for front in (False, True):
        for name in dict.fromkeys(info.schedulers):
            at = [i for i, s in enumerate(info.schedulers) if s == name and info.front[i] == front]
            if at:
                _lines(figure, info, axes, at, styles[name], front, front_only, narrow)
    named = {trace.legendgroup for trace in figure.data}
    for name in dict.fromkeys(info.schedulers):
        style = styles[name]
        if plotly_text(name) in named:
            figure.add_scatter(
                x=[None], y=[None], mode="lines", name=plotly_text(style.label), hoverinfo="skip",
                legendgroup=plotly_text(name), line={"color": style.color, "width": 2.5},
            )  # fmt: skip
    drawn = [_axis(axis, place, narrow) for place, axis in enumerate(axes)]
    # All at once: plotly checks every one that is there whenever one is added.
    figure.update_layout(
        shapes=[line for line, _ in drawn], annotations=[note for _, notes in drawn for note in notes]
    )
    absent = any((axis.heights == ABSENT).any() for axis in axes)
    places, heights = [-0.6, len(axes) - 0.55], [-0.23 if absent else -0.07, 1.06]
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
    if narrow:
        figure.update_layout(xaxis=hidden | {"range": heights}, yaxis=hidden | {"range": places[::-1]})
    else:
        upright = hidden | {"range": [heights[0], 1.16]}  # room for names of two lines
        figure.update_layout(xaxis=hidden | {"range": [-0.5, len(axes) - 0.5]}, yaxis=upright)
    return figure


def _lines(
    figure: go.Figure,
    info: SearchedInfo,
    axes: list[Rail],
    at: list[int],
    style: Style,
    front: bool,
    front_only: bool,
    narrow: bool,
) -> None:
    """All lines of one schedule as one trace, with a gap after each."""
    along = [*range(len(axes)), None] * len(at)
    heights = [height for i in at for height in (*(round(float(axis.heights[i]), 4) for axis in axes), None)]
    texts = [
        text
        for i in at
        for text in (*(plotly_text(f"{axis.label} {axis.shown(i)}") for axis in axes), "")
    ]  # fmt: skip
    numbers = [n for i in at for n in [int(info.numbers[i])] * (len(axes) + 1)]
    line: dict[str, Any] = {"color": style.color, "width": 2.6 if front else 1}
    figure.add_scatter(
        x=heights if narrow else along, y=along if narrow else heights,
        mode="lines+markers" if front else "lines", line=line, opacity=0.95 if front else 0.3,
        marker={"size": 5, "color": style.color}, customdata=numbers, meta=TRIALS, text=texts,
        name="front" if front else "not on the front", showlegend=False,
        legendgroup=plotly_text(info.schedulers[at[0]]), visible=front or not front_only,
        hovertemplate=f"<b>trial %{{customdata}}</b>{', front' if front else ''}<br>%{{text}}<extra></extra>",
    )  # fmt: skip


def _axis(axis: Rail, place: int, narrow: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Its line as a shape; its ticks and its name as annotations."""
    across, along = ("x", "y") if narrow else ("y", "x")
    ends = {f"{across}0": 0, f"{across}1": 1, f"{along}0": place, f"{along}1": place}
    line = {"type": "line", **ends, "line": {"color": theme.FAINT, "width": 1}, "layer": "below"}
    crowded, notes = narrow and len(axis.ticks) > 6, []
    paper: dict[str, Any] = {"showarrow": False, "bgcolor": theme.PAPER, "borderpad": 0}
    for i, (height, text) in enumerate(axis.ticks):
        beside: dict[str, Any] = {"xanchor": "right", "xshift": -5}
        below: dict[str, Any] = {"yshift": -9 - 11 * (i % 2) * crowded}
        note = {across: height, along: place, "text": plotly_text(text), **paper}
        font = {"size": 9 if narrow else 11, "color": theme.SOFT}
        notes.append(note | (below if narrow else beside) | {"font": font})
    words = textwrap.wrap(axis.label, 100 if narrow else 15) or [axis.label]
    name = "<br>".join(plotly_text(short(word, 40 if narrow else 24)) for word in words[:3])
    head: dict[str, Any] = {across: 0 if narrow else 1.04, along: place, "text": name, "showarrow": False}
    head |= {"font": {"size": 11 if narrow else 12, "color": theme.INK}}
    head |= {"xanchor": "left", "yshift": 9, **paper} if narrow else {"yanchor": "bottom"}
    return line, [*notes, head]

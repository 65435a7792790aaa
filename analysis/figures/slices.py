"""Slices: an objective against each of the parameters that matter most."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from analysis import theme
from analysis.figures.hover import TRIALS, template_text
from analysis.figures.searched import SearchedInfo
from analysis.parameters import Parameter
from analysis.text import plotly_text, short
from analysis.theme import Style

_GOLDEN = 0.6180339887
_TOP = 0.95


def draw_slices(
    info: SearchedInfo, styles: dict[str, Style], objective: int, narrow: bool = False
) -> go.Figure:
    """A panel per parameter, a point per trial in its schedule's colour; large and filled: the front.

    Choices stand side by side, their trials spread a little. Trials without the parameter are not in its
    panel.
    """
    many = len(info.parameters)
    columns = 1 if narrow else min(2, many)
    lines = -(-many // columns)
    figure = make_subplots(
        rows=lines, cols=columns, shared_yaxes=True, horizontal_spacing=0.04,
        vertical_spacing=(0.42 if narrow else 0.17) / max(2, lines - 1),
        subplot_titles=[plotly_text(parameter.label) for parameter in info.parameters],
    )  # fmt: skip
    figure.update_layout(template=theme.template())
    # Above the panels: below them, the slanted names of choices would run into a title.
    # The panels leave the top of the plot to the first row's, which the legend sits on.
    figure.update_annotations(font={"size": 12, "color": theme.INK})
    figure.for_each_annotation(lambda note: note.update(y=_TOP * note.y))
    figure.for_each_yaxis(lambda axis: axis.update(domain=[_TOP * end for end in axis.domain]))
    values = info.objectives[objective]
    for place, parameter in enumerate(info.parameters):
        row, column = place // columns + 1, place % columns + 1
        for front in (False, True):
            at = np.flatnonzero((info.front == front) & np.isfinite(parameter.values))
            _points(figure, info, styles, parameter, at, front, objective, row, column)
        axis: dict[str, Any] = {}
        if parameter.choices:
            names = [plotly_text(short(choice, 12 if narrow else 16)) for choice in parameter.choices]
            ticks = list(range(len(names)))
            axis |= {"tickvals": ticks, "ticktext": names, "range": [-0.6, len(names) - 0.4]}
            axis |= {"tickfont": {"size": 10 if narrow else 11, "color": theme.SOFT}}
        elif parameter.log:
            axis |= {"type": "log"}
        figure.update_xaxes(axis, row=row, col=column)
        if column == 1:
            title = {"text": "" if narrow else plotly_text(values.label)}  # there the button says it
            figure.update_yaxes(title=title, row=row, col=1)
        figure.update_yaxes(ticksuffix=values.suffix, row=row, col=column)
    for name in dict.fromkeys(info.schedulers):
        style = styles[name]
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=plotly_text(style.label), hoverinfo="skip",
            marker={"symbol": style.symbol, "color": style.color, "size": 10},
        )  # fmt: skip
    return figure


def _points(
    figure: go.Figure,
    info: SearchedInfo,
    styles: dict[str, Style],
    parameter: Parameter,
    at: NDArray[np.int64],
    front: bool,
    objective: int,
    row: int,
    column: int,
) -> None:
    values, quantity = parameter.values[at], info.objectives[objective]
    numbers = info.numbers[at]
    spread = 0.5 * ((numbers * _GOLDEN) % 1.0 - 0.5) if parameter.choices else 0.0
    chosen = [styles[info.schedulers[i]] for i in at]
    color = [style.color for style in chosen]
    marker: dict[str, Any] = {"color": color, "size": 11 if front else 6, "opacity": 1.0 if front else 0.6}
    marker["symbol"] = [style.symbol if front else f"{style.symbol}-open" for style in chosen]
    marker["line"] = {"width": 1, "color": theme.PAPER} if front else {"width": 1.2, "color": color}
    what = "%{text}" if parameter.choices else "%{x:.4~g}"
    texts = {"text": [plotly_text(parameter.shown(value)) for value in values]} if parameter.choices else {}
    figure.add_scatter(
        x=(values + spread).tolist(), y=quantity.values[at].tolist(), mode="markers", marker=marker,
        name="front" if front else "not on the front", showlegend=False, customdata=numbers.tolist(),
        meta=TRIALS, row=row, col=column, **texts,
        hovertemplate=f"<b>trial %{{customdata}}</b>{', front' if front else ''}<br>"
        f"{template_text(parameter.label)} {what}<br>"
        f"{template_text(quantity.label)} %{{y:.4~g}}{quantity.suffix}<extra></extra>",
    )  # fmt: skip

"""The answer as a dot plot: by sparsity, the best configuration and the named schedules, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis import theme
from analysis.figures.hover import TRIALS
from analysis.stats import Estimate
from analysis.text import NBSP, estimate, finite, percent, plotly_text
from analysis.theme import Style


@dataclass(frozen=True)
class Dot:
    """One line of the plot: accuracy (fraction) with its interval, or `words` where there is none.

    `lead`: what stands at the right end; `number`: the trial behind it.
    """

    label: str
    scheduler: str
    accuracy: Estimate
    best: bool = False
    number: int | None = None
    lead: str = ""
    words: str = ""


@dataclass(frozen=True)
class AnswerInfo:
    """The lines by band, sparsest last; `dense`: accuracy of the dense network (NaN unknown); axis limits."""

    bands: tuple[tuple[str, tuple[Dot, ...]], ...]
    dense: Estimate
    low: float
    high: float
    title: str

    @property
    def height(self) -> int:
        """Pixels that the lines need."""
        return 110 + 24 * sum(len(dots) + 1 for _, dots in self.bands)


def answer_info(
    bands: Sequence[tuple[str, Sequence[Dot]]], dense: Estimate, floor: float, title: str
) -> AnswerInfo:
    """Limits that keep what counts large: accuracies below the floor sit on the left edge."""
    values = [dot.accuracy for _, dots in bands for dot in dots if finite(dot.accuracy.value)]
    ends = [end for part in [*values, dense] for end in (part.value, part.low, part.high) if finite(end)]
    shown = [end for end in ends if end >= floor] or ends or [0.0, 1.0]
    room = max(0.04 * (max(shown) - min(shown)), 0.004)
    low = max(0.0, min(shown) - room)
    return AnswerInfo(
        tuple((name, tuple(dots)) for name, dots in bands), dense, low, max(shown) + room, title
    )


def draw_answer(info: AnswerInfo, styles: dict[str, Style], narrow: bool = False) -> go.Figure:
    """One row a dot, grouped by band; the dense network as a vertical line; leads at the right."""
    figure = go.Figure(layout={"template": theme.template()})
    small = 10 if narrow else 12
    heads: list[tuple[float, str]] = []
    rows: list[tuple[float, Dot]] = []
    at = 0.0
    for name, dots in info.bands:
        heads.append((at, name))
        rows += [(at - 1 - i, dot) for i, dot in enumerate(dots)]
        at -= len(dots) + 1.35
    for y, dot in rows:
        if finite(dot.accuracy.value):
            _dot(figure, y, dot, styles[dot.scheduler], info)
        elif dot.words:
            figure.add_annotation(
                x=0.005, xref="paper", xanchor="left", y=y, text=dot.words, showarrow=False,
                font={"size": small, "color": theme.SOFT},
            )  # fmt: skip
        if dot.lead and not narrow:
            figure.add_annotation(
                x=1.01, xref="paper", xanchor="left", y=y, text=dot.lead, showarrow=False,
                font={"size": 12, "color": theme.SOFT},
            )  # fmt: skip
    for y, name in heads:
        figure.add_annotation(
            x=0.0, xref="paper", xanchor="left", y=y, text=f"<b>{name}</b>", showarrow=False,
            font={"size": small + 1, "color": theme.INK},
        )  # fmt: skip
    if not narrow and any(dot.lead for _, dot in rows):
        figure.add_annotation(
            x=1.01, xref="paper", xanchor="left", y=heads[0][0], text="lead of the best, points",
            showarrow=False, font={"size": 11, "color": theme.SOFT},
        )  # fmt: skip
    if finite(info.dense.value):
        x, line = 100 * info.dense.value, {"color": theme.INK, "width": 1, "dash": "dot"}
        figure.add_scatter(
            x=[x, x], y=[0.7, at + 0.9], mode="lines", line=line, name="dense", hoverinfo="text",
            hovertext=f"dense network: {_told(info.dense)}", showlegend=False,
        )  # fmt: skip
        figure.add_annotation(
            x=x, y=0.75, xanchor="right" if narrow else "center", yanchor="bottom", showarrow=False,
            text=f"dense{NBSP}{percent(info.dense.value)}",
            font={"size": small, "color": theme.INK},
        )  # fmt: skip
    names = [f"<b>{dot.label}</b>" if dot.best else dot.label for _, dot in rows]
    figure.update_layout(
        xaxis={
            "range": [100 * info.low, 100 * info.high], "ticksuffix": " %",
            "title": {"text": plotly_text(info.title)},
        },
        yaxis={
            "range": [at + 0.6, 1.7], "tickvals": [y for y, _ in rows], "ticktext": names,
            "showgrid": False, "ticklabelstandoff": 6, "tickfont": {"size": small, "color": theme.INK},
        },
        margin={"l": 10, "r": 12 if narrow else 150, "t": 4, "b": 44},
        showlegend=False,
    )  # fmt: skip
    return figure


def _dot(figure: go.Figure, y: float, dot: Dot, style: Style, info: AnswerInfo) -> None:
    value, low, high = dot.accuracy.value, dot.accuracy.low, dot.accuracy.high
    below = value < info.low
    spread, edge = finite(low) and not below, info.low + 0.012 * (info.high - info.low)
    figure.add_scatter(
        x=[100 * (edge if below else value)], y=[y], mode="markers+text" if below else "markers",
        text=[f"{NBSP}{percent(value)}"] if below else None, textposition="middle right",
        textfont={"size": 11, "color": theme.SOFT},
        error_x={
            "type": "data", "symmetric": False, "color": style.color, "thickness": 3 if dot.best else 1.5,
            "width": 0, "array": [100 * (high - value) if spread else 0.0],
            "arrayminus": [100 * (value - low) if spread else 0.0],
        },
        marker={
            "symbol": "triangle-left" if below else style.symbol, "size": 13 if dot.best else 10,
            "color": style.color if dot.best else theme.PAPER, "line": {"width": 2, "color": style.color},
        },
        cliponaxis=False, hoverinfo="text", hovertext=[f"{dot.label}: {_told(dot.accuracy)}"],
        name="best" if dot.best else "named schedule",
        customdata=[dot.number], meta=TRIALS, showlegend=False,
    )  # fmt: skip


def _told(accuracy: Estimate) -> str:
    return estimate(accuracy.value, accuracy.low, accuracy.high)

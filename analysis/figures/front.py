"""The accuracy-versus-sparsity Pareto front: its info, and the drawing on any axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from analysis import pareto, theme
from analysis.figures.axis import Axis
from analysis.figures.confirmed import MeansInfo, draw_means, means_info
from analysis.figures.hover import describe
from analysis.figures.labels import corner, places
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import NBSP, finite, plotly_text, ratio_name
from analysis.theme import Style

PLOT, NARROW = (960.0, 470.0), (270.0, 360.0)  # size in pixels that labels are placed for


@dataclass(frozen=True)
class Mark:
    """One measured trial: sparsity and accuracy are fractions in [0, 1]; `hover` is plotly's HTML subset."""

    number: int
    scheduler: str
    outcome: str
    sparsity: float
    accuracy: float
    hover: str
    label: str = ""


@dataclass(frozen=True)
class FrontInfo:
    """Everything that the Pareto plot shows. Axis limits are fractions; `steps` are the region's corners."""

    marks: tuple[Mark, ...]
    dense: tuple[Mark, ...]
    steps: tuple[tuple[float, float], ...]
    knee: Mark | None
    floor: float
    stopped: int
    failed: int
    x_low: float
    y_low: float
    y_high: float
    x_title: str
    y_title: str
    confirmed: MeansInfo

    def of(self, outcome: str) -> list[Mark]:
        """The marks with one outcome."""
        return [mark for mark in self.marks if mark.outcome == outcome]


def front_info(study: Study, outcome: Outcome) -> FrontInfo:
    """Collect marks, the attained region and axis limits that keep the interesting part large.

    A confirmed reference arm stands at its mean: it was not chosen, so its first training tells no more.

    A front of three objectives is shown as it projects: some of its marks lie inside the region.
    """
    marks: list[Mark] = []
    dense: list[Mark] = []
    ended = outcome.trials.loc[outcome.trials["kind"] == "search", "outcome"].value_counts()
    means = means_info(study, outcome)
    fresh = {mean.number: mean for mean in means.means}
    kinds = ("front", "dominated", "infeasible", "below floor", "reference")
    for row in outcome.of(*kinds).to_dict("records"):
        if not (finite(row[study.sparsity]) and finite(row[study.accuracy])):
            continue  # not both need be objectives
        is_dense = row["scheduler"] == "dense" and row["outcome"] == "reference"
        mark = Mark(
            number=int(row["number"]),
            scheduler=row["scheduler"],
            outcome=row["outcome"],
            sparsity=float(row[study.sparsity]),
            accuracy=float(row[study.accuracy]),
            hover=describe(row, study),
            label=ratio_name(row) if row["outcome"] == "reference" else "",
        )
        if row["outcome"] == "reference" and mark.number in fresh:
            mean = fresh[mark.number]
            x, y = mean.sparsity.value, mean.accuracy.value
            mark = replace(mark, sparsity=x, accuracy=y, hover=mean.hover)
        (dense if is_dense else marks).append(mark)
    spots = [(mark.sparsity, mark.accuracy) for mark in marks]
    spots += [(m.sparsity.value, m.accuracy.value) for m in means.means if m.scheduler != "dense"]
    shown = [spot for spot in spots if spot[1] >= study.floor] or spots
    # The dense arms are lines, not points, so that sparsity 0 does not stretch the axis.
    left = min((sparsity for sparsity, _ in shown), default=0.0)
    low = min((accuracy for _, accuracy in shown), default=study.floor)
    high = max((accuracy for accuracy in [*(y for _, y in spots), *(m.accuracy for m in dense)]), default=1.0)
    room = max(0.05 * (high - low), 0.004)
    corners = pareto.staircase(
        [(mark.sparsity, mark.accuracy) for mark in marks if mark.outcome == "front"],
        (min(study.worst(study.sparsity), left), min(study.worst(study.accuracy), low)),
    )
    return FrontInfo(
        marks=tuple(marks),
        dense=tuple(dense),
        steps=tuple((float(x), float(y)) for x, y in corners),
        knee=next((mark for mark in marks if mark.number == outcome.knee), None),
        floor=study.floor,
        stopped=int(ended.get("stopped", 0)),
        failed=int(ended.get("failed", 0)),
        x_low=max(0.0, math.floor(20 * (left - 0.01)) / 20),
        y_low=max(0.0, low - 2 * room),
        y_high=high + room,
        x_title=study.label(study.sparsity),
        y_title=study.label(study.accuracy),
        confirmed=means,
    )


def axes(info: FrontInfo) -> list[tuple[str, Axis]]:
    """The views of the front: button label and axis."""
    remaining = [
        1 - mark.sparsity for mark in info.marks if mark.sparsity < 1 and mark.accuracy >= info.floor
    ]
    smallest = min(remaining, default=0.01) * 0.7
    rest = "Remaining (1 \N{MINUS SIGN} sparsity), log axis"
    return [
        ("Sparsity", Axis(False, info.x_low, info.x_title)),
        ("What remains, log", Axis(True, info.x_low, rest, smallest)),
    ]


def draw_front(
    info: FrontInfo, styles: dict[str, Style], axis: Axis, size: tuple[float, float] = PLOT
) -> go.Figure:
    """The attained region, dominated trials, front, dense line, infeasible ones, references, means, knee."""
    figure = go.Figure(layout={"template": theme.template()})
    _region(figure, info, axis)
    for outcome in ("dominated", "front"):
        for name, style in styles.items():
            marks = [mark for mark in info.of(outcome) if mark.scheduler == name]
            _trials(figure, marks, style, outcome, axis, faint=bool(info.confirmed.means))
    _legend(figure, info, styles)
    _dense(figure, info, axis, size)
    _below(figure, info, styles, axis)
    draw_means(figure, info.confirmed, styles, axis, info.y_low)
    _references(figure, info, styles, axis, size)
    if info.knee is not None:
        ring = {"symbol": "circle-open", "size": 24, "color": theme.INK, "line": {"width": 1.5}}
        _points(figure, [info.knee], axis, "knee", marker=ring, hoverinfo="skip")
    figure.update_layout(
        xaxis=axis.layout(),
        yaxis={
            "range": [100 * info.y_low, 100 * info.y_high], "ticksuffix": " %",
            "title": {"text": plotly_text(info.y_title)},
        },
    )  # fmt: skip
    return figure


def _share(mark: Mark, info: FrontInfo) -> float:
    return max(0.0, (mark.accuracy - info.y_low) / (info.y_high - info.y_low))


def spot(mark: Mark, info: FrontInfo, axis: Axis) -> tuple[float, float]:
    """Where a mark sits, as fractions [0, 1] of the plot; marks below the axis sit on its lower edge."""
    return axis.place(mark.sparsity), _share(mark, info)


def _points(figure: go.Figure, marks: Sequence[Mark], axis: Axis, name: str, **options: object) -> None:
    shared: dict[str, object] = {"mode": "markers", "hoverinfo": "text", "name": name}
    shared |= {"x": [axis.x(mark.sparsity) for mark in marks], "y": [100 * mark.accuracy for mark in marks]}
    shared |= {"customdata": [mark.number for mark in marks], "meta": "trials"}
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


def _legend(figure: go.Figure, info: FrontInfo, styles: dict[str, Style]) -> None:
    """One entry per schedule and one per kind of mark, by traces without points."""
    used = {mark.scheduler for mark in info.marks}
    entries = [
        (plotly_text(style.label), style.symbol, style.color, 11)
        for name, style in styles.items()
        if name in used
    ]
    kinds = (
        (len(info.of("dominated")), "dominated", "circle-open", 8),
        (len(info.of("infeasible")), "infeasible", "x", 8),
        (len(info.of("below floor")), f"below {100 * info.floor:.0f} % (floor)", "triangle-down", 8),
        (len(info.of("reference")), "reference arms", "circle", 10),
        (sum(not mean.reference for mean in info.confirmed.means), "confirmed means", "circle-open", 10),
        (info.stopped, "stopped, no values", "line-ew", 8),
        (info.failed, "failed, no values", "x-thin", 7),
    )
    entries += [(f"{n} {word}", symbol, theme.SOFT, size) for n, word, symbol, size in kinds if n]
    for name, symbol, color, size in entries:
        edge = {"width": 2, "color": theme.INK} if "reference" in name else {"width": 1.5, "color": color}
        marker = {
            "symbol": symbol,
            "size": size,
            "color": theme.FAINT if "reference" in name else color,
            "line": edge,
        }
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, hoverinfo="skip")


def _region(figure: go.Figure, info: FrontInfo, axis: Axis) -> None:
    if not info.steps:
        return
    corners = [*info.steps, (info.steps[0][0], info.steps[-1][1])]
    region = {"x": [axis.x(x) for x, _ in corners], "y": [100 * y for _, y in corners]}
    figure.add_scatter(
        **region, mode="none", fill="toself", fillcolor=theme.AREA, hoverinfo="skip", showlegend=False
    )
    line = {"color": theme.BLUE, "width": 1.5}
    edge = {"x": region["x"][:-1], "y": region["y"][:-1]}
    figure.add_scatter(**edge, mode="lines", line=line, hoverinfo="skip", name="reached")


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
        side, above = corner(_share(best, info), text, [spot(m, info, axis) for m in info.marks], size)
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
    others = [spot(mark, info, axis) for mark in info.marks if mark.outcome != "reference"]
    labels = [mark.label for mark in marks]
    color = [styles[mark.scheduler].color for mark in marks]
    symbol = [styles[mark.scheduler].symbol for mark in marks]
    _points(
        figure, marks, axis, "reference arm", mode="markers+text", showlegend=False,
        text=[f"{NBSP}{plotly_text(label)}{NBSP}" for label in labels],
        y=[100 * max(mark.accuracy, info.y_low) for mark in marks], cliponaxis=False,
        textposition=places([spot(mark, info, axis) for mark in marks], labels, others, size),
        textfont={"size": 12 if size == PLOT else 10, "color": theme.SOFT},
        marker={"symbol": symbol, "size": 12, "color": color, "line": {"width": 2, "color": theme.INK}},
    )  # fmt: skip

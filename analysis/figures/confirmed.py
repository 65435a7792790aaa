"""Confirmed means over the search's points: both axes with error bars, and the way from luck to mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis import pareto, theme
from analysis.confirmation import TEST, Configuration
from analysis.figures.axis import Axis
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.stats import Estimate
from analysis.text import by_unit, count, estimate, finite, percent, plotly_text, points, ratio_name, short
from analysis.theme import Style


@dataclass(frozen=True)
class Mean:
    """A confirmed configuration: means over fresh seeds (fractions) with 95 % intervals.

    `lucky`: sparsity and accuracy of the trial that it was chosen for. `hover` is plotly's HTML subset.
    """

    number: int
    scheduler: str
    reference: bool
    sparsity: Estimate
    accuracy: Estimate
    lucky: tuple[float, float]
    hover: str


@dataclass(frozen=True)
class MeansInfo:
    """The means, reference arms included, and the corners of the confirmed front's staircase."""

    means: tuple[Mean, ...] = ()
    steps: tuple[tuple[float, float], ...] = ()


def means_info(study: Study, outcome: Outcome) -> MeansInfo:
    """Configurations with known mean accuracy and sparsity."""
    means = [
        Mean(
            number=part.number,
            scheduler=str(part.row["scheduler"]),
            reference=part.is_reference,
            sparsity=part.mean(study.sparsity),
            accuracy=part.mean(study.accuracy),
            lucky=(float(part.row[study.sparsity]), float(part.row[study.accuracy])),
            hover=_describe(part, study),
        )
        for part in outcome.configurations
    ]
    means = [mean for mean in means if finite(mean.accuracy.value) and finite(mean.sparsity.value)]
    front = [
        (mean.sparsity.value, mean.accuracy.value) for mean in means if mean.number in outcome.confirmed_front
    ]
    low = (
        min([study.worst(study.sparsity), *(x for x, _ in front)]),
        min([study.worst(study.accuracy), *(y for _, y in front)]),
    )
    corners = pareto.staircase(front, low)
    return MeansInfo(tuple(means), tuple((float(x), float(y)) for x, y in corners))


def _describe(part: Configuration, study: Study) -> str:
    what = f"reference {ratio_name(part.row)}" if part.is_reference else ratio_name(part.row)
    lines = [f"<b>trial {part.number}, confirmed</b>, {plotly_text(short(what, 40))}"]
    for metric in study.shown:
        mean, head = part.mean(metric), plotly_text(study.label(metric))
        fraction = study.unit(metric) == "fraction"
        shown = (
            estimate(mean.value, mean.low, mean.high) if fraction else by_unit(mean.value, study.unit(metric))
        )
        lines.append(f"{head} {shown}")
    test = part.mean(TEST)
    if finite(test.value):
        lines.append(f"Test accuracy {estimate(test.value, test.low, test.high)}")
    lines.append(f"mean of {count(len(part.runs), 'fresh seed')}")
    if not part.is_reference and finite(part.optimism(study.accuracy)):
        lucky = percent(part.row[study.accuracy])
        lines.append(f"the search saw {lucky} ({points(part.optimism(study.accuracy))} points)")
    return "<br>".join(lines)


def draw_means(figure: go.Figure, info: MeansInfo, styles: dict[str, Style], axis: Axis, low: float) -> None:
    """Dotted lines from the search's value to the mean, the confirmed front, the means with error bars.

    `low`: accuracy at the foot of the vertical axis; a mean below it sits on the lower edge. Reference arms
    get their bars here and their mark from the front's own drawing.
    """
    if not info.means:
        return
    tried = [mean for mean in info.means if not mean.reference]
    ways = [(mean.lucky, (mean.sparsity.value, mean.accuracy.value)) for mean in tried]
    ways = [way for way in ways if all(map(math.isfinite, way[0]))]
    x = [at for (left, _), (right, _) in ways for at in (axis.x(left), axis.x(right), None)]
    y = [at for (_, low), (_, high) in ways for at in (100 * low, 100 * high, None)]
    dotted = {"color": theme.SOFT, "width": 1, "dash": "dot"}
    figure.add_scatter(
        x=x, y=y, mode="lines", line=dotted, hoverinfo="skip", name="optimism", showlegend=False
    )
    if info.steps:
        edge = {"x": [axis.x(x) for x, _ in info.steps], "y": [100 * y for _, y in info.steps]}
        line = {"color": theme.INK, "width": 1.5}
        figure.add_scatter(**edge, mode="lines", line=line, hoverinfo="skip", name="confirmed front")
    # By schedule: an error bar has one colour in a trace.
    for name, style in styles.items():
        for reference in (False, True):
            chosen = [mean for mean in info.means if mean.scheduler == name and mean.reference == reference]
            if chosen and not (reference and name == "dense"):
                _points(figure, chosen, style, reference, axis, low)


def _points(
    figure: go.Figure, means: Sequence[Mean], style: Style, reference: bool, axis: Axis, low: float
) -> None:
    spans = [(mean.sparsity, mean.accuracy) for mean in means]
    figure.add_scatter(
        x=[axis.x(s.value) for s, _ in spans],
        y=[100 * max(a.value, low) for _, a in spans],
        error_x=_bars([(axis.x(s.value), axis.x(s.low), axis.x(s.high)) for s, _ in spans], style),
        error_y=_bars([(100 * a.value, 100 * a.low, 100 * a.high) for _, a in spans], style),
        mode="markers", cliponaxis=False, showlegend=False,
        name="confirmed reference" if reference else "confirmed",
        marker={
            "symbol": style.symbol, "size": 1 if reference else 10, "color": theme.PAPER,
            "line": {"width": 0 if reference else 2.5, "color": style.color},
        },
        hoverinfo="skip" if reference else "text", hovertext=[mean.hover for mean in means],
    )  # fmt: skip


def _bars(spans: Sequence[tuple[float, float, float]], style: Style) -> dict[str, object]:
    """Plotly's error bars from (value, one end, other end); none where the ends are unknown."""

    def length(values: list[float]) -> list[float]:
        return [value if math.isfinite(value) else 0.0 for value in values]

    return {
        "type": "data", "symmetric": False, "color": style.color, "thickness": 1.5, "width": 4,
        "array": length([max(a, b) - value for value, a, b in spans]),
        "arrayminus": length([value - min(a, b) for value, a, b in spans]),
    }  # fmt: skip

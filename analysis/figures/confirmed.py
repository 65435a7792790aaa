"""Confirmed means over the search's points: both axes with error bars, and the way from luck to mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis import theme
from analysis.confirmation import TEST, Configuration
from analysis.figures.axis import Axis
from analysis.figures.hover import TRIALS
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.stats import Estimate
from analysis.text import by_unit, count, estimate, finite, percent, plotly_text, points, ratio_name, short
from analysis.theme import Style

Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mean:
    """A confirmed configuration: means over fresh seeds with 95 % intervals; `at`: by metric of an axis.

    `lucky`, `lucky_at`: accuracy and axes of the trial that it was chosen for. `hover`: plotly's HTML subset.
    """

    number: int
    scheduler: str
    reference: bool
    feasible: bool
    accuracy: Estimate
    at: Mapping[str, Estimate]
    lucky: float
    lucky_at: Mapping[str, float]
    hover: str


@dataclass(frozen=True)
class MeansInfo:
    """The means, reference arms included."""

    means: tuple[Mean, ...] = ()

    def of(self, number: int) -> Mean | None:
        """The mean of the configuration that was chosen for this trial."""
        return next((mean for mean in self.means if mean.number == number), None)


def means_info(study: Study, outcome: Outcome, metrics: Sequence[str]) -> MeansInfo:
    """Configurations with known mean accuracy and sparsity; `metrics`: of the axes."""
    means = [
        Mean(
            number=part.number,
            scheduler=str(part.row["scheduler"]),
            reference=part.is_reference,
            feasible=part.feasible,
            accuracy=part.mean(study.accuracy),
            at={name: part.mean(name) for name in metrics},
            lucky=float(part.row[study.accuracy]),
            lucky_at={name: float(part.row[name]) for name in metrics},
            hover=_describe(part, study, metrics),
        )
        for part in outcome.configurations
    ]
    known = [mean for mean in means if finite(mean.accuracy.value) and finite(mean.at[study.sparsity].value)]
    return MeansInfo(tuple(known))


def _describe(part: Configuration, study: Study, metrics: Sequence[str]) -> str:
    what = f"reference {ratio_name(part.row)}" if part.is_reference else ratio_name(part.row)
    lines = [f"<b>trial {part.number}, confirmed</b>, {plotly_text(short(what, 40))}"]
    for metric in dict.fromkeys([*study.shown, *metrics]):
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


def draw_means(
    figure: go.Figure, info: MeansInfo, styles: dict[str, Style], axis: Axis, steps: Corners, low: float
) -> None:
    """Dotted lines from the search's value to the mean, the confirmed front, the means with error bars.

    `steps`: corners of the confirmed front. `low`: accuracy at the foot of the vertical axis; a mean below it
    sits on the lower edge. Reference arms get their bars here and their mark from the front's own drawing.
    """
    if not info.means:
        return
    x, y = [], []
    for mean in info.means:
        if not mean.reference:
            x += [axis.x(mean.lucky_at[axis.metric]), axis.x(mean.at[axis.metric].value), None]
            y += [100 * mean.lucky, 100 * mean.accuracy.value, None]
    dotted = {"color": theme.SOFT, "width": 1, "dash": "dot"}
    figure.add_scatter(
        x=x, y=y, mode="lines", line=dotted, hoverinfo="skip", name="optimism", showlegend=False
    )
    line = {"color": theme.INK, "width": 1.5}
    figure.add_scatter(
        x=[axis.x(at) for at, _ in steps], y=[100 * at for _, at in steps], mode="lines", line=line,
        hoverinfo="skip", name="confirmed front", showlegend=bool(steps),
    )  # fmt: skip
    # By schedule: an error bar has one colour in a trace.
    for name, style in styles.items():
        for reference in (False, True):
            chosen = [mean for mean in info.means if mean.scheduler == name and mean.reference == reference]
            if chosen and not (reference and name == "dense"):
                _points(figure, chosen, style, reference, axis, low)


def _points(
    figure: go.Figure, means: Sequence[Mean], style: Style, reference: bool, axis: Axis, low: float
) -> None:
    spans = [(mean.at[axis.metric], mean.accuracy) for mean in means]
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
        customdata=[mean.number for mean in means], meta=TRIALS,
    )  # fmt: skip


def _bars(spans: Sequence[tuple[float, float, float]], style: Style) -> dict[str, object]:
    """Plotly's error bars from (value, one end, other end); none where the ends are unknown."""

    def length(values: list[float]) -> list[float]:
        return [value if math.isfinite(value) else 0.0 for value in values]

    return {
        "type": "data", "symmetric": False, "color": style.color, "thickness": 1.25, "width": 3,
        "array": length([max(a, b) - value for value, a, b in spans]),
        "arrayminus": length([value - min(a, b) for value, a, b in spans]),
    }  # fmt: skip

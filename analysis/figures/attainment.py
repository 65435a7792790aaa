"""The region reached in a quarter, half and three quarters of the seeds: a band and a line by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from analysis import pareto, theme
from analysis.figures.scale import Scale
from analysis.pareto import Floats
from analysis.text import count, percent, plotly_text
from analysis.theme import Style

LEVELS = (0.25, 0.5, 0.75)
MOST = 12  # groups drawn


@dataclass(frozen=True, eq=False)
class Reached:
    """What the seeds of one group (a schedule family, a study) attain.

    `surfaces`: by level, the corners [k, 2] (sparsity, accuracy) of the region that at least that share of
    the `seeds` seeds attains; `configurations` and `runs` behind it, failed runs included.
    """

    name: str
    surfaces: Mapping[float, Floats]
    seeds: int
    configurations: int
    runs: int

    def accuracy(self, level: float, least: float) -> float:
        """The accuracy that the share `level` of the seeds reaches at a sparsity >= `least`; NaN for none."""
        enough = self.surfaces[level][self.surfaces[level][:, 0] >= least, 1]
        return float(enough.max()) if len(enough) else float("nan")

    def reaches(self, level: float, least: float) -> bool:
        """Whether that share of the seeds reaches this sparsity at all."""
        return bool((self.surfaces[level][:, 0] >= least).any())

    def needed(self, level: float) -> int:
        """How many seeds a level stands for: the least number whose share is `level` or more."""
        return int(np.ceil(round(level * self.seeds, 9)))


@dataclass(frozen=True)
class AttainmentInfo:
    """The groups that reach anything, the best first; limits of the axes; `left_out`: groups not drawn."""

    groups: tuple[Reached, ...]
    low: float
    high: float
    left_out: int


def reached(name: str, fronts: Sequence[Floats], configurations: int, runs: int) -> Reached:
    """The attainment surfaces of one front [k, 2] for every seed."""
    surfaces = {level: pareto.attainment(fronts, level) for level in LEVELS}
    return Reached(name, surfaces, len(fronts), configurations, runs)


def attainment_info(groups: Sequence[Reached], worst: tuple[float, float]) -> AttainmentInfo:
    """Order by the hypervolume of the median region over `worst` (sparsity, accuracy); at most `MOST`."""
    volumes = {id(group): pareto.hypervolume(group.surfaces[0.5], worst, (True, True)) for group in groups}
    known = [group for group in groups if any(len(corners) for corners in group.surfaces.values())]
    known.sort(key=lambda group: (-volumes[id(group)], group.name))
    shown = known[:MOST]
    accuracy = np.concatenate([np.empty(0), *(c[:, 1] for group in shown for c in group.surfaces.values())])
    low, high = (float(accuracy.min()), float(accuracy.max())) if len(accuracy) else (0.0, 1.0)
    room = max(0.05 * (high - low), 0.004)
    return AttainmentInfo(tuple(shown), max(0.0, low - room), high + room, len(known) - len(shown))


def draw_attainment(
    info: AttainmentInfo, styles: Mapping[str, Style], scale: Scale, title: str, y_title: str
) -> go.Figure:
    """For each group a band between the levels 25 and 75 %, the median as a step line, its corners as marks.

    With one seed the three are the same: the line alone is drawn.
    """
    figure = go.Figure(layout={"template": theme.template()})
    for group in info.groups:
        outer, inner = (_path(group.surfaces[level], info, scale) for level in (LEVELS[0], LEVELS[-1]))
        style = styles[group.name]
        band = [*outer, *reversed(inner)] if group.seeds > 1 and outer else []
        if not inner and band:  # the three quarters reach nothing: the band goes down to the axis
            band = [*outer, (outer[0][0], 100 * info.low)]
        figure.add_scatter(
            x=[x for x, _ in band], y=[y for _, y in band], mode="none", fill="toself", opacity=0.16,
            fillcolor=style.color, hoverinfo="skip", showlegend=False, legendgroup=plotly_text(group.name),
            name="from 25 to 75 % of the seeds",
        )  # fmt: skip
    for group in info.groups:
        style, path = styles[group.name], _path(group.surfaces[0.5], info, scale)
        figure.add_scatter(
            x=[x for x, _ in path], y=[y for _, y in path], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": style.color, "width": 2, "dash": style.dash}, legendgroup=plotly_text(group.name),
            name="half of the seeds",
        )  # fmt: skip
    for group in info.groups:
        style, corners = styles[group.name], group.surfaces[0.5]
        figure.add_scatter(
            x=[scale.x(x) for x in corners[:, 0]], y=[100 * y for y in corners[:, 1]],
            mode="markers", name=plotly_text(style.label),
            legendgroup=plotly_text(group.name), hoverinfo="text", cliponaxis=False,
            hovertext=[_hover(group, style, x, y) for x, y in corners],
            marker={
                "symbol": style.symbol, "size": 8, "color": style.color,
                "line": {"width": 1, "color": theme.PAPER},
            },
        )  # fmt: skip
    figure.update_layout(scale.axes(title, info.low, info.high, y_title))
    return figure


def _path(corners: Floats, info: AttainmentInfo, scale: Scale) -> list[tuple[float, float]]:
    """The step line from the left end of the axis to its foot."""
    steps = pareto.staircase(corners, (scale.low, info.low))
    return [(scale.x(float(x)), 100 * float(y)) for x, y in steps]


def _hover(group: Reached, style: Style, sparsity: float, accuracy: float) -> str:
    share = f"{group.needed(0.5)} of {count(group.seeds, 'seed')}"
    return (
        f"<b>{plotly_text(style.label)}</b><br>{share} {'reach' if group.needed(0.5) > 1 else 'reaches'} "
        f"{percent(accuracy)}<br>at {percent(sparsity)} sparsity or more"
    )

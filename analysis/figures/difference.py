"""Where one study is reached more often than another: the difference of their attainment functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from analysis import pareto, theme
from analysis.attained import attained_share, grid, outline
from analysis.figures.scale import Scale
from analysis.pareto import Floats
from analysis.text import DASH, plotly_text
from analysis.theme import Style

STEPS = (1 / 3, 2 / 3, 1.0)  # upper ends of the classes of |difference|


@dataclass(frozen=True, eq=False)
class DifferenceInfo:
    """Share of the first study's seeds that attain a point minus that of the other's, by cells of a grid.

    `difference` [n, m] belongs to the cells between the edges `x` [n + 1] (sparsity) and `y` [m + 1]
    (accuracy); `medians`: corners of what half of the seeds of each attain; `alone`: one seed each, so that
    what one attains more often it attains alone; `left_out`: grid lines dropped.
    """

    x: Floats
    y: Floats
    difference: Floats
    medians: tuple[Floats, Floats]
    alone: bool
    left_out: int

    def share(self, sign: int, low: float) -> float:
        """The largest difference for the first (1) or the other (-1) at sparsities >= `low`; 0 for none."""
        part = sign * self.difference[self.x[1:] >= low]
        return max(0.0, float(part.max(initial=0.0)))


def difference_info(
    first: Sequence[Floats], other: Sequence[Floats], low: float, floor: float
) -> DifferenceInfo:
    """From the fronts [k, 2] of the seeds of two studies; `low`, `floor`: where both axes begin.

    A point is attained as the upper right corner of its cell is, so on the grid of all values the cells are
    exact; beyond 200 values an axis keeps 200 of them and what lies between counts as not attained.
    """
    every = np.concatenate([np.empty((0, 2)), *first, *other])
    every = every[(every[:, 0] > low) & (every[:, 1] > floor)]
    x, y = grid(every[:, 0]), grid(every[:, 1])
    left_out = sum(len(np.unique(column)) - len(kept) for column, kept in zip(every.T, (x, y), strict=True))
    difference = attained_share(first, x, y) - attained_share(other, x, y)
    medians = tuple(pareto.attainment(fronts, 0.5) for fronts in (first, other))
    return DifferenceInfo(
        np.append(low, x),
        np.append(floor, y),
        difference,
        (medians[0], medians[1]),
        len(first) == len(other) == 1,
        left_out,
    )


def draw_difference(
    info: DifferenceInfo, styles: tuple[Style, Style], scale: Scale, title: str, y_title: str
) -> go.Figure:
    """Shades of a study's colour where more of its seeds attain it, darker by thirds; both medians."""
    figure = go.Figure(layout={"template": theme.template()})
    for style, sign in zip(styles, (1, -1), strict=True):
        for step, top in enumerate(STEPS):
            bottom = STEPS[step - 1] if step else 0.0
            cells = (sign * info.difference > bottom + 1e-9) & (sign * info.difference <= top + 1e-9)
            rings = outline(cells, info.x, info.y)
            words = "alone" if info.alone else f"{100 * bottom:.0f} {DASH} {100 * top:.0f} %"
            figure.add_scatter(
                x=[x for ring in rings for x in (*(scale.x(float(at)) for at in ring[:, 0]), None)],
                y=[y for ring in rings for y in (*(100 * float(at) for at in ring[:, 1]), None)],
                mode="none", fill="toself", fillcolor=style.color, opacity=0.16 + 0.25 * step,
                hoverinfo="skip", showlegend=bool(rings), name=f"{plotly_text(style.label)} {words}",
            )  # fmt: skip
    for style, corners in zip(styles, info.medians, strict=True):
        steps = pareto.staircase(corners, (info.x[0], info.y[0]))
        figure.add_scatter(
            x=[scale.x(float(x)) for x, _ in steps], y=[100 * float(y) for _, y in steps], mode="lines",
            line={"color": style.color, "width": 2, "dash": style.dash}, hoverinfo="skip",
            name=f"{plotly_text(style.label)}{'' if info.alone else ', median'}",
        )  # fmt: skip
    room = 0.05 * (info.y[-1] - info.y[0])
    figure.update_layout(scale.axes(title, info.y[0], info.y[-1] + room, y_title))
    return figure

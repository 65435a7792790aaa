"""Which parameters decide: main effects with intervals, by what a trial is to be good at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.importance import NEAR, Importances, best, groups, importances, near_front
from analysis.outcome import Outcome
from analysis.parameters import Parameter, parameters
from analysis.results import Study
from analysis.text import finite, percent, plotly_text, short

MOST = 10
_MARKS = ((theme.INK, "circle"), (theme.BLUE, "square"), (theme.ORANGE, "diamond"), (theme.GREEN, "cross"))


@dataclass(frozen=True)
class ImportanceInfo:
    """Importances by target: `labels` and `targets`, the first for reaching the front, then for the best
    quarter in each objective.

    `parameters`: what they speak of, in the order of each target's estimates.
    """

    parameters: tuple[Parameter, ...]
    labels: tuple[str, ...]
    targets: tuple[Importances, ...]

    @property
    def order(self) -> list[int]:
        """Parameters by their importance for reaching the front; ties by the largest for an objective."""
        first = [_value(self.targets[0], i) for i in range(len(self.parameters))]
        rest = [max(_value(t, i) for t in self.targets) for i in range(len(self.parameters))]
        return sorted(range(len(self.parameters)), key=lambda i: (-first[i], -rest[i]))

    @property
    def known(self) -> list[int]:
        """The same without those of which nothing is known for any target."""
        return [i for i in self.order if any(finite(t.estimates[i].value) for t in self.targets)]


def _value(target: Importances, at: int) -> float:
    value = target.estimates[at].value
    return value if finite(value) else -1.0


def importance_info(study: Study, outcome: Outcome, rng: np.random.Generator) -> ImportanceInfo:
    """Of the search's trials: by objective of those that completed, for the front also of those stopped.

    Stopped trials have no values, but they are trials that did not reach the front.
    """
    rows = outcome.of("front", "dominated", "infeasible", "below floor", "stopped")
    rows = rows[rows["kind"] == "search"]
    found = parameters(rows)
    cut = [groups(parameter.values, len(parameter.choices)) for parameter in found]
    feasible = rows["outcome"].isin(["front", "dominated"]).to_numpy()
    values = rows[study.objectives].to_numpy(dtype=float)
    near = near_front(np.where(feasible[:, None], values, np.nan), study.maximize)
    targets = [importances(near, cut, rng)]
    done = (rows["outcome"] != "stopped").to_numpy()
    for column, more in zip(values[done].T, study.maximize, strict=True):
        kept = [groups(np.where(done, p.values, np.nan), len(p.choices))[done] for p in found]
        targets.append(importances(best(column, more), kept, rng))
    labels = ["Reaching the front", *(study.label(name) for name in study.objectives)]
    return ImportanceInfo(tuple(found), tuple(labels), tuple(targets))


def front_share(info: ImportanceInfo) -> str:
    """What the first target counts as near the front, in words."""
    return f"the front and the layers right behind it, to at least {percent(NEAR, 0)} of the trials"


def draw_importance(info: ImportanceInfo, narrow: bool = False) -> go.Figure:
    """A row per parameter, a mark with its interval per target; shaded: what chance alone would give."""
    figure = go.Figure(layout={"template": theme.template()})
    shown = info.known[:MOST]
    many = len(info.targets)
    highs = [0.1]
    for place, (label, target) in enumerate(zip(info.labels, info.targets, strict=True)):
        color, symbol = _MARKS[place]
        rows = [row for row, i in enumerate(shown) if finite(target.estimates[i].value)]
        parts = [target.estimates[shown[row]] for row in rows]
        highs += [part.high if finite(part.high) else part.value for part in parts]
        tell = [
            f"{plotly_text(info.parameters[shown[row]].label)}<br>{plotly_text(label)}: "
            f"{percent(part.value)} [{percent(part.low)}, {percent(part.high)}], n = {part.n}"
            for row, part in zip(rows, parts, strict=True)
        ]
        figure.add_scatter(
            x=[100 * part.value for part in parts],
            y=[row + 0.22 * (place - (many - 1) / 2) for row in rows],
            error_x={
                "type": "data", "symmetric": False, "thickness": 1.4, "width": 0, "color": color,
                "array": [100 * (part.high - part.value) if finite(part.high) else 0 for part in parts],
                "arrayminus": [100 * (part.value - part.low) if finite(part.low) else 0 for part in parts],
            },
            mode="markers", marker={"color": color, "symbol": symbol, "size": 9},
            name=plotly_text(short(label, 17 if narrow else 48)), hoverinfo="text", hovertext=tell,
        )  # fmt: skip
    noise = max((target.noise for target in info.targets if finite(target.noise)), default=0.0)
    if noise > 0:
        figure.add_vrect(x0=0, x1=100 * noise, fillcolor=theme.GRID, line_width=0, layer="below", opacity=0.6)
        figure.add_annotation(
            x=50 * noise, y=len(shown) - 0.42, yref="y", yanchor="middle", text="chance", showarrow=False,
            font={"size": 11, "color": theme.SOFT},
        )  # fmt: skip
    names = [plotly_text(short(info.parameters[i].label, 18 if narrow else 40)) for i in shown]
    figure.update_layout(
        xaxis={
            "title": {"text": "Share explained alone"},
            "range": [-1.5, min(101.0, 100 * max(highs) * 1.04)], "ticksuffix": " %",
        },
        yaxis={
            "tickvals": list(range(len(shown))), "ticktext": names, "range": [len(shown) - 0.25, -0.55],
            "gridcolor": "rgba(0,0,0,0)", "tickfont": {"color": theme.INK, "size": 11 if narrow else 13},
        },
    )  # fmt: skip
    return figure

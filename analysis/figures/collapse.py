"""Which schedules collapse, and at which progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.figures.chosen import spread
from analysis.figures.hover import TRIALS
from analysis.results import Study
from analysis.runs import Collapse, Runs, collapse
from analysis.text import NBSP, RATIO, number, percent, plotly_text
from analysis.theme import Style

MOST = 1500
ROW = 34  # pixels


@dataclass(frozen=True)
class Ended:
    """One completed training, its D / sum(lr), and how it ended."""

    number: int
    ratio: float
    end: Collapse


@dataclass(frozen=True)
class Group:
    """The completed trainings of one schedule, by number."""

    scheduler: str
    trainings: tuple[Ended, ...]

    @property
    def collapsed(self) -> list[Ended]:
        """Those that lost their accuracy for good."""
        return [one for one in self.trainings if one.end.at is not None]

    @property
    def times(self) -> list[float]:
        """The progress at which each of these collapsed."""
        return [one.end.at for one in self.trainings if one.end.at is not None]

    @property
    def to_chance(self) -> int:
        """How many of these ended at chance."""
        return sum(one.end.to_chance for one in self.trainings)

    @property
    def share(self) -> float:
        """Collapsed / all."""
        return len(self.collapsed) / len(self.trainings)


def collapses(study: Study, runs: Runs) -> tuple[Group, ...]:
    """Search trials and arms that completed and have an accuracy by epoch, by schedule, most collapses first.

    Confirming runs repeat a few chosen schedules and would count these many times; stopped ones have no end.
    """
    classes = study.part("data").get("classes")
    chance = 1 / classes if isinstance(classes, int) and classes > 0 else 0.0
    trials = study.trials[(study.trials["state"] == "COMPLETE") & (study.trials["kind"] != "confirm")]
    found: dict[str, list[Ended]] = {}
    for trial, scheduler, ratio in zip(
        trials["number"].tolist(), trials["scheduler"], trials["threshold_ratio"].tolist(), strict=True
    ):
        end = collapse(runs.u(trial), runs.column(trial, study.accuracy), chance)
        if end is not None:
            found.setdefault(scheduler, []).append(Ended(trial, ratio, end))
    groups = [Group(name, tuple(members)) for name, members in found.items()]
    return tuple(sorted(groups, key=lambda group: (-group.share, group.scheduler)))


def draw_collapses(groups: Sequence[Group], styles: dict[str, Style]) -> go.Figure:
    """A row per schedule: a mark at the u of every collapse, and beside it how many of n collapsed."""
    figure = go.Figure(layout={"template": theme.template()})
    together = [one.number for group in groups for one in group.collapsed]
    drawn = set(spread(together, MOST))
    for row, group in enumerate(groups):
        style, shown = styles[group.scheduler], [one for one in group.collapsed if one.number in drawn]
        # Marks of one u would hide one another: a fixed wave, not noise, moves them off the row's middle.
        shift = [0.22 * float(np.sin(2.4 * i)) for i in range(len(shown))]
        figure.add_scatter(
            x=[one.end.at for one in shown], y=[row + by for by in shift], mode="markers", showlegend=False,
            name=plotly_text(style.label), hoverinfo="text",
            hovertext=[_hover(one) for one in shown],
            customdata=[one.number for one in shown], meta=TRIALS,
            marker={
                "symbol": [style.symbol + ("" if one.end.to_chance else "-open") for one in shown],
                "color": style.color, "size": 9, "line": {"color": style.color, "width": 1.5},
            },
        )  # fmt: skip
        figure.add_annotation(
            x=1.0, xref="paper", xanchor="right", y=row, showarrow=False,
            text=f"{len(group.collapsed)} of {len(group.trainings)}", font={"size": 12, "color": theme.SOFT},
        )  # fmt: skip
    names = [plotly_text(styles[group.scheduler].label) for group in groups]
    figure.update_layout(
        xaxis={"title": {"text": "Progress u at which accuracy collapsed"}, "range": [0, 1.12]},
        yaxis={
            "tickvals": list(range(len(groups))), "ticktext": names, "range": [len(groups) - 0.5, -0.5],
        },
    )  # fmt: skip
    figure.update_xaxes(tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
    return figure


def _hover(one: Ended) -> str:
    lines = [f"<b>trial {one.number}</b>, collapsed at u = {one.end.at:.2f}"]
    lines.append(f"best {percent(one.end.best)}, last {percent(one.end.last)}")
    if np.isfinite(one.ratio):
        lines.append(f"{RATIO}{NBSP}= {number(one.ratio)}")
    return "<br>".join(lines)

"""Final threshold against sparsity, by schedule: how much pruning a given D buys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis import stats, theme
from analysis.figures.chosen import spread
from analysis.figures.hover import TRIALS, describe
from analysis.monotone import Rising, enough, needed, rising
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import RATIO, plotly_text
from analysis.theme import Style

FEW = 5
LEVELS = (0.80, 0.90, 0.95)
MOST = 1200


@dataclass(frozen=True)
class ThresholdMark:
    """One trial: D / sum(lr), sparsity as a fraction, whether it reaches the floor and violates nothing."""

    number: int
    scheduler: str
    ratio: float
    sparsity: float
    accuracy: float
    feasible: bool
    reference: bool
    hover: str = ""


@dataclass(frozen=True)
class Relation:
    """What D buys with one schedule.

    `rho`: over its completed search trials. `curve`: the rising fit over its feasible trainings, arms
    included (of D / sum(lr) -> sparsity), None for too few; `needs`: by sparsity, the D / sum(lr) at which
    it gets there; `feasible`: number of these trainings.
    """

    rho: stats.Estimate
    curve: Rising | None
    needs: Mapping[float, stats.Estimate]
    feasible: int


@dataclass(frozen=True)
class ThresholdInfo:
    """All marks; `rho`: Spearman's, over the search; `by_schedule`: where at least `FEW` trials completed.

    `drawn`: the numbers of those marks that the figure draws and names, all up to `MOST`.
    """

    marks: tuple[ThresholdMark, ...]
    rho: stats.Estimate
    by_schedule: Mapping[str, Relation]
    label: str
    drawn: frozenset[int] = frozenset()

    def least_ratio(self, sparsity: float, scheduler: str | None = None) -> ThresholdMark | None:
        """The smallest D / sum(lr) of a feasible search trial (of a schedule) with at least this sparsity."""
        enough = [m for m in self.marks if m.feasible and not m.reference and m.sparsity >= sparsity]
        named = [m for m in enough if scheduler in (None, m.scheduler)]
        return min(named, key=lambda mark: (mark.ratio, mark.number), default=None)


def threshold_info(study: Study, outcome: Outcome, rng: np.random.Generator) -> ThresholdInfo:
    """Pairs of D / sum(lr) and sparsity of all completed trials.

    For rho the collapsed ones count, D prunes them too; the fitted curve is of those above the floor alone,
    since a collapsed network is sparser than any that works.
    """
    rows = pd.concat([outcome.searched, outcome.references]).sort_values("number")
    rows = rows[np.isfinite(rows[["threshold_ratio", study.sparsity]].to_numpy(dtype=float)).all(axis=1)]
    accuracy = rows[study.accuracy].to_numpy(dtype=float)
    works = ~rows["outcome"].isin(("infeasible", "below floor")).to_numpy() & (accuracy >= study.floor)
    marks = [
        ThresholdMark(*values)
        for values in zip(
            rows["number"].tolist(), rows["scheduler"], rows["threshold_ratio"].tolist(),
            rows[study.sparsity].tolist(), accuracy.tolist(), works.tolist(),
            (rows["outcome"] == "reference").tolist(), strict=True,
        )
    ]  # fmt: skip
    keep = {*outcome.front["number"], *outcome.references["number"]}
    drawn = frozenset(spread([mark.number for mark in marks], MOST, keep))
    told = rows[rows["number"].isin(drawn)].to_dict("records")
    hovers = {int(row["number"]): describe(row, study) for row in told}
    marks = [replace(mark, hover=hovers[mark.number]) if mark.number in drawn else mark for mark in marks]
    searched = [mark for mark in marks if not mark.reference]
    relations = {}
    for name in sorted({mark.scheduler for mark in searched}):
        group = [mark for mark in searched if mark.scheduler == name]
        if len(group) >= FEW:
            feasible = [mark for mark in marks if mark.scheduler == name and mark.feasible]
            relations[name] = _relation(group, feasible, rng)
    return ThresholdInfo(tuple(marks), _rho(searched, rng), relations, study.label(study.sparsity), drawn)


def _relation(
    searched: list[ThresholdMark], feasible: list[ThresholdMark], rng: np.random.Generator
) -> Relation:
    rho = _rho(searched, rng)
    x, y = (np.array([getattr(mark, name) for mark in feasible]) for name in ("ratio", "sparsity"))
    if not enough(x):
        return Relation(rho, None, {}, len(feasible))
    return Relation(rho, rising(x, y), needed(x, y, LEVELS, rng), len(feasible))


def _rho(marks: list[ThresholdMark], rng: np.random.Generator) -> stats.Estimate:
    return stats.spearman(np.array([m.ratio for m in marks]), np.array([m.sparsity for m in marks]), rng)


def draw_threshold(info: ThresholdInfo, styles: dict[str, Style], left: bool = False) -> go.Figure:
    """Points by schedule, filled when feasible, open below the floor, ringed for arms; the fitted curves.

    `left`: what remains, 1 - sparsity, on a log axis that runs downwards, in place of the sparsity.
    """
    figure = go.Figure(layout={"template": theme.template()})
    smallest = min((1 - m.sparsity for m in info.marks if m.sparsity < 1), default=1e-3)

    def height(sparsity: float) -> float:
        return 100 * max(1 - sparsity, smallest / 2) if left else 100 * sparsity

    for name, style in styles.items():
        for reference, suffix in ((False, ""), (True, ", reference")):
            marks = [mark for mark in info.marks if mark.scheduler == name and mark.reference == reference]
            marks = [mark for mark in marks if mark.number in info.drawn]
            if not marks:
                continue
            line = {"width": 2 if reference else 1.5, "color": theme.INK if reference else style.color}
            figure.add_scatter(
                x=[mark.ratio for mark in marks],
                y=[height(mark.sparsity) for mark in marks],
                mode="markers",
                name=plotly_text(style.label) + suffix,
                legendgroup=plotly_text(name),
                marker={
                    "symbol": [style.symbol + ("" if mark.feasible else "-open") for mark in marks],
                    "size": 10 if len(info.drawn) < 300 else 6, "color": style.color, "line": line,
                },
                hoverinfo="text",
                hovertext=[mark.hover for mark in marks],
                customdata=[mark.number for mark in marks],
                meta=TRIALS,
            )  # fmt: skip
    for name, relation in info.by_schedule.items():
        if relation.curve is not None:
            figure.add_scatter(
                x=relation.curve.x.tolist(), y=[height(level) for level in relation.curve.y.tolist()],
                mode="lines", hoverinfo="skip", showlegend=False, legendgroup=plotly_text(name),
                line={"color": styles[name].color, "width": 2, "dash": styles[name].dash}, opacity=0.8,
            )  # fmt: skip
    title = f"{plotly_text(info.label)}: what remains" if left else plotly_text(info.label)
    figure.update_layout(
        xaxis={"title": {"text": f"Final threshold {RATIO}"}, "rangemode": "tozero"},
        yaxis={"title": {"text": title}, "ticksuffix": " %"},
    )
    if left:
        ticks = [base * 10.0**power for power in range(2, -5, -1) for base in (5, 2, 1)]
        low, high = np.log10(height(1.0)), 2.05
        shown = [tick for tick in ticks if low <= np.log10(tick) <= high]
        figure.update_yaxes(
            type="log", range=[high, low - 0.05], tickvals=shown, ticktext=[f"{tick:g} %" for tick in shown],
            ticksuffix="",
        )  # fmt: skip
    return figure

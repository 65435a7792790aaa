"""Final threshold against sparsity, by schedule: how much pruning a given D buys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis import stats, theme
from analysis.figures.hover import describe
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import RATIO, plotly_text
from analysis.theme import Style

FEW = 5


@dataclass(frozen=True)
class ThresholdMark:
    """One trial: D / sum(lr), sparsity as a fraction, whether its accuracy reaches the floor."""

    number: int
    scheduler: str
    ratio: float
    sparsity: float
    accuracy: float
    feasible: bool
    reference: bool
    hover: str


@dataclass(frozen=True)
class ThresholdInfo:
    """The marks, Spearman's rho of D / sum(lr) and sparsity over the search, and by schedule (n >= 5)."""

    marks: tuple[ThresholdMark, ...]
    rho: stats.Estimate
    by_schedule: dict[str, stats.Estimate]
    label: str

    def least_ratio(self, sparsity: float) -> ThresholdMark | None:
        """The smallest D / sum(lr) of a feasible search trial with at least this sparsity."""
        enough = [m for m in self.marks if m.feasible and not m.reference and m.sparsity >= sparsity]
        return min(enough, key=lambda mark: (mark.ratio, mark.number), default=None)


def threshold_info(study: Study, outcome: Outcome, rng: np.random.Generator) -> ThresholdInfo:
    """Pairs of D / sum(lr) and sparsity of all completed trials; collapsed ones count, D prunes them too."""
    marks = [
        ThresholdMark(
            number=int(row["number"]),
            scheduler=row["scheduler"],
            ratio=float(row["threshold_ratio"]),
            sparsity=float(row[study.sparsity]),
            accuracy=float(row[study.accuracy]),
            feasible=row["outcome"] not in ("infeasible", "below floor")
            and float(row[study.accuracy]) >= study.floor,
            reference=row["outcome"] == "reference",
            hover=describe(row, study),
        )
        for row in pd.concat([outcome.searched, outcome.references]).sort_values("number").to_dict("records")
        if np.isfinite([row["threshold_ratio"], row[study.sparsity]]).all()
    ]
    searched = [mark for mark in marks if not mark.reference]
    groups = {
        name: [m for m in searched if m.scheduler == name] for name in sorted({m.scheduler for m in searched})
    }
    return ThresholdInfo(
        marks=tuple(marks),
        rho=_rho(searched, rng),
        by_schedule={name: _rho(group, rng) for name, group in groups.items() if len(group) >= FEW},
        label=study.label(study.sparsity),
    )


def _rho(marks: list[ThresholdMark], rng: np.random.Generator) -> stats.Estimate:
    return stats.spearman(np.array([m.ratio for m in marks]), np.array([m.sparsity for m in marks]), rng)


def draw_threshold(info: ThresholdInfo, styles: dict[str, Style]) -> go.Figure:
    """Points by schedule: filled when feasible, open below the accuracy floor, ringed for reference arms."""
    figure = go.Figure(layout={"template": theme.template()})
    for name, style in styles.items():
        for reference, suffix in ((False, ""), (True, ", reference")):
            marks = [mark for mark in info.marks if mark.scheduler == name and mark.reference == reference]
            if not marks:
                continue
            line = {"width": 2 if reference else 1.5, "color": theme.INK if reference else style.color}
            figure.add_scatter(
                x=[mark.ratio for mark in marks],
                y=[100 * mark.sparsity for mark in marks],
                mode="markers",
                name=plotly_text(style.label) + suffix,
                marker={
                    "symbol": [style.symbol + ("" if mark.feasible else "-open") for mark in marks],
                    "size": 10, "color": style.color, "line": line,
                },
                hoverinfo="text",
                hovertext=[mark.hover for mark in marks],
            )  # fmt: skip
    figure.update_layout(
        xaxis={"title": {"text": f"Final threshold {RATIO}"}, "rangemode": "tozero"},
        yaxis={"title": {"text": plotly_text(info.label)}, "ticksuffix": " %"},
    )
    return figure

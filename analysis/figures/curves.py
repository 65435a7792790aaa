"""Accuracy, sparsity and threshold over training progress, for the trials of the front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis import theme
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import by_unit, finite, plotly_text
from analysis.theme import Style

THRESHOLD = "threshold"


@dataclass(frozen=True)
class Curve:
    """One trial's rows: arrays over epochs, one per panel; `drop` = best accuracy minus the last."""

    number: int
    scheduler: str
    progress: tuple[float, ...]
    values: dict[str, tuple[float, ...]]
    drop: float
    best_at: float


@dataclass(frozen=True)
class CurvesInfo:
    """The curves of the front, from least to most sparse; panels as (column, label, unit)."""

    curves: tuple[Curve, ...]
    panels: tuple[tuple[str, str, str | None], ...]
    picked: int | None


def curves_info(study: Study, outcome: Outcome) -> CurvesInfo:
    """Rows of the front's trials. `picked`, drawn boldly: the knee, or the sparsest trial without one."""
    wanted = [study.accuracy, study.sparsity, THRESHOLD]
    panels = tuple((name, study.label(name), study.unit(name)) for name in wanted if name in study.epochs)
    curves, front = [], outcome.front
    rows_of = dict(iter(study.epochs[study.epochs["number"].isin(front["number"])].groupby("number")))
    for number, scheduler in zip(front["number"], front["scheduler"], strict=True):
        if number not in rows_of or not panels:
            continue
        rows = rows_of[number].sort_values("epoch")
        last = float(rows["epoch"].max())
        progress = rows["progress"] if "progress" in rows else rows["epoch"] / last
        accuracy = rows[study.accuracy].to_numpy(float) if study.accuracy in rows else np.array([np.nan])
        known = np.isfinite(accuracy).any()
        best = int(np.nanargmax(accuracy)) if known else 0
        curves.append(
            Curve(
                number=int(number),
                scheduler=scheduler,
                progress=tuple(progress.fillna(rows["epoch"] / last).tolist()),
                values={name: tuple(rows[name].tolist()) for name, _, _ in panels},
                drop=float(accuracy[best] - accuracy[-1]) if known else float("nan"),
                best_at=float(progress.iloc[best]),
            )
        )
    sparsest = int(front["number"].iloc[-1]) if len(front) else None
    return CurvesInfo(tuple(curves), panels, outcome.knee if outcome.knee is not None else sparsest)


def draw_curves(info: CurvesInfo, styles: dict[str, Style]) -> go.Figure:
    """One panel per metric above a shared progress axis; one line per trial in its schedule's colour."""
    figure = make_subplots(rows=len(info.panels), cols=1, shared_xaxes=True, vertical_spacing=0.05)
    figure.update_layout(template=theme.template())
    seen: set[str] = set()
    for curve in sorted(info.curves, key=lambda curve: curve.number == info.picked):
        style, bold = styles[curve.scheduler], curve.number == info.picked
        for row, (name, label, unit) in enumerate(info.panels, 1):
            scale = 100.0 if unit == "fraction" else 1.0
            values = curve.values[name]
            head = f"<b>trial {curve.number}</b>, {plotly_text(style.label)}<br>{plotly_text(label)} "
            figure.add_scatter(
                x=curve.progress, mode="lines",
                y=[scale * value if finite(value) else None for value in values],
                line={"color": style.color, "width": 3 if bold else 1.8, "dash": style.dash},
                opacity=1.0 if bold else 0.6, name=plotly_text(style.label),
                legendgroup=plotly_text(curve.scheduler),
                showlegend=row == 1 and curve.scheduler not in seen,
                hoverinfo="text", hovertext=[head + by_unit(value, unit) for value in values], row=row, col=1,
            )  # fmt: skip
        seen.add(curve.scheduler)
    for row, (_, label, unit) in enumerate(info.panels, 1):
        title = {"text": plotly_text(label)}
        figure.update_yaxes(title=title, ticksuffix=" %" if unit == "fraction" else "", row=row, col=1)
    figure.update_xaxes(range=[0, 1.005])
    figure.update_xaxes(title={"text": "Training progress u"}, row=len(info.panels), col=1)
    return figure

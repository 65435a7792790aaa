"""How the hypervolume of a search grew, over its trials and over the epochs that they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis import history, theme
from analysis.figures.hover import TRIALS
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import finite, number

NEARLY = 0.99


@dataclass(frozen=True, eq=False)
class HypervolumeInfo:
    """The history at the trials that raised it.

    `numbers`, `trials`, `epochs`, `values` [k]: the trial, how many search trials had ended with it, their
    epochs, the hypervolume then. `ended`, `spent`: search trials and their epochs in all. `nearly`: trials
    and epochs until `NEARLY` of the last value, None without any. `stride`: evaluated every so many trials.
    """

    numbers: NDArray[np.int64]
    trials: NDArray[np.int64]
    epochs: NDArray[np.int64]
    values: NDArray[np.float64]
    ended: int
    spent: int
    nearly: tuple[int, int] | None
    confirmed: float
    stride: int

    @property
    def reached(self) -> float:
        """The last value; NaN without a feasible trial."""
        return float(self.values[-1]) if len(self.values) else float("nan")


def hypervolume_info(study: Study, outcome: Outcome) -> HypervolumeInfo:
    """The search's trials in the order in which they ended (by number where no times are known).

    Failed, stopped and infeasible ones count as trials and with their epochs; they raise nothing.
    """
    rows = outcome.trials[outcome.trials["kind"] == "search"]
    ended_at = rows["ended_at"].to_numpy(dtype=float)
    if np.isfinite(ended_at).all():
        rows = rows.iloc[np.argsort(ended_at, kind="stable")]
    feasible = rows["outcome"].isin(["front", "dominated"]).to_numpy()
    points = np.where(feasible[:, None], rows[study.objectives].to_numpy(dtype=float), np.nan)
    values = history.hypervolumes(points, study.reference, study.maximize)
    cost = np.cumsum([max(0, int(n)) if finite(n) else 0 for n in rows["epochs"]], dtype=np.int64)
    at = np.flatnonzero(np.diff(values, prepend=0.0) > 0)
    nearly = history.reached(values, NEARLY)
    return HypervolumeInfo(
        numbers=rows["number"].to_numpy()[at],
        trials=at + 1,
        epochs=cost[at],
        values=values[at],
        ended=len(rows),
        spent=int(cost[-1]) if len(cost) else 0,
        nearly=None if nearly is None else (nearly, int(cost[nearly - 1])),
        confirmed=outcome.confirmed_hypervolume,
        stride=1 if len(study.objectives) == 2 else history.step(len(rows)),
    )


def draw_hypervolume(info: HypervolumeInfo, epochs: bool) -> go.Figure:
    """A staircase over trials or epochs, its steps marked; dotted: 99 %, dashed: of the confirmed means."""
    figure = go.Figure(layout={"template": theme.template()})
    x, end = (info.epochs, info.spent) if epochs else (info.trials, info.ended)
    steps_x = np.concatenate([[0, x[0]], x, [end]]) if len(x) else np.empty(0)
    steps_y = np.concatenate([[0.0, 0.0], info.values, info.values[-1:]]) if len(x) else np.empty(0)
    figure.add_scatter(
        x=steps_x.tolist(), y=steps_y.tolist(), mode="lines", name="search", fill="tozeroy",
        fillcolor=theme.AREA, line={"color": theme.BLUE, "width": 2, "shape": "hv"}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    gains = np.diff(info.values, prepend=0.0)
    pick = {"customdata": info.numbers.tolist(), "meta": TRIALS} if info.stride == 1 else {}
    hovers = [
        f"<b>trial {n}</b><br>hypervolume {number(value, 4)} (+{number(gain, 2)})<br>"
        f"after {trials:,} trials, {spent:,} epochs"
        for n, value, gain, trials, spent in zip(
            info.numbers, info.values.tolist(), gains.tolist(), info.trials, info.epochs, strict=True
        )
    ]
    figure.add_scatter(
        x=x.tolist(), y=info.values.tolist(), mode="markers", name="trials that raised it", hoverinfo="text",
        hovertext=hovers, marker={"color": theme.BLUE, "size": 7, "line": {"width": 1, "color": theme.PAPER}},
        **pick,
    )  # fmt: skip
    level = {"x": [0, end], "mode": "lines", "hoverinfo": "skip"}
    known = finite(info.confirmed) and info.confirmed > 0
    figure.add_scatter(
        **(level | {"y": [info.confirmed] * 2}), name="confirmed means",
        line={"color": theme.INK, "width": 1.5, "dash": "dash"}, visible=known,
    )  # fmt: skip
    if info.nearly is not None:
        at = info.nearly[epochs]
        figure.add_scatter(
            x=[at, at], y=[0, NEARLY * info.reached], mode="lines", hoverinfo="skip",
            name=f"{100 * NEARLY:.0f} % of it after {at:,}",
            line={"color": theme.SOFT, "width": 1.2, "dash": "dot"},
        )  # fmt: skip
    top = max([info.reached if len(x) else 0.0, info.confirmed if known else 0.0])
    low = float(info.values[0]) if len(x) else 0.0
    # The climb from the first feasible trial is what there is to see; the bottom only where it is near.
    bottom = max(0.0, low - 0.6 * (top - low)) if top > low else 0.0
    what = "Epochs spent by the search" if epochs else "Search trials that have ended"
    figure.update_layout(
        xaxis={"title": {"text": what}, "range": [0, end * 1.015]},
        yaxis={"title": {"text": "Hypervolume"}, "range": [bottom, top + 0.06 * (top - bottom)]},
    )
    return figure

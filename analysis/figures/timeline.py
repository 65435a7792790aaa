"""The slots of a study over time: which trial each held, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis import theme
from analysis.figures.hover import TRIALS
from analysis.outcome import OUTCOMES, Outcome
from analysis.results import Study
from analysis.text import finite, seconds
from analysis.timeline import Usage, pack, usage

MOST, SLOTS = 2500, 32
COLORS = {
    "front": theme.BLUE, "dominated": theme.SKY, "infeasible": theme.OLIVE, "below floor": theme.WINE,
    "reference": theme.SOFT, "confirmed": theme.GREEN, "stopped": theme.ORANGE, "failed": theme.RED,
}  # fmt: skip
_UNITS = ((120.0, 1.0, "s"), (7200.0, 60.0, "min"), (float("inf"), 3600.0, "h"))


@dataclass(frozen=True, eq=False)
class TimelineInfo:
    """`bars`: a row per bar with number (of its first trial), slot, outcome, start_s, length_s, trials.

    Of `trials` trials with known times (`unknown` have none); `slots` of `usage.slots` are drawn.
    """

    bars: pd.DataFrame
    usage: Usage
    trials: int
    unknown: int
    slots: int

    @property
    def merged(self) -> bool:
        """Whether some bars stand for several trials."""
        return bool((self.bars["trials"] > 1).any())


def timeline_info(study: Study, outcome: Outcome) -> TimelineInfo | None:
    """All trials of every kind with finite times that do not run backwards; None without any.

    More than `MOST` trials: those of one outcome that start in one slot within one of the even steps of the
    span become a bar together.
    """
    rows = outcome.trials
    starts, ends = (rows[name].to_numpy(dtype=float) for name in ("started_at", "ended_at"))
    usable = np.isfinite(starts) & np.isfinite(ends) & (ends >= starts)
    if not usable.any():
        return None
    rows, starts, ends = rows[usable], starts[usable], ends[usable]
    told = study.part("timings").get("slots")
    confirms = (rows["kind"] == "confirm").to_numpy()
    train_s = rows["train_wall_s"].to_numpy(dtype=float)
    account = usage(starts, ends, train_s, confirms, int(told) if finite(told) else 0)
    zero = starts.min()
    bars = pd.DataFrame(
        {
            "number": rows["number"].to_numpy(), "slot": pack(starts, ends),
            "outcome": rows["outcome"].to_numpy(), "start_s": starts - zero, "length_s": ends - starts,
            "trials": 1,
        }
    )  # fmt: skip
    bars = bars[bars["slot"] < SLOTS].sort_values(["slot", "start_s", "number"], kind="stable")
    if len(bars) > MOST:
        bars = _merged(bars, account.span_s)
    shown = min(SLOTS, account.slots)
    return TimelineInfo(bars, account, len(rows), int((~usable).sum()), shown)


def _merged(bars: pd.DataFrame, span_s: float) -> pd.DataFrame:
    steps = max(20, MOST // int(bars["slot"].nunique()))
    step = (bars["start_s"] / max(span_s, 1e-9) * steps).astype(int)
    grouped = bars.assign(step=step, end_s=bars["start_s"] + bars["length_s"]).groupby(
        ["slot", "step", "outcome"], sort=True
    )
    found = grouped.agg(
        number=("number", "first"), start_s=("start_s", "min"), end_s=("end_s", "max"),
        trials=("number", "size"), busy_s=("length_s", "sum"),
    ).reset_index()  # fmt: skip
    # As long as its trials together, where others lie between them.
    found["length_s"] = found[["busy_s"]].min(axis=1)
    return found


def draw_timeline(info: TimelineInfo) -> go.Figure:
    """A bar per trial and slot, coloured by outcome; gaps are idle."""
    figure = go.Figure(layout={"template": theme.template()})
    span = info.usage.span_s
    _, scale, unit = next(row for row in _UNITS if span <= row[0])
    bars = info.bars
    for word in OUTCOMES:
        part = bars[bars["outcome"] == word]
        if part.empty:
            continue
        tell = [
            f"<b>trial {n}</b>{f' and {k - 1} more' if k > 1 else ''}, {word}<br>{seconds(length)} from "
            f"{seconds(start)} on"
            for n, k, start, length in zip(
                part["number"], part["trials"], part["start_s"], part["length_s"], strict=True
            )
        ]
        figure.add_bar(
            orientation="h", y=(part["slot"] + 1).tolist(), base=(part["start_s"] / scale).tolist(),
            x=(part["length_s"] / scale).tolist(), width=0.78, name=word, hoverinfo="text", hovertext=tell,
            textposition="none", customdata=part["number"].tolist(), meta=TRIALS,
            marker={"color": COLORS[word], "line": {"width": 0.6, "color": theme.PAPER}},
        )  # fmt: skip
    for begin, stop in info.usage.breaks[:20]:
        figure.add_vrect(
            x0=begin / scale, x1=stop / scale, fillcolor=theme.GRID, opacity=0.6, line_width=0, layer="below"
        )
    ticks = sorted({1, info.slots, *range(1, info.slots + 1, max(1, info.slots // 8))})
    figure.update_layout(
        barmode="overlay",
        xaxis={"title": {"text": f"Time since the first trial began ({unit})"}, "range": [0, span / scale]},
        yaxis={
            "title": {"text": "Slot"}, "range": [info.slots + 0.5, 0.5], "tickvals": ticks,
            "gridcolor": "rgba(0,0,0,0)",
        },
    )  # fmt: skip
    return figure

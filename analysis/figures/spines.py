"""The life of the spines over training progress: mature, formed, eliminated, flipped, surviving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.figures.chosen import arms, best_few
from analysis.figures.hover import template_text
from analysis.figures.panels import Line, Metric, add_band, add_line, figure_of
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.runs import Floats, Runs
from analysis.stats import Estimate
from analysis.theme import Style

FILOPODIA, FORMED, GONE = "spines_filopodia", "spines_formed", "spines_eliminated"
FLIPPED, SURVIVAL = "spines_flipped", "spines_survival"
COLUMNS = (FILOPODIA, FORMED, GONE, FLIPPED, SURVIVAL)
BINS = 50
GROUPS = 8


@dataclass(frozen=True)
class Life:
    """One training: when turnover (formed + eliminated in an epoch) peaked, and what stood at the end.

    All but `peak_at` (progress u) are fractions of the weights, `survival` of the first generation.
    """

    number: int
    scheduler: str
    outcome: str
    peak_at: float
    peak: float
    filopodia: float
    formed: float
    eliminated: float
    flipped: float
    survival: float


@dataclass(frozen=True, eq=False)
class Band:
    """A schedule's quartiles [bins, 3] by metric, in percent, over its `n` completed prunings."""

    scheduler: str
    n: int
    quartiles: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class SpinesInfo:
    """`lives`: every completed training that was pruned; `u` [bins]: progress of the bands' points."""

    panels: tuple[Metric, ...]
    lives: tuple[Life, ...]
    lines: tuple[Line, ...]
    u: Floats
    bands: tuple[Band, ...]
    left_out: int

    def median(self, name: str) -> Estimate:
        """Median of a field of the lives with its quartiles, over those where it is known."""
        values = np.array([getattr(life, name) for life in self.lives], dtype=float)
        values = values[np.isfinite(values)]
        if not len(values):
            return Estimate(float("nan"), float("nan"), float("nan"), 0)
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        return Estimate(float(middle), float(low), float(high), len(values))


def spines_info(study: Study, outcome: Outcome, runs: Runs) -> SpinesInfo:
    """Search trials and arms that completed; the dense arm, which has no filopodia, is left out."""
    known = [name for name in COLUMNS if name in study.epochs and study.epochs[name].notna().any()]
    panels = tuple((name, study.label(name), study.unit(name) or "fraction") for name in known)
    ended = outcome.trials[
        (outcome.trials["state"] == "COMPLETE")
        & (outcome.trials["kind"] != "confirm")
        & (outcome.trials["scheduler"] != "dense")
    ]
    ended = ended[ended["number"].isin(runs.bounds)]
    if not panels:
        return SpinesInfo((), (), (), np.array([]), (), 0)
    named = zip(ended["number"].tolist(), ended["scheduler"], ended["outcome"], strict=True)
    lives = [life for row in named if (life := _life(*row, runs)) is not None]
    schedulers = {life.number: life.scheduler for life in lives}
    drawn = [(number, True) for number in arms(outcome)] + [(number, False) for number in best_few(outcome)]
    lines = [
        Line(number, schedulers[number], arm, runs.u(number), {n: runs.column(number, n) for n in known})
        for number, arm in drawn
        if number in schedulers
    ]
    u, bands = _bands(runs, schedulers, known)
    return SpinesInfo(panels, tuple(lives), tuple(lines), u, bands[:GROUPS], max(0, len(bands) - GROUPS))


def _life(number: int, scheduler: str, outcome: str, runs: Runs) -> Life | None:
    values = {name: runs.column(number, name) for name in COLUMNS}
    if not any(np.isfinite(column).any() for column in values.values()):
        return None
    turnover = values[FORMED] + values[GONE]
    peak = int(np.nanargmax(turnover)) if np.isfinite(turnover).any() else None

    def sum_of(name: str) -> float:
        column = values[name]
        return float(np.nansum(column)) if np.isfinite(column).any() else float("nan")

    return Life(
        number, scheduler, outcome,
        peak_at=float("nan") if peak is None else float(runs.u(number)[peak]),
        peak=float("nan") if peak is None else float(turnover[peak]),
        filopodia=float(values[FILOPODIA][-1]),
        formed=sum_of(FORMED), eliminated=sum_of(GONE), flipped=sum_of(FLIPPED),
        survival=float(values[SURVIVAL][-1]),
    )  # fmt: skip


def _bands(runs: Runs, schedulers: dict[int, str], known: list[str]) -> tuple[Floats, tuple[Band, ...]]:
    """Quartiles over a schedule's trainings in at most `BINS` equal bins of progress, most trainings first.

    Bin i of k holds the epochs that end in (i / k, (i + 1) / k]; its point stands at its upper end.
    """
    rows = runs.frame["number"].map(schedulers)
    inside = rows.notna().to_numpy()
    longest = max((runs.bounds[n][1] - runs.bounds[n][0] for n in schedulers), default=1)
    bins = max(1, min(BINS, longest))
    at = np.clip(np.ceil(runs.progress[inside] * bins - 1e-9).astype(int), 1, bins) - 1
    table = runs.frame.loc[inside, known].assign(scheduler=rows[inside].to_numpy(), bin=at)
    found = []
    quantiles = table.groupby(["scheduler", "bin"], sort=True)[known].quantile(np.array([0.25, 0.5, 0.75]))
    counts = pd.Series(list(schedulers.values())).value_counts() if schedulers else pd.Series(dtype=int)
    order = sorted(counts.index, key=lambda name: (-int(counts[name]), name))
    for name in order:
        part = quantiles.loc[name].unstack()
        part = part.reindex(range(bins))
        found.append(
            Band(name, int(counts[name]), {metric: 100 * part[metric].to_numpy(float) for metric in known})
        )
    return (np.arange(bins) + 1) / bins, tuple(found)


def draw_bands(info: SpinesInfo, styles: dict[str, Style], traces: int) -> go.Figure:
    """By schedule: the median training of each bin, and the middle half. Padded to `traces` traces."""
    figure = figure_of(info.panels)
    for band in info.bands:
        style = styles[band.scheduler]
        for row, (name, label, _) in enumerate(info.panels, 1):
            told = f"<b>n = {band.n}</b><br>{template_text(label)} median"
            add_band(figure, info.u, band.quartiles[name], row, style, row == 1, told, " %")
    return _padded(figure, traces)


def draw_lines(info: SpinesInfo, styles: dict[str, Style], traces: int) -> go.Figure:
    """The front's best few and the arms, one line each. Padded to `traces` traces."""
    figure, seen = figure_of(info.panels), set[tuple[str, bool]]()
    for line in info.lines:
        key = (line.scheduler, line.reference)
        add_line(figure, line, info.panels, styles[line.scheduler], key not in seen, False)
        seen.add(key)
    return _padded(figure, traces)


def traces_of(info: SpinesInfo) -> int:
    """Traces that the larger of the two views needs: a page exchanges views of one number of traces."""
    return len(info.panels) * max(2 * len(info.bands), len(info.lines))


def _padded(figure: go.Figure, traces: int) -> go.Figure:
    for _ in range(traces - len(figure.data)):
        # With keys of its own: the page lays a view over the first one, where null is not "as if unsaid".
        figure.add_scatter(
            x=[], y=[], mode="lines", line={"width": 1}, showlegend=False, hoverinfo="skip", row=1, col=1
        )
    return figure

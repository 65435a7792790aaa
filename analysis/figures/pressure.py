"""The L1 pressure that a schedule puts on the spines while it grows, over training progress."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.figures.chosen import arms, best_few
from analysis.outcome import Outcome
from analysis.runs import Runs
from analysis.text import RATIO, plotly_text
from analysis.theme import Style

PRESSURE = "l1_pressure"


@dataclass(frozen=True)
class Pressure:
    """One training: `u` [epochs], and the pressure as it is and in units of its mean D / sum(lr).

    `peak`: the largest relative pressure, `peak_at`: the u of its epoch.
    """

    number: int
    scheduler: str
    reference: bool
    u: tuple[float, ...]
    absolute: tuple[float, ...]
    relative: tuple[float, ...]
    peak: float
    peak_at: float


def pressures(runs: Runs, outcome: Outcome) -> tuple[Pressure, ...]:
    """The pressure (d[n + 1] - d[n]) / lr[n], by epoch, of the front's best few and one arm per schedule.

    Its mean over the training, with the learning rates as weights, is D / sum(lr): in that unit all
    schedules have mean 1, and S-LATS, the schedule of constant pressure, is 1 throughout.
    """
    named = outcome.references[outcome.references["scheduler"] != "dense"].drop_duplicates("scheduler")
    listed = set(arms(outcome)) & set(named["number"].tolist())
    trials = outcome.trials
    schedulers = dict(zip(trials["number"].tolist(), trials["scheduler"], strict=True))
    ratios = dict(zip(trials["number"].tolist(), trials["threshold_ratio"].tolist(), strict=True))
    found = []
    for number, reference in [(n, True) for n in sorted(listed)] + [(n, False) for n in best_few(outcome)]:
        values, mean = runs.column(number, PRESSURE), ratios[number]
        if not np.isfinite(values).any() or not mean > 0:
            continue
        u, relative = runs.u(number), values / mean
        peak = int(np.nanargmax(relative))
        found.append(
            Pressure(
                number, schedulers[number], reference, tuple(u.tolist()),
                tuple(values.tolist()), tuple(relative.tolist()), float(relative[peak]), float(u[peak]),
            )
        )  # fmt: skip
    return tuple(found)


def draw_pressure(found: tuple[Pressure, ...], styles: dict[str, Style], relative: bool) -> go.Figure:
    """One line per training on a log axis; arms thin, and without a mark. No pressure, no point."""
    figure = go.Figure(layout={"template": theme.template()})
    seen: set[str] = set()
    for line in found:
        style = styles[line.scheduler]
        values = line.relative if relative else line.absolute
        figure.add_scatter(
            x=line.u, y=[value if value > 0 else None for value in values],
            mode="lines" if line.reference else "lines+markers",
            line={"color": style.color, "width": 1.2 if line.reference else 2, "dash": style.dash},
            marker={"symbol": style.symbol, "size": 6, "color": style.color},
            name=plotly_text(style.label) + (", arm" if line.reference else ""),
            legendgroup=plotly_text(line.scheduler) + str(line.reference),
            showlegend=f"{line.scheduler} {line.reference}" not in seen,
            hovertemplate=f"<b>trial {line.number}</b><br>u = %{{x:.2f}}: %{{y:.3g}}",
        )  # fmt: skip
        seen.add(f"{line.scheduler} {line.reference}")
    title = f"L1 pressure / ({RATIO})" if relative else "L1 pressure (weight per learning rate)"
    drawn = [v for line in found for v in (line.relative if relative else line.absolute) if v > 0]
    low, high = (np.log10(min(drawn)), np.log10(max(drawn))) if drawn else (-1.0, 1.0)
    # Below a thousandth of the peak nothing is pruned: the flat starts of a shape would take the whole axis.
    low = max(low, high - 4)
    figure.update_layout(
        xaxis={"title": {"text": "Training progress u"}, "range": [-0.01, 1.02]},
        yaxis={"title": {"text": title}, "type": "log", "range": [low - 0.1, high + 0.1], "dtick": 1},
    )
    return figure

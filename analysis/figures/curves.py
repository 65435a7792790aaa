"""Accuracy, sparsity, threshold and firing rate over training progress, trial by trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from analysis.figures.chosen import arms, best_few
from analysis.figures.panels import Line, Metric, add_line, figure_of
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.runs import Floats, Runs
from analysis.theme import Style

THRESHOLD, RATE = "threshold", "firing_rate"
BYTES = 2_000_000  # of the curves that the page keeps to show when a trial is picked
_VALUE = 7  # bytes that a rounded value takes as JSON, with its comma
EPOCHS = 60  # kept of a trial where not all fit


@dataclass(frozen=True, eq=False)
class Curve(Line):
    """A line with `drop`, best accuracy minus the last, and the progress `best_at`; NaN when unknown."""

    drop: float
    best_at: float


@dataclass(frozen=True, eq=False)
class CurvesInfo:
    """The curves of the front, from least to most sparse, and of the arms; panels as (column, label, unit).

    `drawn`: the trials that the figure shows; `picked`, drawn boldly: the knee, or the sparsest without one.
    """

    curves: tuple[Curve, ...]
    arms: tuple[Curve, ...]
    panels: tuple[Metric, ...]
    drawn: frozenset[int]
    picked: int | None


def metrics_of(study: Study) -> tuple[Metric, ...]:
    """The panels for which epochs.jsonl has a number."""
    wanted = dict.fromkeys([study.accuracy, study.sparsity, THRESHOLD, RATE])
    known = [name for name in wanted if name in study.epochs and study.epochs[name].notna().any()]
    return tuple((name, study.label(name), study.unit(name)) for name in known)


def curves_info(study: Study, outcome: Outcome, runs: Runs) -> CurvesInfo:
    """Rows of the front's trials, and of the first arm of each schedule."""
    panels, front = metrics_of(study), outcome.front
    schedulers = dict(zip(outcome.trials["number"].tolist(), outcome.trials["scheduler"], strict=True))

    def curve(number: int, reference: bool) -> Curve:
        u, accuracy = runs.u(number), runs.column(number, study.accuracy)
        known = np.isfinite(accuracy).any()
        best = int(np.nanargmax(accuracy)) if known else 0
        return Curve(
            number, schedulers[number], reference, u,
            {name: runs.column(number, name) for name, _, _ in panels},
            drop=float(accuracy[best] - accuracy[-1]) if known else float("nan"),
            best_at=float(u[best]),
        )  # fmt: skip

    listed = [int(number) for number in front["number"] if panels and number in runs]
    named = [number for number in arms(outcome) if panels and number in runs]
    sparsest = int(front["number"].iloc[-1]) if len(front) else None
    return CurvesInfo(
        curves=tuple(curve(number, False) for number in listed),
        arms=tuple(curve(number, True) for number in named),
        panels=panels,
        drawn=frozenset(best_few(outcome)) & frozenset(listed),
        picked=outcome.knee if outcome.knee is not None else sparsest,
    )


def draw_curves(info: CurvesInfo, styles: dict[str, Style]) -> go.Figure:
    """One panel per metric above a shared progress axis; one line per trial in its schedule's colour."""
    figure, seen = figure_of(info.panels), set[tuple[str, bool]]()
    drawn = [curve for curve in info.curves if curve.number in info.drawn]
    for curve in [*info.arms, *sorted(drawn, key=lambda curve: curve.number == info.picked)]:
        key = (curve.scheduler, curve.reference)
        bold = curve.number == info.picked and not curve.reference
        add_line(figure, curve, info.panels, styles[curve.scheduler], key not in seen, bold)
        seen.add(key)
    return figure


def curves_to_pick(
    study: Study, outcome: Outcome, runs: Runs, panels: tuple[Metric, ...], room: int = BYTES
) -> dict[int, Floats]:
    """By trial, [1 + panels, epochs] of progress and each panel's metric: the front, what was confirmed, the
    arms, then the others by number, while they fit into `room` bytes.

    Where not all of a trial's epochs do, every k-th is kept, and the last. Values are rounded to what a
    screen can show: fractions to 1e-4, others to four digits.
    """
    first = [*outcome.front["number"].tolist(), *(part.number for part in outcome.configurations)]
    first += outcome.references["number"].tolist()
    order = [
        number for number in dict.fromkeys([*first, *outcome.trials["number"].tolist()]) if number in runs
    ]
    rows = sum(end - start for start, end in runs.bounds.values())
    thin = rows * (1 + len(panels)) * _VALUE > room
    found: dict[int, Floats] = {}
    left = room
    for number in order:
        u = runs.u(number)
        keep = np.arange(len(u) - 1, -1, -max(1, -(-len(u) // EPOCHS)) if thin else -1)[::-1]
        left -= (1 + len(panels)) * len(keep) * _VALUE + 12
        if left < 0:
            break
        values = [_rounded(u[keep], "fraction")]
        values += [_rounded(runs.column(number, name)[keep], unit) for name, _, unit in panels]
        found[number] = np.array(values)
    return found


def _rounded(values: Floats, unit: str | None) -> Floats:
    if unit == "fraction":
        return values.round(4)
    largest = float(np.nanmax(np.abs(values), initial=0.0)) if np.isfinite(values).any() else 0.0
    return values.round(max(0, 3 - int(np.floor(np.log10(largest)))) if largest > 0 else 0)

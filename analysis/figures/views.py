"""The views of the front: one horizontal axis each, and what was reached along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis import pareto
from analysis.figures.axis import COUNTED, METRICS, Axis, axis
from analysis.figures.confirmed import MeansInfo
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import MINUS, finite, number

Corners = tuple[tuple[float, float], ...]
OWN = "Blue line: best along this axis. Large marks: the front of the objectives."


@dataclass(frozen=True)
class View:
    """A horizontal axis with its button.

    `steps`, `confirmed`: corners (metric, accuracy) of the region that feasible trials and feasible confirmed
    means reach along it. `note` where these are not the front of the study's objectives.
    """

    button: str
    axis: Axis
    steps: Corners
    confirmed: Corners
    note: str


def views(
    study: Study, outcome: Outcome, means: MeansInfo, values: Mapping[str, Sequence[float]],
    whole: Mapping[str, float], low: float,
) -> list[View]:  # fmt: skip
    """The views in the order of their buttons.

    `values`: what the axis of each metric must hold. `whole`: the dense network's value by metric. `low`: the
    least accuracy in view. What is best along one axis and accuracy, where both are objectives, lies on the
    front of all objectives, of three too: along two of them the front is what it projects to.
    """
    feasible = outcome.of("front", "dominated")
    found = []
    for metric, needed in values.items():
        counted = metric in COUNTED
        fresh = [
            (mean.at[metric].value, mean.accuracy.value)
            for mean in means.means
            if mean.feasible and not mean.reference
        ]
        worst = 10 * max(filter(finite, needed), default=1.0) if counted else study.worst(metric)
        base = (worst, min(study.worst(study.accuracy), low))
        pairs = feasible[[metric, study.accuracy]].to_numpy(dtype=float)
        steps = _staircase(pairs, counted, base)
        confirmed = _staircase(np.array(fresh, dtype=float).reshape(-1, 2), counted, base)
        note = "" if {metric, study.accuracy} <= set(study.objectives) else OWN
        whole_one = whole.get(metric, float("nan"))
        whole_one = whole_one if whole_one > 0 else float("nan")
        # A live network is looked at where it differs: among the sparsest, on the log axis.
        for log in (True,) if counted or metric.endswith("_live") else (False, True):
            title = _title(study, metric, log, whole_one)
            shape = axis(metric, title, needed, log, counted, whole_one)
            found.append(View(_button(study, metric, log), shape, steps, confirmed, note))
    return found


def _title(study: Study, metric: str, log: bool, whole: float) -> str:
    label, unit = study.label(metric), study.unit(metric) or ""
    if metric not in COUNTED:
        return f"Remaining: 1 {MINUS} {label[:1].lower()}{label[1:]}, log axis" if log else label
    amount = f"% of the dense network's {number(whole)} {unit}" if finite(whole) else unit
    return f"{label}, {amount.strip()}, log axis".replace(", ,", ",")


def _button(study: Study, metric: str, log: bool) -> str:
    if metric == study.sparsity:
        return "What remains, log" if log else "Sparsity"
    only = metric in COUNTED or metric.endswith("_live")
    return METRICS[metric] + (", log" if log and not only else "")


def _staircase(pairs: pareto.Floats, less: bool, base: tuple[float, float]) -> Corners:
    """The corners of what `pairs` (metric, accuracy) reach; `less`: of the metric, less is better."""
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(pairs):
        return ()
    sign = np.array([-1.0 if less else 1.0, 1.0])
    gains = pairs * sign
    low = np.fmin(np.array(base) * sign, gains.min(axis=0))
    corners = pareto.staircase(gains, (float(low[0]), float(low[1]))) * sign
    return tuple((float(x), float(y)) for x, y in corners)

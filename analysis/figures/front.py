"""The Pareto front as numbers: marks, axes, limits. `front_draw` draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures.axis import METRICS, offered
from analysis.figures.confirmed import MeansInfo, means_info
from analysis.figures.hover import describe
from analysis.figures.overlay import Point, points
from analysis.figures.views import View, views
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.text import finite, ratio_name

DRAWN = 1500  # most marks of one outcome: more is ink, and bytes in every view
_MANY = ("stopped", "below floor", "infeasible", "dominated")
_DIFFERS = 0.005  # a live variant becomes an axis where it differs by more


@dataclass(frozen=True)
class Mark:
    """One trial: `at` its value on every axis, by metric (NaN unknown); accuracy a fraction in [0, 1].

    `hover` is plotly's HTML subset. A stopped trial stands where it was stopped.
    """

    number: int
    scheduler: str
    outcome: str
    accuracy: float
    at: Mapping[str, float]
    hover: str
    label: str = ""


@dataclass(frozen=True)
class FrontInfo:
    """Everything that the Pareto plot shows. Limits of accuracy are fractions.

    `counts`: search trials by outcome. `left_out`: how many of them are not drawn.
    """

    marks: tuple[Mark, ...]
    dense: tuple[Mark, ...]
    views: tuple[View, ...]
    knee: Mark | None
    floor: float
    counts: Mapping[str, int]
    left_out: Mapping[str, int]
    y_low: float
    y_high: float
    y_title: str
    confirmed: MeansInfo
    published: tuple[Point, ...]

    def of(self, outcome: str) -> list[Mark]:
        """The marks with one outcome."""
        return [mark for mark in self.marks if mark.outcome == outcome]

    def height(self, accuracy: float) -> float:
        """Height of an accuracy as a fraction of the plot; below the axis is on its lower edge."""
        return max(0.0, (accuracy - self.y_low) / (self.y_high - self.y_low))


def front_info(study: Study, outcome: Outcome) -> FrontInfo:
    """Collect marks, axes, and limits that keep the interesting part large.

    A confirmed reference arm stands at its mean: it was not chosen, so its first training tells no more.
    """
    metrics = axis_metrics(study, outcome)
    means = means_info(study, outcome, metrics)
    rows, left_out = _rows(study, outcome)
    marks = [_mark(row, study, metrics, means) for row in rows.to_dict("records")]
    marks = [mark for mark in marks if finite(mark.accuracy) and finite(mark.at[study.sparsity])]
    dense = tuple(mark for mark in marks if mark.outcome == "reference" and mark.scheduler == "dense")
    marks = [mark for mark in marks if not (mark.outcome == "reference" and mark.scheduler == "dense")]
    published = points(study)
    # No axis stretches for dense arms, which are lines, nor for stopped trials, not pruned to the end.
    spots = [(mark.accuracy, mark.at) for mark in marks if mark.outcome != "stopped"]
    spots += [
        (mean.accuracy.value, {name: part.value for name, part in mean.at.items()})
        for mean in means.means
        if mean.scheduler != "dense"
    ]
    spots += [(point.accuracy, point.at) for point in published]
    shown = [spot for spot in spots if spot[0] >= study.floor] or spots
    low = min((accuracy for accuracy, _ in shown), default=study.floor)
    high = max([*(accuracy for accuracy, _ in spots), *(mark.accuracy for mark in dense)], default=1.0)
    room = max(0.05 * (high - low), 0.004)
    values = {name: [at.get(name, float("nan")) for _, at in shown] for name in metrics}
    whole = max(dense, key=lambda mark: mark.accuracy).at if dense else {}
    ended = outcome.trials.loc[outcome.trials["kind"] == "search", "outcome"].value_counts()
    return FrontInfo(
        marks=tuple(marks),
        dense=dense,
        views=tuple(views(study, outcome, means, values, whole, low)),
        knee=next((mark for mark in marks if mark.number == outcome.knee), None),
        floor=study.floor,
        counts={str(word): int(n) for word, n in ended.items()},
        left_out=left_out,
        y_low=max(0.0, low - 2 * room),
        y_high=high + room,
        y_title=study.label(study.accuracy),
        confirmed=means,
        published=published,
    )


def axis_metrics(study: Study, outcome: Outcome) -> list[str]:
    """The study's sparsity, then whatever else can be an axis and was measured."""
    rows = outcome.of("front", "dominated", "reference")
    names = []
    for name in offered(list(rows.columns), study.sparsity):
        values, plain = rows[name].to_numpy(dtype=float), name.removesuffix("_live")
        if plain != name and plain in rows:
            values = np.where(np.abs(values - rows[plain].to_numpy(dtype=float)) > _DIFFERS, values, np.nan)
        if name == study.sparsity or np.isfinite(values).any():
            names.append(name)
    return names


def _rows(study: Study, outcome: Outcome) -> tuple[pd.DataFrame, dict[str, int]]:
    """The trials that become marks: of each outcome at most `DRAWN`, evenly by number; and what is left out.

    Stopped trials get the values of their last row: trials.jsonl's, or else that of epochs.jsonl.
    """
    kept, left_out = [], {}
    for word in (*_MANY, "front", "reference"):
        rows = outcome.of(word)
        rows = rows[rows["kind"] == "search"] if word == "stopped" else rows
        if len(rows) > DRAWN and word in _MANY:
            left_out[word] = len(rows) - DRAWN
            rows = rows.iloc[np.linspace(0, len(rows) - 1, DRAWN).round().astype(int)]
        kept.append(_last(rows, study) if word == "stopped" else rows)
    return pd.concat(kept), left_out


def _last(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    if study.epochs.empty or rows.empty:
        return rows
    last = study.epochs.drop_duplicates("number", keep="last").set_index("number")
    filled = rows.set_index("number", drop=False)
    names = [name for name in (study.accuracy, study.sparsity, *METRICS) if name in last and name in filled]
    return filled.fillna({name: last[name] for name in dict.fromkeys(names)}).reset_index(drop=True)


def _mark(row: Mapping[Any, Any], study: Study, metrics: list[str], means: MeansInfo) -> Mark:
    outcome = str(row["outcome"])
    mark = Mark(
        number=int(row["number"]),
        scheduler=str(row["scheduler"]),
        outcome=outcome,
        accuracy=_float(row[study.accuracy]),
        at={name: _float(row[name]) for name in metrics},
        hover=describe(row, study, metrics if outcome in ("front", "reference") else ()),
        label=ratio_name(row) if outcome == "reference" else "",
    )
    mean = means.of(mark.number)
    if outcome != "reference" or mean is None:
        return mark
    at = {name: part.value for name, part in mean.at.items()}
    return replace(mark, accuracy=mean.accuracy.value, at=at, hover=mean.hover)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")

"""What the page's scripts know of a study: facts, curves of trials, and how a live page follows."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from analysis import embed
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.sections.base import CurveData
from analysis.theme import Style

REST = 20  # a live page is loaded anew for at most a twentieth of the time
REFRESH_S = 15  # a live page comes again no sooner, however fast it loads
DIGITS = 5  # significant digits of a drawn curve: a pixel in a plot of 1000 takes three


def facts(study: Study, outcome: Outcome, styles: dict[str, Style]) -> dict[str, Any]:
    """What picking and downloads need: numbers of the trials as runs, the front, labels and units."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(study.info.get("name", "study"))).strip("-.")
    return {
        "file": name[:60] or "study",
        "numbers": _runs(outcome.trials["number"].to_numpy()),
        "front": [int(number) for number in outcome.front["number"]],
        "schedules": {name: style.label for name, style in styles.items()},
        "shown": [
            {"name": metric, "label": study.label(metric), "unit": study.unit(metric)}
            for metric in study.shown
        ],
    }


def _runs(numbers: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Whole numbers as runs (first, last): 0, 1, 2, 5 becomes (0, 2), (5, 5)."""
    numbers = np.unique(numbers)
    if not len(numbers):
        return []
    edges = [0, *(np.flatnonzero(np.diff(numbers) > 1) + 1).tolist(), len(numbers)]
    return [(int(numbers[low]), int(numbers[high - 1])) for low, high in pairwise(edges)]


def curve_block(curves: CurveData) -> Markup:
    """The curves of trials as the page draws them, to `DIGITS` significant digits; NaN becomes null."""
    drawn = {str(number): _rounded(values) for number, values in sorted(curves.trials.items())}
    head = {"names": list(curves.names), "units": list(curves.units), "picture": curves.picture}
    return embed.block("curves-data", {**head, "trials": drawn})


def _rounded(values: npt.NDArray[np.float64]) -> list[list[float | None]]:
    known = np.isfinite(values)
    sizes = np.abs(np.where(known & (values != 0), values, 1.0))
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(sizes)))
    rounded = np.where(known, np.round(np.where(known, values, 0.0) * scale) / scale, np.nan)
    return [[value if value == value else None for value in row] for row in rounded.tolist()]


def live(study: Study) -> dict[str, int]:
    """For a page that follows a running study: its rest between two loads, and what silence is usual (s)."""
    trials = study.trials

    def highest(name: str) -> int:
        known = trials[name].dropna() if name in trials else trials["number"].iloc[:0]
        return round(float(known.max())) if len(known) else 0

    return {
        "seconds": REFRESH_S,
        "rest": REST,
        "last": highest("ended_at"),
        "longest": highest("train_wall_s"),
    }

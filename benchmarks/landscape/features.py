"""What a configuration looks like to the interpolation: numbers that determine how its training ends.

A shape's name says nothing about its neighbours; the threshold's course does. All shapes are therefore
described by the same numbers: d(u) = D f(u), and the L1 pressure (d[n+1] - d[n]) / lr[n], in units in which
the learning rate and the length of the training drop out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from trainables.schedules import SCHEDULES, cosine_annealing_integral, curve

KNOTS = np.arange(1, 10) / 10
FINE = np.linspace(0, 1, 301)
LEARNED = cosine_annealing_integral(FINE)  # share of the sum of the learning rates that is spent
EDGES = np.array([0, 60, 120, 180, 210, 240, 270, 285, 300])  # of FINE: bins of the pressure, finer late
REACHED = (0.1, 0.5, 0.9, 0.99)

NAMES = [
    "log D",
    "log lr",
    *(f"log d({u:.1f})" for u in KNOTS),
    *(f"f({u:.1f})" for u in KNOTS),
    *(f"log pressure {FINE[a]:.2f}-{FINE[b]:.2f}" for a, b in pairwise(EDGES)),
    "log peak pressure",
    *(f"u at f = {level}" for level in REACHED),
    *(f"log learning left at f = {level}" for level in REACHED),
]
# What a distance should be made of: fewer numbers, none of them flat over most of the space.
SMOOTH = [
    NAMES.index(name)
    for name in NAMES
    if name in ("log D", "log lr", "log peak pressure")
    or name.startswith(("log pressure", "log learning left"))
    or name in ("log d(0.2)", "log d(0.4)", "log d(0.6)", "log d(0.8)")
]


def course(fields: Mapping[str, Any], u: np.ndarray) -> np.ndarray:
    """Threshold D f(u) in units of the sum of the learning rates; 0 without pruning."""
    if fields.get("pruner", "stds") == "dense":
        return np.zeros_like(u)
    parameters = {name: fields.get(name, "cosine") for name in SCHEDULES[fields["scheduler"]].parameters}
    shape = curve(fields["scheduler"], fields["window_start"], fields["window_end"], **parameters)
    return np.asarray(fields["final_threshold"] * shape(u), dtype=float)


def describe(fields: Mapping[str, Any]) -> np.ndarray:
    """The numbers of ``NAMES`` for one configuration, shape [len(NAMES)]."""
    d = course(fields, FINE)
    final = max(float(d[-1]), 1e-3)
    f = d / final if d[-1] > 0 else FINE
    pressure = np.diff(d[EDGES]) / np.diff(LEARNED[EDGES])
    # Where the learning rate has vanished the ratio has no bound; what moved there hardly matters.
    slope = np.diff(d[::3]) / (np.diff(LEARNED[::3]) + 1e-3)
    reached = [int(np.searchsorted(f, level - 1e-9)) for level in REACHED]
    return np.concatenate(
        [
            [np.log(final), np.log(fields["lr"])],
            np.log(d[(KNOTS * 300).round().astype(int)] + 0.01),
            f[(KNOTS * 300).round().astype(int)],
            np.log(pressure + 0.02),
            [np.log(slope.max() + 0.02)],
            FINE[reached],
            np.log(1 - LEARNED[reached] + 1e-3),
        ]
    )


def matrix(configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """One row a configuration, shape [n, len(NAMES)]."""
    return np.array([describe(fields) for fields in configurations]).reshape(-1, len(NAMES))

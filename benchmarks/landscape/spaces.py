"""The spaces that the compared searches look in, as define-by-run functions, and ways to sample them.

All have the ranges of ``design.py`` and the learning rate of the default study.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

from benchmarks.landscape import design

SHAPES = list(design.SHARES)
INCREMENTS = 4
# Coordinates of the unit cube by parameter; a shape leaves those of the other shapes unused.
PLACES = {"scheduler": 0, "final_threshold": 1, "window_start": 2, "window_end": 3, "shape_rate": 4}
PLACES |= {"shape_a": 4, "shape_b": 5} | {f"shape_{j}": 3 + j for j in range(1, INCREMENTS)}
CUBE = 1 + max(PLACES.values())


class Trial(Protocol):
    """What a space asks of a trial: ``optuna.Trial`` has it."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number of [low, high]."""

    def suggest_categorical(self, name: str, choices: list[str]) -> Any:
        """One of the choices."""


Space = Callable[[Trial], dict[str, Any]]


def _number(trial: Trial, name: str) -> float:
    low, high = design.RANGES[name]
    return trial.suggest_float(name, low, high, log=name in design.LOG)


def _window(trial: Trial) -> dict[str, Any]:
    names = ("final_threshold", "window_start", "window_end")
    return {name: _number(trial, name) for name in names} | {"lr": design.LR}


def kumaraswamy(trial: Trial) -> dict[str, Any]:
    """Five numbers: D, window, and the two exponents."""
    exponents = {name: _number(trial, name) for name in ("shape_a", "shape_b")}
    return {"scheduler": "kumaraswamy", **_window(trial), **exponents}


def free(trial: Trial) -> dict[str, Any]:
    """Six numbers: D, window, and a point of the simplex of four increments by stick breaking."""
    v = np.array([trial.suggest_float(f"shape_{j}", 0.0, 1.0) for j in range(1, INCREMENTS)])
    increments = [round(float(s), 6) for s in design.simplex(v)]
    return {"scheduler": "free", **_window(trial), "shape_increments": increments}


def mixed(trial: Trial) -> dict[str, Any]:
    """Shape by name with its own parameters: a choice and conditional numbers, as studies have it."""
    shape = trial.suggest_categorical("scheduler", SHAPES)
    if shape in ("kumaraswamy", "free"):
        return {"kumaraswamy": kumaraswamy, "free": free}[shape](trial)
    rate = {"shape_rate": _number(trial, "shape_rate")} if shape == "exponential" else {}
    return {"scheduler": shape, **_window(trial), **rate}


class Point:
    """A point of the unit cube that answers like a trial."""

    def __init__(self, v: np.ndarray) -> None:
        self.v = v

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """The parameter's coordinate, stretched over its range."""
        share = float(self.v[PLACES[name]])
        return low * (high / low) ** share if log else low + (high - low) * share

    def suggest_categorical(self, name: str, choices: list[str]) -> Any:
        """The parameter's coordinate picks one of equal shares."""
        return choices[int(self.v[PLACES[name]] * len(choices))]


def random(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Independent, uniform points."""
    rng = np.random.default_rng([seed, 1])
    while True:
        yield space(Point(rng.random(CUBE)))


def sobol(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Points of a scrambled Sobol sequence; 1,024 of them."""
    for v in qmc.Sobol(CUBE, scramble=True, rng=np.random.default_rng([seed, 2])).random_base2(10):
        yield space(Point(v))


def grid(shapes: list[str], seed: int) -> Iterator[dict[str, Any]]:
    """D by hand: each named schedule over the whole training, D refined over its log range.

    The order is van der Corput's, each D for every shape in turn, so that the grid is even whenever it
    ends. A random shift (modulo 1) makes studies differ as where people start a grid does.
    """
    shift = np.random.default_rng([seed, zlib.crc32("".join(shapes).encode())]).random()
    low, high = design.RANGES["final_threshold"]
    for v in qmc.Halton(1, scramble=False).random(1024)[:, 0]:
        d = low * (high / low) ** ((v + shift) % 1.0)
        for shape in shapes:
            full = {"window_start": 0.0, "window_end": 1.0, "lr": design.LR}
            yield {"scheduler": shape, "final_threshold": float(d), **full}

"""Threshold schedules d(u) = D * f(u): pure functions of training progress u in [0, 1].

Contract of every shape: f(0) = 0, f(1) = 1, monotone. Shapes accept a float or an array of any shape and
return the same. Progress is all a schedule sees: steps and epochs are converted by the caller.

To add a shape: write the function here and add one row to ``SCHEDULES``; its extra arguments are fields
of ``TrainConfig`` and are listed in the row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# A float or an array: numpy's functions return what they are given.
Progress = Any
Curve = Callable[[Progress], Progress]


# --- learning-rate curves, relative to the initial rate, and their integrals normalised to 1 at u = 1 ---


def cosine_annealing(u: Progress) -> Progress:
    """(1 + cos(pi u)) / 2 (Loshchilov and Hutter 2017, eq. 5, without restarts)."""
    return (1 + np.cos(np.pi * u)) / 2


def cosine_annealing_integral(u: Progress) -> Progress:
    """u + sin(pi u)/pi: the integral of cosine annealing over [0, u], divided by that over [0, 1]."""
    return u + np.sin(np.pi * u) / np.pi


def constant(u: Progress) -> Progress:
    """1: the learning rate of STDS on CIFAR-10."""
    return np.ones_like(u, dtype=float)


@dataclass(frozen=True)
class LearningRate:
    """A learning-rate curve, relative to the initial rate, with its normalised integral."""

    curve: Curve
    integral: Curve


LEARNING_RATES: dict[str, LearningRate] = {
    "cosine": LearningRate(cosine_annealing, cosine_annealing_integral),
    "constant": LearningRate(constant, lambda u: u),
}


# --- threshold shapes -----------------------------------------------------------------------------------


def linear(u: Progress) -> Progress:
    """f = u. STDS, linear (Chen et al. ICML 2022)."""
    return u


def sine(u: Progress) -> Progress:
    """f = (1 + sin(pi (u - 1/2))) / 2. STDS, sine (Chen et al. ICML 2022).

    The same function as (1 - cos(pi u)) / 2, because sin(x - pi/2) = -cos(x). "Cosine annealing" of the
    threshold is therefore this shape and not :func:`cosine`.
    """
    return (1 + np.sin(np.pi * (u - 0.5))) / 2


def cosine(u: Progress) -> Progress:
    """f = 1 - cos(pi u / 2): slow start, steepest at the end."""
    return 1 - np.sin(np.pi * (1 - u) / 2)  # the same function, and exactly 1 at u = 1


def exponential(u: Progress, shape_rate: float) -> Progress:
    """f = (1 - exp(-k u)) / (1 - exp(-k)), k of either sign; linear in the limit k -> 0.

    k > 0 rises early and saturates, k < 0 stays low and ends steeply.
    """
    # expm1 keeps full precision near k = 0, where the plain formula loses all digits.
    return u if shape_rate == 0 else np.expm1(-shape_rate * u) / np.expm1(-shape_rate)


def slats(u: Progress, lr_schedule: str) -> Progress:
    """f = integral of the learning rate over [0, u], normalised: constant L1 pressure (d[n+1]-d[n])/lr[n].

    u + sin(pi u)/pi under cosine annealing, which is S-LATS (Chen et al. ICLR 2023); linear under a
    constant rate.
    """
    return LEARNING_RATES[lr_schedule].integral(u)


def cubic(u: Progress) -> Progress:
    """f = 1 - (1 - u)^3: the sparsity curve of AGP (Zhu and Gupta 2017, eq. 1) used for the threshold."""
    return 1 - (1 - u) ** 3


def kumaraswamy(u: Progress, shape_a: float, shape_b: float) -> Progress:
    """f = 1 - (1 - u^a)^b: the cumulative Kumaraswamy distribution (1980), a, b > 0.

    Holds linear (1, 1) and cubic (1, 3) exactly. The best approximations of the others, with the largest
    distance: sine (1.93, 2.26) 0.003, cosine (1.88, 1.09) 0.005, S-LATS (1.11, 2.72) 0.007, exponential
    k = 3 (0.83, 2.05) 0.02, k = -3 (2.16, 0.81) 0.02.
    """
    return 1 - (1 - u**shape_a) ** shape_b


def free(u: Progress, shape_increments: Sequence[float]) -> Progress:
    """Any monotone curve: the monotone cubic through the knots (j / k, s_1 + ... + s_j), j = 0 .. k.

    ``shape_increments``: k numbers >= 0, not all 0; divided by their sum they are s, a point of the
    simplex. Equal increments are linear, an increment of 0 is a pause. Between the knots the cubic Hermite
    polynomial with the slopes of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984): harmonic means of
    the neighbouring increments, which never overshoot.
    """
    parts = np.asarray(shape_increments, dtype=float)
    count = len(parts)
    rise = parts / parts.sum()  # increments per knot: slopes in units of k
    heights = np.append(0.0, np.cumsum(rise))
    heights /= heights[-1]  # exactly 1 at the end, which the sum of the parts is not always
    before, after = rise[:-1], rise[1:]
    total = before + after
    inner = np.divide(2 * before * after, total, out=np.zeros_like(total), where=total > 0)
    ends = (3 * rise[[0, -1]] - rise[[1, -2]]) / 2  # parabola through the three last knots
    slopes = np.concatenate([[max(ends[0], 0.0)], inner, [max(ends[1], 0.0)]])
    at = np.minimum((np.asarray(u) * count).astype(int), count - 1)
    t = u * count - at
    left, right = heights[at], heights[at + 1]
    bend = t * (1 - t) * ((1 - t) * slopes[at] - t * slopes[at + 1])
    # Round-off may leave [left, right] by an ulp, where the curve is flat.
    return np.clip(left + (right - left) * t * t * (3 - 2 * t) + bend, left, right)


@dataclass(frozen=True)
class Schedule:
    """A shape, and the names of the ``TrainConfig`` fields that it takes besides the progress."""

    shape: Callable[..., Progress]
    parameters: tuple[str, ...] = ()


SCHEDULES: dict[str, Schedule] = {
    "linear": Schedule(linear),
    "sine": Schedule(sine),
    "cosine": Schedule(cosine),
    "exponential": Schedule(exponential, ("shape_rate",)),
    "slats": Schedule(slats, ("lr_schedule",)),
    "cubic": Schedule(cubic),
    "kumaraswamy": Schedule(kumaraswamy, ("shape_a", "shape_b")),
    "free": Schedule(free, ("shape_increments",)),
}


def window(u: Progress, start: float, end: float) -> Progress:
    """Progress inside a window: 0 up to start, 1 from end on, linear between (0 <= start < end <= 1)."""
    return np.clip((u - start) / (end - start), 0.0, 1.0)


def curve(name: str, start: float = 0.0, end: float = 1.0, **parameters: Any) -> Curve:
    """The shape called ``name`` with its parameters bound, confined to the window (start, end)."""
    shape = SCHEDULES[name].shape
    return lambda u: shape(window(u, start, end), **parameters)


def learning_rates(schedule: str, lr: float, steps: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Learning rate of every optimiser step, shape [steps]: lr * curve(n / steps), n = 0 .. steps - 1."""
    rates: np.ndarray[tuple[int], np.dtype[np.float64]] = lr * LEARNING_RATES[schedule].curve(
        np.arange(steps) / steps
    )
    return rates

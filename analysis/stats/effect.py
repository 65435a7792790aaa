"""How large a difference between two samples is, whatever its scale: A12 and its words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as scipy_stats

from analysis.stats.intervals import Estimate

# Bounds of |delta| between the words, from Romano et al. 2006, annual meeting of the Florida Association of
# Institutional Research: those of Cohen's d 0.2, 0.5 and 0.8 for normal values.
_WORDS = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"), (float("inf"), "large"))


def a12(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """Vargha and Delaney's A: the chance that a value of x [n] is larger than one of y [m], ties half.

    A = (#{x_i > y_j} + #{x_i = y_j} / 2) / (n m), 0.5 for samples drawn alike (Vargha and Delaney 2000, JEBS
    25:101). `n` of the estimate is n + m; NaN entries do not count; NaN for an empty side.

    The interval holds every A' with |A - A'| <= z sqrt(V(A')), V(A') = A' (1 - A') / (n m) *
    (1 + k (1 - A') / (2 - A') + k A' / (1 + A')), k = (n + m) / 2 - 1: Newcombe 2006, Stat. Med. 25:559,
    method 5. Unlike the bootstrap or DeLong's it has a width where the samples are apart, A = 0 or 1. It
    holds for samples drawn independently: for runs paired by seed it is wider than it need be.
    """
    first, second = (np.asarray(part, dtype=np.float64).reshape(-1) for part in (x, y))
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    n, m = len(first), len(second)
    if min(n, m) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), n + m)
    ranks = scipy_stats.rankdata(np.concatenate([first, second]))
    value = float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))
    if n + m < 3:
        return Estimate(value, float("nan"), float("nan"), n + m)
    z, k = float(scipy_stats.norm.ppf(0.5 + level / 2)), (n + m) / 2 - 1

    def outside(a: float) -> bool:
        variance = a * (1 - a) / (n * m) * (1 + k * (1 - a) / (2 - a) + k * a / (1 + a))
        return abs(value - a) > z * float(np.sqrt(max(variance, 0.0)))

    return Estimate(value, _edge(outside, value, 0.0), _edge(outside, value, 1.0), n + m)


def cliffs_delta(a: float) -> float:
    """Cliff's delta of an A12, P(x > y) - P(x < y) = 2 A - 1, in [-1, 1] (1993, Psych. Bull. 114:494)."""
    return 2 * a - 1


def magnitude(delta: float) -> str:
    """A word for |delta| (Cliff's): 'negligible', 'small', 'medium' or 'large'; 'unknown' for NaN."""
    if np.isnan(delta):
        return "unknown"
    return next(word for bound, word in _WORDS if abs(delta) < bound)


def _edge(outside: Callable[[float], bool], inside: float, end: float) -> float:
    """Where the interval around `inside` stops on the way to `end`, by halving."""
    if not outside(end):
        return end
    for _ in range(60):
        middle = (inside + end) / 2
        inside, end = (inside, middle) if outside(middle) else (middle, end)
    return (inside + end) / 2

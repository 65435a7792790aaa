"""A rising curve through scattered points, and the x at which it reaches a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from analysis.stats import Estimate, Floats

LEAST = 8  # pairs, and
DISTINCT = 4  # different x, below which no curve is fitted
RESAMPLES = 400


@dataclass(frozen=True, eq=False)
class Rising:
    """A curve that never falls: `x` [k] strictly rising, `y` [k]; straight between its points."""

    x: Floats
    y: Floats

    def reaches(self, level: float) -> float:
        """The smallest x at which the curve has reached `level`; NaN where it never does.

        Where it starts at or above the level, its first x: less was not tried.
        """
        above = np.flatnonzero(self.y >= level)
        if not len(above):
            return float("nan")
        i = int(above[0])
        if i == 0:
            return float(self.x[0])
        share = (level - self.y[i - 1]) / (self.y[i] - self.y[i - 1])
        return float(self.x[i - 1] + share * (self.x[i] - self.x[i - 1]))


def rising(x: Floats, y: Floats) -> Rising:
    """Isotonic least squares of `y` on `x` [n], all finite: the best fit among all curves that never fall.

    Of equal x the mean y counts, as often as there are. A level that spans several x (a pool of the fit) is
    one point at the mean of its x, so that the curve rises between levels and does not jump; the outermost
    x keep theirs. Source: Barlow et al. 1972, Statistical Inference under Order Restrictions.
    """
    levels, back, counts = np.unique(x, return_inverse=True, return_counts=True)
    fit = isotonic_regression(np.bincount(back, y) / counts, weights=counts, increasing=True)
    # The pools as the algorithm leaves them: neighbours that differ by rounding alone must stay one.
    starts = np.asarray(fit.blocks[:-1])
    weight = np.add.reduceat(counts, starts)
    last = np.asarray(fit.blocks[1:]) - 1
    # within its pool, whatever the rounding
    middle = np.clip(np.add.reduceat(levels * counts, starts) / weight, levels[starts], levels[last])
    height = np.asarray(fit.x)[starts]
    ends_x = [levels[:1], middle, levels[-1:]]
    ends_y = [height[:1], height, height[-1:]]
    xs, ys = np.concatenate(ends_x), np.concatenate(ends_y)
    keep = np.concatenate([[True], np.diff(xs) > 0])
    return Rising(xs[keep], ys[keep])


def enough(x: Floats) -> bool:
    """Whether a curve through these says anything."""
    return len(x) >= LEAST and len(np.unique(x)) >= DISTINCT


def needed(x: Floats, y: Floats, levels: Sequence[float], rng: np.random.Generator) -> dict[float, Estimate]:
    """By level, the x at which the fitted curve of `y` on `x` [n] reaches it, with a 95 % bootstrap interval.

    Pairs are drawn together, once for all levels. A resample that never reaches a level counts as infinite:
    an upper end that is infinite means that the level was not reached for sure. Value NaN where the fit does
    not reach it; no interval there. Percentile bootstrap, Efron and Tibshirani 1993, chapter 13.
    """
    n, curve = len(x), rising(x, y)
    drawn = (rng.integers(0, n, n) for _ in range(max(100, min(RESAMPLES, 400_000 // n))))
    fits = [rising(x[rows], y[rows]) for rows in drawn]
    found = {}
    for level in levels:
        value, low, high = curve.reaches(level), float("nan"), float("nan")
        if np.isfinite(value):
            values = np.array([fit.reaches(level) for fit in fits])
            values = np.where(np.isnan(values), np.inf, values)
            low, high = np.quantile(values, [0.025, 0.975], method="nearest").tolist()
        found[level] = Estimate(value, low, high, n)
    return found

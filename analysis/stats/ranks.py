"""Rank correlation with its interval."""

from __future__ import annotations

import numpy as np
from scipy import stats as scipy_stats

from analysis.stats.bootstrap import bootstrap
from analysis.stats.intervals import Estimate, Floats


def rank_correlation(x: Floats, y: Floats) -> float:
    """Spearman's rho: the Pearson correlation of the ranks (ties share theirs); NaN if a side is constant."""
    if len(x) < 2:
        return float("nan")
    a = scipy_stats.rankdata(x) - (len(x) + 1) / 2
    b = scipy_stats.rankdata(y) - (len(y) + 1) / 2
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else float("nan")


def spearman(x: Floats, y: Floats, rng: np.random.Generator, resamples: int = 2000) -> Estimate:
    """Spearman's rho of the pairs (x, y) [n] with its bootstrap interval; pairs with a NaN are left out.

    Beyond 2,000 pairs there are fewer resamples, down to 200: ranking costs n log n each time, and the ends
    of so narrow an interval need no third digit.
    """
    both = np.isfinite(x) & np.isfinite(y)
    resamples = min(resamples, max(200, 4_000_000 // max(1, int(both.sum()))))
    return bootstrap(rank_correlation, x[both], y[both], rng=rng, resamples=resamples)

"""Rank correlation with its interval."""

from __future__ import annotations

import numpy as np

from analysis.stats.bootstrap import bootstrap
from analysis.stats.intervals import Estimate, Floats


def rank_correlation(x: Floats, y: Floats) -> float:
    """Spearman's rho: the Pearson correlation of the ranks (ties share theirs); NaN if a side is constant."""
    if len(x) < 2:
        return float("nan")
    a = _ranks(x) - (len(x) + 1) / 2
    b = _ranks(y) - (len(y) + 1) / 2
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else float("nan")


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, ties share their mean. scipy's rankdata spends four times as long on its arguments."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def spearman(x: Floats, y: Floats, rng: np.random.Generator, resamples: int = 2000) -> Estimate:
    """Spearman's rho of the pairs (x, y) [n] with its bootstrap interval; pairs with a NaN are left out.

    Beyond 2,000 pairs there are fewer resamples, down to 200: ranking costs n log n each time, and the ends
    of so narrow an interval need no third digit.
    """
    both = np.isfinite(x) & np.isfinite(y)
    resamples = min(resamples, max(200, 4_000_000 // max(1, int(both.sum()))))
    return bootstrap(rank_correlation, x[both], y[both], rng=rng, resamples=resamples)

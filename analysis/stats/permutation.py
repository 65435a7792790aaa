"""Tests of a difference by permutation, and Holm's correction when there are several."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats.intervals import Floats

EXACT_PAIRS = 12  # 4,096 ways to flip the signs
EXACT_SPLITS = 10_000
# Sums of the same numbers in another order differ in the last digits; such ties count as ties.
_TIE = 1e-9


def paired_permutation(a: ArrayLike, b: ArrayLike, rng: np.random.Generator, resamples: int = 9999) -> float:
    """Two-sided p of the hypothesis that the pairs (a, b) [n] are exchangeable: sign flips of a - b.

    p = share of the 2^n ways to flip signs whose |sum| is at least the observed one; above 12 pairs from
    `resamples` random ways, (1 + hits) / (1 + resamples), the observed one counting as one of them. Pairs
    with a NaN are left out; NaN without pairs. `smallest_p` says what n pairs can show at all. Sources:
    Fisher 1935, The Design of Experiments, section 21; Phipson and Smyth 2010, SAGMB 9:39 for the one.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    difference = difference[np.isfinite(difference)]
    n = len(difference)
    if n == 0:
        return float("nan")
    observed = abs(float(difference.sum())) - _TIE * float(np.abs(difference).sum())
    if n <= EXACT_PAIRS:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return float(np.mean(np.abs((1.0 - 2.0 * bits) @ difference) >= observed))
    hits = 0
    for _ in range(resamples):
        hits += abs(float(rng.choice((-1.0, 1.0), size=n) @ difference)) >= observed
    return (1 + hits) / (1 + resamples)


def permutation(x: ArrayLike, y: ArrayLike, rng: np.random.Generator, resamples: int = 9999) -> float:
    """Two-sided p of the hypothesis that x [n] and y [m] are drawn alike, by the difference of their means.

    p = share of the ways to deal the n + m values into groups of n and m whose |difference of means| is at
    least the observed one: all of them up to 10,000, else `resamples` random ones and the observed one. NaN
    entries do not count; NaN for an empty side. For runs that share no seeds; else `paired_permutation`.
    """
    first, second = _known(x), _known(y)
    n, both = len(first), np.concatenate([first, second])
    if min(n, len(second)) == 0:
        return float("nan")
    # Of a fixed whole, the sum of one group says the difference of the means.
    expected = n * float(both.mean())
    observed = abs(float(first.sum()) - expected) - _TIE * float(np.abs(both).sum())
    if comb(len(both), n) <= EXACT_SPLITS:
        sums = np.array([both[list(rows)].sum() for rows in combinations(range(len(both)), n)])
        return float(np.mean(np.abs(sums - expected) >= observed))
    hits = sum(abs(float(rng.permutation(both)[:n].sum()) - expected) >= observed for _ in range(resamples))
    return (1 + hits) / (1 + resamples)


def smallest_p(pairs: int, resamples: int = 9999) -> float:
    """The smallest p that `paired_permutation` can give: 2 / 2^n up to 12 pairs, so 0.0625 for five."""
    if pairs < 1:
        return float("nan")
    return 2.0 ** (1 - pairs) if pairs <= EXACT_PAIRS else 1 / (1 + resamples)


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p-values [m], in the given order: below alpha they hold with family-wise error alpha.

    With p sorted upwards, adjusted_i = max over j <= i of min(1, (m - j + 1) p_j), j from 1 (Holm 1979,
    Scand. J. Stat. 6:65). NaN stays NaN and is not counted in m: a test that could not be made is none.
    """
    given = np.array(p, dtype=np.float64).reshape(-1)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(given[known], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(given), np.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def _known(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    return array[np.isfinite(array)]

"""Statistics as functions of arrays; randomness comes in as a `numpy.random.Generator`, never global."""

from __future__ import annotations

from analysis.stats.bootstrap import bootstrap
from analysis.stats.effect import a12, cliffs_delta, magnitude
from analysis.stats.intervals import Estimate, Floats, student, welch, wilson
from analysis.stats.permutation import holm, paired_permutation, permutation, smallest_p
from analysis.stats.ranks import rank_correlation, spearman

__all__ = [
    "Estimate", "Floats", "a12", "bootstrap", "cliffs_delta", "holm", "magnitude", "paired_permutation",
    "permutation", "rank_correlation", "smallest_p", "spearman", "student", "welch", "wilson",
]  # fmt: skip

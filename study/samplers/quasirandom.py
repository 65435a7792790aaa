"""Scrambled Sobol points for any define-by-run space: trial n takes point n, whatever was killed in between.

Optuna's QMCSampler is not used: it keeps a counter in the study (a trial that is asked again takes another
point), draws conditional parameters at random, and its first trial too.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

WIDTH = 64  # dimensions of one generator; a 65th parameter takes the first one of the next


def derived(*parts: int | str) -> int:
    """A seed below 2^32 that belongs to ``parts`` alone: a hash, so that neighbours share nothing."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def coordinate(seed: int, index: int, dimension: int) -> float:
    """Coordinate in [0, 1) of point ``index`` of the scrambled Sobol sequence (Sobol 1967, Owen 1998).

    Of every 2^k points from a multiple of 2^k on, exactly one lies in each of 2^k equal parts of every axis.
    """
    block, column = divmod(dimension, WIDTH)
    engine = torch.quasirandom.SobolEngine(WIDTH, scramble=True, seed=derived(seed, "sobol", block))
    engine.fast_forward(index)
    return float(engine.draw(1, dtype=torch.float64)[0, column])


def placed(distribution: BaseDistribution, u: float) -> Any:
    """The value at ``u`` in [0, 1): equal shares for choices and steps, logarithms where it says so."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(u * len(distribution.choices))]
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise TypeError(f"{type(distribution).__name__}: not a choice, a float or an integer")
    low, high = distribution.low, distribution.high
    if isinstance(distribution, IntDistribution) and distribution.log:
        # half a step on either side, as Optuna does: else both ends get half of their share
        return min(max(round(_log_between(low - 0.5, high + 0.5, u)), int(low)), int(high))
    if distribution.step is not None:
        steps = round((high - low) / distribution.step)  # Optuna has made the range a multiple of the step
        value = low + distribution.step * int(u * (steps + 1))
    else:
        value = _log_between(low, high, u) if distribution.log else low + u * (high - low)
    return min(max(value, low), high)  # rounding


class Sobol(BaseSampler):
    """Point ``index`` of the sequence; a parameter's dimension is its place in the order of suggestion.

    In a conditional space the parameters behind a choice share dimensions: each is still evenly spread.
    """

    def __init__(self, seed: int, index: int) -> None:
        self.seed, self.index = seed, index

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is drawn jointly: every parameter knows its dimension."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing, see above."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of one parameter. ``trial.params`` are those that were suggested before it."""
        return placed(param_distribution, coordinate(self.seed, self.index, len(trial.params)))


def _log_between(low: float, high: float, u: float) -> float:
    return math.exp(math.log(low) + u * (math.log(high) - math.log(low)))

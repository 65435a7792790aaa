"""A trial of the front once more with another D, where the front has a gap: half of ``auto``'s suggestions.

What general samplers cannot know: one parameter moves a training along the front. A schedule that does well
at one D does well at the next, and the weights that are left go as 1 / D, roughly (18 % at D / sum(lr) = 0.2,
8 % at 0.45, on digits). So a gap of the front can be aimed at, from the first trial that ends, which is a
reference arm: the search begins where the literature is.

What it is worth: benchmarks/results/search_comparison.md. Tried on that landscape and left: to move the
other parameters too, by 3 to 10 % of their ranges; to multiply D by a random factor, up to 2, 3 or 4; to take
trials by their crowding distance instead of gaps; every third suggestion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from study.front import Floats, nondominated
from study.samplers.quasirandom import derived
from trainables.metrics import METRICS, Direction

# What is left goes as this power of the parameter that says how much is pruned, by the beginning of its name.
# Strengths have no common law; with a wrong one the trial misses the gap, and the next aims from where it is.
AMOUNTS = {"final_threshold": -1.0, "density": 1.0, "pruner_strength": -1.0}
NEAR = "near"  # attribute of an arm that is no point of the space: the parameters of the point most like it
FURTHEST = 4.0  # times less than what the gap's dense end has left; a gap without a sparse end has no bound
ROUND = 4  # of so many suggestions of the start one is quasi-random, and half of those afterwards the model's


def due(index: int, startup: int) -> bool:
    """Whether searched trial ``index`` is to fill a gap: three of four in the start, then one of two."""
    return index % ROUND != ROUND - 1 if index < startup else index % 2 == 0


@dataclass(frozen=True)
class Trade:
    """What is traded for what: columns of the objectives, whose ``directions`` are these."""

    quality: int
    cost: int
    directions: tuple[Direction, ...]

    def read(self, values: Floats) -> tuple[Floats, Floats]:
        """Quality, more is better, and what is left, 0 for an empty network; each [n] of values [n, m]."""
        more = [direction == "maximize" for direction in self.directions]
        quality, cost = values[:, self.quality], values[:, self.cost]
        return quality if more[self.quality] else -quality, 1 - cost if more[self.cost] else cost


def trade(names: Sequence[str]) -> Trade | None:
    """The first accuracy or loss against the first sparsity, count or energy; None where one is missing."""
    quality = [place for place, name in enumerate(names) if name.startswith(("accuracy", "loss"))]
    costs = [place for place, name in enumerate(names) if place not in quality and name != "wall_s"]
    if not quality or not costs:
        return None
    return Trade(quality[0], costs[0], tuple(METRICS[name].direction or "maximize" for name in names))


def gaps(quality: Floats, left: Floats, corners: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Areas [n + 1] of the gaps of a front of n points, densest first, and what their ends have left [n + 2].

    A gap is the rectangle between neighbours, which may hold undominated points. ``corners``: (quality, left)
    of where the front begins (the best quality at all, nothing pruned) and ends (the worst, nothing left).
    """
    heights = np.concatenate([corners[0][:1], quality, corners[1][:1]])
    ends = np.concatenate([corners[0][1:], left, corners[1][1:]])
    return np.abs(np.diff(heights) * np.diff(ends)), ends


class Infill(BaseSampler):
    """Draws a gap by its area, one of its ends, and what is to be left, log-uniformly within the gap.

    ``otherwise`` draws where there is no feasible trial on the front whose D can be moved, and whatever the
    trial of the front lacks. The draw depends on ``seed``, ``index`` and the trials that have ended.
    """

    def __init__(self, seed: int, index: int, trade: Trade, otherwise: BaseSampler) -> None:
        self.random = np.random.default_rng(derived(seed, index, "infill"))
        self.trade, self.otherwise = trade, otherwise
        self.moved: dict[str, Any] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing that is drawn jointly, unless ``otherwise`` draws."""
        self.moved = self._moved(study)
        return {} if self.moved else self.otherwise.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What ``otherwise`` draws jointly, where it draws."""
        return {} if self.moved else self.otherwise.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The parameter of the trial that is run again, or to where it was moved."""
        if param_name not in self.moved:
            return self.otherwise.sample_independent(study, trial, param_name, param_distribution)
        value = self.moved[param_name]
        if not power(param_name) or not isinstance(param_distribution, FloatDistribution):
            return value
        low, high = param_distribution.low, param_distribution.high
        if not low <= value <= high:  # as far inside of the bound: at the bound all would be the same
            value = (low if value < low else high) ** 2 / value
        return min(max(value, low), high)

    def _moved(self, study: Study) -> dict[str, Any]:
        ended = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True)
        kept = [max(trial.constraints.values(), default=0.0) <= 0 for trial in ended]
        if not any(kept):
            return {}
        values = np.array([trial.values for trial in ended])
        quality, left = self.trade.read(values)
        front = [
            place
            for place in np.flatnonzero(kept)[nondominated(values[kept], self.trade.directions)]
            if left[place] > 0 and any(map(power, point(ended[place])))
        ]
        if not front:
            return {}
        front.sort(key=lambda place: (-left[place], -quality[place]))
        worst = min(quality.min(), 0.0)  # an accuracy of 0; of losses the worst that was seen
        corners = np.array([quality.max(), left.max()]), np.array([worst, 0.0])
        areas, ends = gaps(quality[front], left[front], corners)
        total = areas.sum()
        gap = int(self.random.choice(len(areas), p=areas / total if total > 0 else None))
        place = min(max(gap - int(self.random.integers(2)), 0), len(front) - 1)
        most, least = ends[gap], max(ends[gap + 1], ends[gap] / FURTHEST)
        aim = math.exp(self.random.uniform(math.log(least), math.log(most)))
        return shifted(point(ended[front[place]]), aim / left[front[place]])


def point(trial: FrozenTrial) -> dict[str, Any]:
    """Where in the space the trial is; of an arm outside, which point is most like it. Empty: none is."""
    return trial.params or trial.user_attrs.get(NEAR, {})


def power(name: str) -> float:
    """With which what is left goes with the parameter; 0 for all that do not say how much is pruned."""
    return next((power for start, power in AMOUNTS.items() if name.startswith(start)), 0.0)


def shifted(params: dict[str, Any], times: float) -> dict[str, Any]:
    """The parameters with which ``times`` as much should be left."""
    powers = {name: power(name) for name, value in params.items() if isinstance(value, float)}
    return params | {name: params[name] * times ** (1 / p) for name, p in powers.items() if p}

"""Confirmation: chosen configurations trained again with fresh seeds, and what their means say.

The best of many noisy trials is lucky (the winner's curse): the value for which a configuration was chosen
overstates it. Its mean over fresh seeds does not, so the value of the search is in no mean here. All
configurations share the same fresh seeds: differences between two of them are taken seed by seed.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.results import Study
from analysis.stats import Estimate, Floats, student

TEST = "accuracy_test"


@dataclass(frozen=True, eq=False)
class Configuration:
    """A configuration with its fresh runs.

    `row`: the search or reference trial that it was chosen for. `runs`: its completed fresh runs, indexed by
    seed, with the columns of the trials frame and `accuracy_test`. `ended`: fresh runs that ended, failed
    ones included: those are in no mean, so a mean over fewer runs than ended may flatter. `feasible`: mean
    accuracy at or above the floor and no constraint violated in the mean. `fractions`: metrics in [0, 1].
    """

    row: dict[str, Any]
    runs: pd.DataFrame
    ended: int
    feasible: bool
    fractions: frozenset[str]

    @property
    def number(self) -> int:
        """The number of the trial that it was chosen for."""
        return int(self.row["number"])

    @property
    def is_reference(self) -> bool:
        """True for a reference arm, False for a configuration of the search."""
        return bool(self.row["kind"] == "reference")

    def mean(self, metric: str) -> Estimate:
        """Mean over the fresh seeds with its 95 % interval (`stats.student`), cut to [0, 1] for fractions."""
        estimate = student(self._values(metric))
        if metric not in self.fractions:
            return estimate
        low, high = np.clip([estimate.low, estimate.high], 0.0, 1.0)
        return Estimate(estimate.value, float(low), float(high), estimate.n)

    def sd(self, metric: str) -> float:
        """Standard deviation over the fresh seeds, with n - 1; NaN for n < 2."""
        values = self._values(metric)
        values = values[np.isfinite(values)]
        return float(values.std(ddof=1)) if len(values) > 1 else float("nan")

    def optimism(self, metric: str) -> float:
        """The search's value minus the mean over fresh seeds: how lucky the chosen trial was."""
        return float(self.row.get(metric, float("nan"))) - self.mean(metric).value

    def gain(self, other: Configuration, metric: str) -> Estimate:
        """Mean of the differences self - other between runs of the same seed, with its 95 % t interval."""
        mine, theirs = self.pairs(other, metric)
        return student(mine - theirs)

    def pairs(self, other: Configuration, metric: str) -> tuple[Floats, Floats]:
        """The values [n] of both for every seed that either has, in one order; NaN where one is missing."""
        mine, theirs = (pd.Series(part._values(metric), part.runs.index) for part in (self, other))
        mine, theirs = mine.align(theirs)
        return mine.to_numpy(dtype=float), theirs.to_numpy(dtype=float)

    def _values(self, metric: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        if metric not in self.runs:
            return np.full(len(self.runs), np.nan)
        return self.runs[metric].to_numpy(dtype=float)


def confirmed(study: Study) -> tuple[Configuration, ...]:
    """Every configuration that was chosen for confirmation, from least to most sparse in the mean.

    Chosen are the trials that a confirming trial repeats, and those that study.json lists as `confirmed`,
    whose runs may still be to come. Of several runs with one seed the last completed one counts.
    """
    trials = study.trials
    origins = trials[trials["kind"] != "confirm"].set_index("number", drop=False)
    runs = trials[(trials["kind"] == "confirm") & trials["replicate_of"].isin(origins.index)]
    tests = study.models.set_index("number")[TEST]
    runs = runs.assign(**{TEST: runs["number"].map(tests).astype(float)})
    finite = np.isfinite(runs[study.objectives].to_numpy(dtype=float)).all(axis=1)
    complete = pd.Series((runs["state"] == "COMPLETE").to_numpy() & finite, runs.index)
    listed = study.info.get("confirmed")
    chosen = {number for number in listed if type(number) is int} if isinstance(listed, list) else set()
    groups = {int(str(number)): group for number, group in runs.groupby(runs["replicate_of"].astype(int))}
    described = study.part("metrics")
    fractions = frozenset(name for name in described if study.unit(name) == "fraction")
    found = []
    for number in sorted((chosen & set(origins.index)) | set(groups)):
        group = groups.get(number, runs.iloc[:0])
        good = group[complete[group.index]]
        seeds = [seed_key(*pair) for pair in zip(good["seed"], good["number"], strict=True)]
        good = good.set_index(pd.Index(seeds, dtype=object))
        good = good[~good.index.duplicated(keep="last")]
        row = {str(key): value for key, value in origins.loc[number].to_dict().items()}
        found.append(Configuration(row, good, len(group), _feasible(good, study), fractions))
    sparsity = {part.number: part.mean(study.sparsity).value for part in found}
    return tuple(sorted(found, key=lambda part: (np.nan_to_num(sparsity[part.number], nan=2.0), part.number)))


def seed_key(seed: object, number: int) -> Hashable:
    """The key that pairs runs; a run without a usable seed pairs with no other."""
    if isinstance(seed, float) and seed.is_integer():  # whole numbers beside a gap become floats
        return int(seed)
    return seed if isinstance(seed, int | str) else f"trial {number}"


def _feasible(runs: pd.DataFrame, study: Study) -> bool:
    if runs.empty or not runs[study.accuracy].mean() >= study.floor:
        return False
    violations = pd.DataFrame(list(runs["violations"]))
    return bool((violations.mean(skipna=False) <= 0).all())

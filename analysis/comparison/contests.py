"""One study against another: by seed where they share seeds, with test, correction and effect size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.comparison.rivals import Contender, Field, best
from analysis.sections.bands import BANDS
from analysis.stats import Estimate, a12, holm, paired_permutation, permutation, smallest_p, student, welch

VOLUME = "hypervolume"
FEWEST = 2  # pairs or runs a side for a test


@dataclass(frozen=True)
class Contest:
    """The first study against another in one measure; more is better.

    `difference`: first minus other, the mean over the `pairs` seeds that both have, with Student's interval;
    without two such seeds (`pairs` 0) of the means, with Welch's; of single values without an interval. `p`:
    two-sided permutation test (paired, or of the runs dealt out again), `adjusted`: after Holm's correction
    over all tests of the comparison; NaN where there was none. `effect`: the chance that a run of the first
    is better than one of the other (A12). `smallest`: the smallest p that so few runs could have shown.
    """

    difference: Estimate
    pairs: int
    p: float
    effect: Estimate
    smallest: float
    adjusted: float = float("nan")

    @property
    def tested(self) -> bool:
        """Whether there was anything to test."""
        return bool(np.isfinite(self.p))


def contest(first: pd.Series, other: pd.Series, rng: np.random.Generator) -> Contest:
    """Values by seed; those that are not finite do not count."""
    first, other = (part[np.isfinite(part.to_numpy(dtype=float))] for part in (first, other))
    x, y = (part.to_numpy(dtype=float) for part in (first, other))
    effect = a12(x, y)
    theirs = set(other.index)
    shared = [seed for seed in first.index if seed in theirs and not _nameless(seed)]
    if len(shared) >= FEWEST:
        a, b = (part.loc[shared].to_numpy(dtype=float) for part in (first, other))
        p = paired_permutation(a, b, rng)
        return Contest(student(a - b), len(shared), p, effect, smallest_p(len(shared)))
    if min(len(x), len(y)) >= FEWEST:
        apart = permutation(np.arange(len(x)) + len(y), np.arange(len(y)), rng)
        return Contest(welch(x, y), 0, permutation(x, y, rng), effect, apart)
    return Contest(welch(x, y), 0, float("nan"), effect, float("nan"))


def _nameless(seed: object) -> bool:
    """A run without a usable seed goes by its trial's number, which says nothing of another study's."""
    return isinstance(seed, str) and seed.startswith("trial ")


@dataclass(frozen=True, eq=False)
class Results:
    """All contests of a field.

    `contenders`: by sparsity band and label, the best of each study. `contests`: by measure (a band's least
    sparsity, or `VOLUME`) and label of the other study.
    """

    contenders: Mapping[float, Mapping[str, Contender | None]]
    volumes: Mapping[str, pd.Series]
    contests: Mapping[tuple[float | str, str], Contest]

    @property
    def tests(self) -> Sequence[Contest]:
        """Those that were tested: the family of Holm's correction."""
        return [one for one in self.contests.values() if one.tested]


def results(field: Field, rng: np.random.Generator) -> Results:
    """The first study against every other one, at every band and in hypervolume; Holm over all of them."""
    contenders = {least: {rival.label: best(rival, least) for rival in field.rivals} for least in BANDS}
    volumes = {rival.label: rival.volumes for rival in field.rivals}
    first = field.rivals[0].label
    contests: dict[tuple[float | str, str], Contest] = {}
    for rival in field.rivals[1:]:
        for least, row in contenders.items():
            mine, theirs = row[first], row[rival.label]
            if mine is not None and theirs is not None:
                contests[least, rival.label] = contest(mine.runs, theirs.runs, rng)
        contests[VOLUME, rival.label] = contest(volumes[first], volumes[rival.label], rng)
    adjusted = holm([one.p for one in contests.values()])
    corrected = {
        key: replace(one, adjusted=float(p)) for (key, one), p in zip(contests.items(), adjusted, strict=True)
    }
    return Results(contenders, volumes, corrected)

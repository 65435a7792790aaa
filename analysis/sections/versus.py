"""The best of a sparsity against linear, sine and S-LATS each: pure selection, differences and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis import stats, theme
from analysis.confirmation import Configuration
from analysis.outcome import Outcome
from analysis.sections.bands import Band
from analysis.stats import Estimate

NAMED = ("linear", "sine", "slats")
ALPHA = 0.05
_NONE = Estimate(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Versus:
    """One named schedule beside the best configuration of a band; both of at least the band's sparsity.

    `row`: the trial that stands for it, None where none is as sparse; `own`: the best itself has this
    schedule, so that only reference arms of it were candidates. `accuracy`, `sparsity`: means over fresh
    seeds with t intervals where it was confirmed (`fresh`), else of one training. `gain`: accuracy of the
    best minus its own, between runs of one seed where both were confirmed. `p`: of these pairs, two-sided
    paired permutation; `adjusted`: Holm's, over all comparisons of the table; NaN without pairs.
    """

    name: str
    own: bool
    row: dict[str, Any] | None = None
    fresh: bool = False
    accuracy: Estimate = _NONE
    sparsity: Estimate = _NONE
    gain: Estimate = _NONE
    p: float = float("nan")
    adjusted: float = float("nan")


def versus(outcome: Outcome, bands: Sequence[Band], rng: np.random.Generator) -> list[list[Versus]]:
    """For every band one entry per name of `NAMED`, the p-values corrected over all of them together."""
    found = [[_one(outcome, entry, name, rng) for name in NAMED] for entry in bands]
    adjusted = iter(stats.holm([one.p for entries in found for one in entries]).tolist())
    return [[replace(one, adjusted=next(adjusted)) for one in entries] for entries in found]


def _one(outcome: Outcome, entry: Band, name: str, rng: np.random.Generator) -> Versus:
    """The most accurate confirmed configuration of the schedule, or else its most accurate single training.

    Also where a single training beats the best itself: that nobody repeated it gives no lead. One that the
    floor refuses still counts: that a schedule collapses is a finding.
    """
    own = entry.best is not None and theme.label(entry.best["scheduler"]) == theme.label(name)
    blank = Versus(name, own)
    single = _once(outcome, entry, blank)
    parts = [
        part
        for part in outcome.configurations
        if theme.label(part.row["scheduler"]) == theme.label(name)
        and len(part.runs)
        and part.mean(outcome.sparsity).value >= entry.least
        and (part.is_reference or not own)
    ]
    if not parts:
        return single
    part = min(parts, key=lambda part: (-part.mean(outcome.accuracy).value, part.number))
    mean = part.mean(outcome.accuracy)
    if single.accuracy.value > max(mean.value, entry.accuracy.value):
        return single
    fresh = replace(blank, row=part.row, fresh=True, accuracy=mean, sparsity=part.mean(outcome.sparsity))
    return _against(fresh, entry, part, outcome, rng)


def _once(outcome: Outcome, entry: Band, blank: Versus) -> Versus:
    """Of the trainings that were not repeated. What fresh seeds have put elsewhere does not come back."""
    rows = outcome.of("front", "dominated", "infeasible", "below floor", "reference")
    rows = rows[~rows["number"].isin([part.number for part in outcome.configurations if len(part.runs)])]
    named = rows["scheduler"].map({one: theme.label(one) for one in set(rows["scheduler"])})
    rows = rows[(named == theme.label(blank.name)) & ((rows["kind"] == "reference") | (not blank.own))]
    rows = rows[rows[outcome.sparsity] >= entry.least]
    if rows.empty:
        return blank
    ordered = rows.sort_values([outcome.accuracy, "number"], ascending=[False, True], kind="stable")
    row = {str(key): value for key, value in ordered.iloc[0].to_dict().items()}
    accuracy, sparsity = (_single(row[metric]) for metric in (outcome.accuracy, outcome.sparsity))
    gain = _single(entry.accuracy.value - accuracy.value)
    return replace(blank, row=row, accuracy=accuracy, sparsity=sparsity, gain=gain)


def _against(
    one: Versus, entry: Band, part: Configuration, outcome: Outcome, rng: np.random.Generator
) -> Versus:
    if entry.confirmed is None:
        return replace(one, gain=_single(entry.accuracy.value - one.accuracy.value))
    gain = entry.confirmed.gain(part, outcome.accuracy)
    mine, theirs = entry.confirmed.pairs(part, outcome.accuracy)
    # One pair can show nothing, and would only make the correction harsher for the others.
    p = stats.paired_permutation(mine, theirs, rng) if gain.n > 1 else float("nan")
    return replace(one, gain=gain, p=p)


def _single(value: float) -> Estimate:
    return Estimate(float(value), float("nan"), float("nan"), 1)


@dataclass(frozen=True)
class Power:
    """What the tests of a table can show: `tests` of them, `pairs` seeds in the smallest, `found` with an
    adjusted p below `ALPHA`; `least`: the smallest adjusted p that so many pairs allow if all tests were
    that clear; `needed`: the pairs with which it would fall below `ALPHA`."""

    tests: int
    pairs: int
    found: int
    least: float
    needed: int


def power(entries: Sequence[Sequence[Versus]]) -> Power | None:
    """None where no comparison is paired."""
    tested = [one for row in entries for one in row if np.isfinite(one.p)]
    if not tested:
        return None
    pairs, m = min(one.gain.n for one in tested), len(tested)
    needed = next(n for n in range(1, 64) if m * stats.smallest_p(n) < ALPHA)
    found = sum(one.adjusted < ALPHA for one in tested)
    return Power(m, pairs, found, min(1.0, m * stats.smallest_p(pairs)), needed)

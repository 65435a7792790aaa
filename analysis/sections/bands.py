"""The best trial at or above each sparsity, and how far it is from the dense network: pure selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.confirmation import TEST, Configuration
from analysis.outcome import Outcome
from analysis.stats import Estimate, wilson

BANDS = (0.80, 0.90, 0.95, 0.98)
NAN = float("nan")


@dataclass(frozen=True)
class Band:
    """The most accurate configuration with sparsity >= `least` (a fraction).

    Where configurations of the search were confirmed and reach the band, `best` is the trial of the one with
    the highest mean accuracy and `confirmed` the configuration itself: accuracy, sparsity and test accuracy
    are means over fresh seeds with t intervals, and `gap` (to the dense arm) is the mean of differences
    between runs of one seed. Else `best` is the search trial of highest accuracy, its accuracy has the Wilson
    interval over the samples of the split that it was measured on, and `gap` is that of single trainings,
    without an interval. `candidates`: from how many configurations or feasible trials `best` was chosen.
    """

    least: float
    best: dict[str, Any] | None
    confirmed: Configuration | None
    accuracy: Estimate
    sparsity: Estimate
    test: Estimate
    candidates: int
    gap: Estimate


def dense_arm(outcome: Outcome) -> dict[str, Any] | None:
    """The dense reference arm; of several, the most accurate."""
    arms = outcome.references
    return _best(arms[arms["scheduler"] == "dense"], outcome)


def dense_estimate(outcome: Outcome) -> Estimate:
    """Accuracy of the dense network: its mean over fresh seeds, or else that of its one training."""
    parts = [p for p in outcome.configurations if p.row["scheduler"] == "dense" and len(p.runs)]
    best = _leader(parts, outcome)
    return best.mean(outcome.accuracy) if best else _single(_value(dense_arm(outcome), outcome.accuracy))


def band(outcome: Outcome, least: float, samples: int, tests: Mapping[int, Estimate]) -> Band:
    """Choose the best of sparsity >= `least`; ties: sparser, earlier.

    `samples`: size of the split that accuracy was measured on. `tests`: test accuracy by trial, as read.
    """
    parts = [part for part in outcome.configurations if len(part.runs)]
    enough = [part for part in parts if part.mean(outcome.sparsity).value >= least]
    means = [part for part in enough if part.feasible and not part.is_reference]
    if not means:
        return _measured(outcome, least, samples, tests)
    best, accuracy = _leader(means, outcome), outcome.accuracy
    assert best is not None
    dense = _leader([part for part in parts if part.row["scheduler"] == "dense"], outcome)
    gap = _single(best.mean(accuracy).value - _value(dense_arm(outcome), accuracy))
    return Band(
        least=least,
        best=best.row,
        confirmed=best,
        accuracy=best.mean(accuracy),
        sparsity=best.mean(outcome.sparsity),
        test=best.mean(TEST),
        candidates=len(means),
        gap=gap if dense is None else best.gain(dense, accuracy),
    )


def _measured(outcome: Outcome, least: float, samples: int, tests: Mapping[int, Estimate]) -> Band:
    """The band from single trainings alone."""
    searched = outcome.of("front", "dominated")
    enough = searched[searched[outcome.sparsity] >= least]
    best = _best(enough, outcome)
    accuracy = _value(best, outcome.accuracy)
    return Band(
        least=least,
        best=best,
        confirmed=None,
        accuracy=wilson(accuracy, samples),
        sparsity=_single(_value(best, outcome.sparsity)),
        test=_single(NAN) if best is None else tests.get(int(best["number"]), _single(NAN)),
        candidates=len(enough),
        gap=_single(accuracy - _value(dense_arm(outcome), outcome.accuracy)),
    )


def _leader(parts: Sequence[Configuration], outcome: Outcome) -> Configuration | None:
    """The configuration of highest mean accuracy; ties: sparser, earlier."""

    def rank(part: Configuration) -> tuple[float, float, int]:
        return -part.mean(outcome.accuracy).value, -part.mean(outcome.sparsity).value, part.number

    return min(parts, key=rank, default=None)


def _single(value: float) -> Estimate:
    """One measurement: a value without an interval."""
    return Estimate(value, NAN, NAN, 1)


def _best(rows: pd.DataFrame, outcome: Outcome) -> dict[str, Any] | None:
    if rows.empty:
        return None
    ordered = rows.sort_values([outcome.accuracy, outcome.sparsity, "number"], ascending=[False, False, True])
    return {str(key): value for key, value in ordered.iloc[0].to_dict().items()}


def _value(row: dict[str, Any] | None, metric: str) -> float:
    return NAN if row is None else float(row[metric])

"""The best trial at or above each sparsity, and the best reference arm beside it: pure selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.outcome import Outcome
from analysis.stats import Estimate, wilson

BANDS = (0.80, 0.90, 0.95, 0.98)


@dataclass(frozen=True)
class Band:
    """`best` and `reference`: the rows of highest accuracy with sparsity >= `least` (a fraction), or None.

    `accuracy`: the best trial's accuracy with its Wilson interval over the samples of the split it was
    measured on. `candidates`: number of feasible search trials in the band, from which `best` was chosen.
    `gap`, `gain`: accuracy of the best trial minus that of the dense and of the reference arm (fractions).
    """

    least: float
    best: dict[str, Any] | None
    accuracy: Estimate
    candidates: int
    reference: dict[str, Any] | None
    gap: float
    gain: float


def dense_arm(outcome: Outcome) -> dict[str, Any] | None:
    """The dense reference arm; of several, the most accurate."""
    arms = outcome.references
    return _best(arms[arms["scheduler"] == "dense"], outcome)


def band(outcome: Outcome, least: float, samples: int) -> Band:
    """Choose the best trial and the best reference arm of sparsity >= `least`; ties: sparser, earlier."""
    searched = outcome.of("front", "dominated")
    enough = searched[searched[outcome.sparsity] >= least]
    arms = outcome.references
    best = _best(enough, outcome)
    # An arm that the rule of the search would refuse is still shown: that a shape collapses is a finding.
    reference = _best(arms[arms[outcome.sparsity] >= least], outcome)
    accuracy = _accuracy(best, outcome)
    return Band(
        least=least,
        best=best,
        accuracy=wilson(accuracy, samples),
        candidates=len(enough),
        reference=reference,
        gap=accuracy - _accuracy(dense_arm(outcome), outcome),
        gain=accuracy - _accuracy(reference, outcome),
    )


def _best(rows: pd.DataFrame, outcome: Outcome) -> dict[str, Any] | None:
    if rows.empty:
        return None
    ordered = rows.sort_values([outcome.accuracy, outcome.sparsity, "number"], ascending=[False, False, True])
    return {str(key): value for key, value in ordered.iloc[0].to_dict().items()}


def _accuracy(row: dict[str, Any] | None, outcome: Outcome) -> float:
    return float("nan") if row is None else float(row[outcome.accuracy])

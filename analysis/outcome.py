"""What became of every trial: one classification that all figures and tables share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import pareto
from analysis.confirmation import Configuration, confirmed
from analysis.results import Study

# Reading order of the table; the words are the ones that the report shows.
OUTCOMES = (
    "front", "dominated", "infeasible", "below floor", "reference", "confirmed", "stopped", "failed",
)  # fmt: skip
BOTH_MORE = (True, True)


@dataclass(frozen=True)
class Outcome:
    """The study's trials with a column `outcome` (one of `OUTCOMES`), and what follows from it.

    front: completed search trials that reach the accuracy floor, violate no constraint, and are dominated in
    the objectives by no other such trial. Reference arms are baselines, confirming runs repeat others:
    neither is ever on the front, which is the result of the search alone. `hypervolume`: of the front, in
    the product of the objectives' units.

    `configurations`: those that were confirmed, reference arms included, from least to most sparse.
    `confirmed_front`: numbers of the search's feasible configurations whose means over fresh seeds no other
    one's dominate; `confirmed_hypervolume`: of these means.
    """

    trials: pd.DataFrame
    accuracy: str
    sparsity: str
    hypervolume: float
    knee: int | None
    configurations: tuple[Configuration, ...] = ()
    confirmed_front: tuple[int, ...] = ()
    confirmed_hypervolume: float = float("nan")

    def of(self, *outcomes: str) -> pd.DataFrame:
        """The trials with one of these outcomes, by number."""
        return self.trials[self.trials["outcome"].isin(outcomes)]

    @property
    def front(self) -> pd.DataFrame:
        """The front, from the least to the most sparse."""
        return self.of("front").sort_values([self.sparsity, "number"], kind="stable")

    @property
    def searched(self) -> pd.DataFrame:
        """Search trials that completed with finite values."""
        return self.of("front", "dominated", "infeasible", "below floor")

    @property
    def references(self) -> pd.DataFrame:
        """Reference arms that completed with finite values."""
        return self.of("reference")


def classify(study: Study) -> Outcome:
    """Give every trial its outcome; pure, the study is not changed. O(n log n) in the trials."""
    trials, objectives, maximize = study.trials.copy(), study.objectives, study.maximize
    values = trials[objectives].to_numpy(dtype=float)
    complete = (trials["state"] == "COMPLETE").to_numpy() & np.isfinite(values).all(axis=1)
    kind = trials["kind"].to_numpy()
    searched = complete & (kind == "search")
    above = searched & (trials[study.accuracy].to_numpy(dtype=float) >= study.floor)
    # A violation that is not known does not show that the constraint holds.
    kept = [all(value <= 0 for value in violations.values()) for violations in trials["violations"]]
    feasible = above & np.array(kept, dtype=bool)
    candidates = np.where(feasible[:, None], values, np.nan)
    outcome = np.full(len(trials), "failed", dtype=object)
    outcome[(trials["state"] == "PRUNED").to_numpy()] = "stopped"
    outcome[complete & (kind == "reference")] = "reference"
    outcome[complete & (kind == "confirm")] = "confirmed"
    outcome[searched] = "below floor"
    outcome[above] = "infeasible"
    outcome[feasible] = "dominated"
    outcome[pareto.non_dominated(candidates, maximize)] = "front"
    trials["outcome"] = outcome
    unmeasured = (trials["state"] == "COMPLETE").to_numpy() & ~complete & trials["error"].isna().to_numpy()
    trials.loc[unmeasured, "error"] = "completed without finite objective values"
    ordered = trials[trials["outcome"] == "front"].sort_values([study.sparsity, "number"], kind="stable")
    # A knee is a point of a curve: of two objectives, that is.
    at = pareto.knee(ordered[objectives].to_numpy(dtype=float), maximize) if len(objectives) == 2 else None
    configurations = confirmed(study)
    eligible = [part.feasible and not part.is_reference for part in configurations]
    averages = np.array([[part.mean(name).value for name in objectives] for part in configurations])
    means = averages.reshape(-1, len(objectives))[np.array(eligible, dtype=bool)]
    numbers = [part.number for part, one in zip(configurations, eligible, strict=True) if one]
    best = pareto.non_dominated(means, maximize)
    return Outcome(
        trials=trials,
        accuracy=study.accuracy,
        sparsity=study.sparsity,
        hypervolume=pareto.hypervolume(candidates, study.reference, maximize),
        knee=None if at is None else int(ordered["number"].iloc[at]),
        configurations=configurations,
        confirmed_front=tuple(number for number, on in zip(numbers, best, strict=True) if on),
        confirmed_hypervolume=pareto.hypervolume(means, study.reference, maximize),
    )

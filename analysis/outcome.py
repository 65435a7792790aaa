"""What became of every trial: one classification that all figures and tables share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import pareto
from analysis.results import Study

# Reading order of the table; the words are the ones that the report shows.
OUTCOMES = ("front", "dominated", "below floor", "reference", "stopped", "failed")
BOTH_MORE = (True, True)


@dataclass(frozen=True)
class Outcome:
    """The study's trials with a column `outcome` (one of `OUTCOMES`), and what follows from it.

    front: completed search trials with accuracy >= floor that no other such trial dominates. Reference arms
    are baselines: they are never on the front, so that the front is the result of the search alone.
    """

    trials: pd.DataFrame
    accuracy: str
    sparsity: str
    hypervolume: float
    knee: int | None

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
        return self.of("front", "dominated", "below floor")

    @property
    def references(self) -> pd.DataFrame:
        """Reference arms that completed with finite values."""
        return self.of("reference")


def classify(study: Study) -> Outcome:
    """Give every trial its outcome; pure, the study is not changed."""
    trials, columns = study.trials.copy(), [study.accuracy, study.sparsity]
    values = trials[columns].to_numpy(dtype=float)
    complete = (trials["state"] == "COMPLETE").to_numpy() & np.isfinite(values).all(axis=1)
    searched = complete & (trials["kind"] == "search").to_numpy()
    feasible = searched & (values[:, 0] >= study.floor)
    candidates = np.where(feasible[:, None], values, np.nan)
    on_front = pareto.non_dominated(candidates, BOTH_MORE)
    outcome = np.full(len(trials), "failed", dtype=object)
    outcome[(trials["state"] == "PRUNED").to_numpy()] = "stopped"
    outcome[complete & ~searched] = "reference"
    outcome[searched] = "below floor"
    outcome[feasible] = "dominated"
    outcome[on_front] = "front"
    trials["outcome"] = outcome
    unmeasured = (trials["state"] == "COMPLETE").to_numpy() & ~complete & trials["error"].isna().to_numpy()
    trials.loc[unmeasured, "error"] = "completed without finite objective values"
    ordered = trials[trials["outcome"] == "front"].sort_values([study.sparsity, "number"], kind="stable")
    at = pareto.knee(ordered[columns].to_numpy(dtype=float), BOTH_MORE)
    return Outcome(
        trials=trials,
        accuracy=study.accuracy,
        sparsity=study.sparsity,
        hypervolume=pareto.hypervolume(candidates, study.reference, BOTH_MORE),
        knee=None if at is None else int(ordered["number"].iloc[at]),
    )

"""Who was trained with which seed: the runs that seeds repeat, as one front for every seed.

What a search finds is one draw of luck. The region that a method reaches is a random set; several seeds show
how far it spreads (Fonseca and Fleming 1996, PPSN IV, 584). A study has such seeds in its confirming runs,
where every chosen configuration was trained with the same fresh ones. Results that nobody here wrote have
them where the runs themselves repeat configurations with several seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.confirmation import seed_key
from analysis.pareto import Floats, non_dominated
from analysis.results import Study

CONFIRMED, REPEATED, SINGLE = "confirmed", "repeated", "single"
ALL = "all"  # the seed of single trainings, which stand for no seed
MOST_SEEDS = 50  # more look like a new seed for every run of a search, not like repetitions


@dataclass(frozen=True, eq=False)
class Replicates:
    """The runs of a study by seed.

    `basis`: `CONFIRMED`: the confirming runs; `REPEATED`: the study's own runs, which repeat configurations
    with two seeds or more; `SINGLE`: one training each, so that a family has one front and no spread.
    `runs`: one row per run, failed ones included, with `configuration` (an id that the runs of one
    configuration share), `kind` ('search' or 'reference'), `scheduler`, `seed`, `sparsity`, `accuracy`
    (fractions) and `attains`: completed, at or above the accuracy floor, no constraint violated.
    """

    basis: str
    runs: pd.DataFrame

    def of(self, **wanted: str) -> Replicates:
        """The runs whose columns have these values."""
        chosen = np.ones(len(self.runs), dtype=bool)
        for column, value in wanted.items():
            chosen &= (self.runs[column] == value).to_numpy(dtype=bool)
        return Replicates(self.basis, self.runs[chosen])

    def fronts(self) -> dict[object, Floats]:
        """By seed, the front [k, 2] (sparsity, accuracy) of its runs that attain; [0, 2] where none does.

        A seed whose every run failed is a seed that attained nothing: leaving it out would flatter.
        """
        parts = {}
        for seed, rows in self.runs.groupby("seed", sort=False):
            points = rows.loc[rows["attains"], ["sparsity", "accuracy"]].to_numpy(dtype=float)
            parts[seed] = points[non_dominated(points, (True, True))]
        return dict(sorted(parts.items(), key=lambda item: (str(type(item[0])), item[0])))


def replicates(study: Study) -> Replicates:
    """The runs that repeat configurations with seeds, or single ones where none does; no dense ones."""
    trials = study.trials
    trials = trials[(trials["scheduler"] != "dense").to_numpy()]
    origins = trials[trials["kind"] != "confirm"]
    fresh = trials[(trials["kind"] == "confirm") & trials["replicate_of"].isin(origins["number"])]
    if len(fresh):
        kinds = origins.set_index("number")["kind"]
        again = fresh["replicate_of"].astype(int)
        configuration, kind = again.astype(str).to_numpy(), again.map(kinds).to_numpy()
        runs = _runs(study, fresh, configuration, kind)
        # Of several runs with one seed the last completed one counts, as in `confirmation`.
        order = runs.sort_values("complete", kind="stable")
        runs = order.drop_duplicates(["configuration", "seed"], keep="last").sort_index()
        return Replicates(CONFIRMED, runs)
    ended = origins[(origins["state"] != "PRUNED").to_numpy()]
    runs = _runs(study, ended, _configurations(ended), ended["kind"].to_numpy())
    if _repeated(runs, ended["seed"]):
        return Replicates(REPEATED, runs)
    return Replicates(SINGLE, runs.assign(seed=ALL))


def single(study: Study) -> Replicates:
    """The search's and the arms' own runs, all as one draw: to compare with a study that has no more."""
    trials = study.trials
    ended = trials[(~trials["scheduler"].eq("dense") & ~trials["kind"].eq("confirm")).to_numpy()]
    ended = ended[(ended["state"] != "PRUNED").to_numpy()]
    runs = _runs(study, ended, ended["number"].astype(str).to_numpy(), ended["kind"].to_numpy())
    return Replicates(SINGLE, runs.assign(seed=ALL))


def _runs(study: Study, rows: pd.DataFrame, configuration: np.ndarray, kind: np.ndarray) -> pd.DataFrame:
    sparsity, accuracy = (rows[name].to_numpy(dtype=float) for name in (study.sparsity, study.accuracy))
    complete = (rows["state"] == "COMPLETE").to_numpy() & np.isfinite(sparsity) & np.isfinite(accuracy)
    kept = np.array(
        [all(value <= 0 for value in missed.values()) for missed in rows["violations"]], dtype=bool
    )
    seeds = [seed_key(*pair) for pair in zip(rows["seed"], rows["number"], strict=True)]
    return pd.DataFrame(
        {
            "number": rows["number"].to_numpy(),
            "configuration": configuration,
            "kind": kind,
            "scheduler": rows["scheduler"].to_numpy(),
            "seed": pd.Series(seeds, dtype=object).to_numpy(),
            "sparsity": sparsity,
            "accuracy": accuracy,
            "complete": complete,
            "attains": complete & kept & (accuracy >= study.floor),
        }
    )


def _configurations(rows: pd.DataFrame) -> np.ndarray:
    """An id for all that is known of a run but its seed: arm, schedule, D, parameters."""

    def known(params: Mapping[str, object]) -> str:
        return repr(sorted((str(key), repr(value)) for key, value in params.items() if key != "seed"))

    columns = (rows[name] for name in ("kind", "name", "scheduler", "threshold_ratio", "params"))
    return np.array(
        [repr((*parts[:-1], known(parts[-1]))) for parts in zip(*columns, strict=True)], dtype=object
    )


def _repeated(runs: pd.DataFrame, seeds: pd.Series) -> bool:
    """Whether the runs are a design of configurations by seeds.

    Configurations have at least two seeds each on average, all runs name their seed, there are at most
    `MOST_SEEDS`, and every seed has the same number of runs, give or take a factor of two: a search that
    draws a new seed for every run repeats nothing.
    """
    if runs.empty or bool(seeds.isna().any()):
        return False
    pairs = len(runs.drop_duplicates(["configuration", "seed"]))
    per_seed = runs["seed"].value_counts()
    balanced = per_seed.max() <= 2 * per_seed.min()
    return bool(
        2 <= len(per_seed) <= MOST_SEEDS and pairs >= 2 * runs["configuration"].nunique() and balanced
    )

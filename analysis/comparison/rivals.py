"""The studies of a comparison, each with what its seeds repeat, and the best it has at a sparsity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import pareto, text, theme
from analysis.comparison.ground import common_ground
from analysis.confirmation import TEST
from analysis.outcome import Outcome, classify
from analysis.records import StudyError
from analysis.replicates import CONFIRMED, SINGLE, Replicates, replicates, single
from analysis.results import Study
from analysis.stats import Estimate, student, wilson
from analysis.theme import Style

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Rival:
    """One study of a comparison, on the common ground.

    `again`: the runs by seed that are compared; those of the reference arms only where the study has no
    others. `given`: the study as it was read.
    """

    label: str
    study: Study
    outcome: Outcome
    again: Replicates
    style: Style
    given: Study

    @property
    def volumes(self) -> pd.Series:
        """By seed, the hypervolume of what its runs attain over the common reference point."""
        worst = (self.study.worst(self.study.sparsity), self.study.worst(self.study.accuracy))
        fronts = self.again.fronts()
        volumes = [pareto.hypervolume(front, worst, (True, True)) for front in fronts.values()]
        return pd.Series(volumes, index=pd.Index(list(fronts), dtype=object), dtype=float)


@dataclass(frozen=True, eq=False)
class Contender:
    """The best configuration of a study at a sparsity: `runs`, its accuracy by seed.

    `name`: schedule and D. `number`: the trial that it was chosen for; None where it is no trial's. `among`:
    how many configurations it was chosen from. `accuracy`: the mean over the seeds with Student's interval,
    or one training with Wilson's over the samples.
    """

    name: str
    number: int | None
    runs: pd.Series
    accuracy: Estimate
    sparsity: float
    test: Estimate
    among: int


@dataclass(frozen=True, eq=False)
class Field:
    """All rivals, the first being the one that the others are held against, and the warnings."""

    rivals: tuple[Rival, ...]
    warnings: tuple[str, ...]

    @property
    def basis(self) -> str:
        """`SINGLE` where all are compared by single trainings, else `CONFIRMED`: by runs of several seeds."""
        return SINGLE if self.rivals[0].again.basis == SINGLE else CONFIRMED

    @property
    def styles(self) -> dict[str, Style]:
        """The style of every study by its label."""
        return {rival.label: rival.style for rival in self.rivals}


def field(folders: Sequence[Path], studies: Sequence[Study]) -> Field:
    """Bring the studies to common ground. Raises `StudyError` where they must not be compared."""
    if not 2 <= len(studies) <= theme.MOST_RIVALS:
        raise StudyError(f"got {len(studies)} studies; a comparison takes 2 to {theme.MOST_RIVALS} of them")
    paths = [folder.resolve() for folder in folders]
    for path in paths:
        if paths.count(path) > 1:
            raise StudyError(f"{path} is given twice; a comparison is of different studies")
    labels = names(folders, studies)
    grounded, warnings = common_ground(list(zip(labels, studies, strict=True)))
    runs = [replicates(study) for study in grounded]
    lone = [label for label, part in zip(labels, runs, strict=True) if part.basis == SINGLE]
    if lone:
        draws = [text.count(len(single(study).of(kind="search").runs), "run") for study in grounded]
        warnings += (
            f"{text.listing(lone)} trained each configuration once: all studies are compared by single "
            "trainings (n = 1), with no test. The best of many draws is lucky, the more so "
            "the more there are "
            f"({', '.join(f'{label}: {n}' for label, n in zip(labels, draws, strict=True))}).",
        )
        runs = [single(study) for study in grounded]
    styles = theme.rivals(labels)
    found = []
    for label, study, given, part in zip(labels, grounded, studies, runs, strict=True):
        searched = part.of(kind="search")
        again = searched if len(searched.runs) else part
        found.append(Rival(label, study, classify(study), again, styles[label], given))
    return Field(tuple(found), warnings)


def names(folders: Sequence[Path], studies: Sequence[Study]) -> list[str]:
    """A short name for every study, no two alike: its own, with the end of its path where they share one."""
    own = [
        text.short(study.info.get("name") or folder.name, 30)
        for folder, study in zip(folders, studies, strict=True)
    ]
    found: list[str] = []
    for i, (name, folder) in enumerate(zip(own, folders, strict=True)):
        others = [other for j, other in enumerate(folders) if own[j] == name and j != i]
        parts = folder.resolve().parts
        depth = next(
            (k for k in range(1, len(parts)) if all(o.resolve().parts[-k:] != parts[-k:] for o in others)), 1
        )
        shown = f"{name} ({text.short('/'.join(parts[-depth:]), 40)})" if others else name
        while shown in found:  # cut to the same length, or one named as another's path
            shown += "\N{PRIME}"
        found.append(shown)
    return found


def best(rival: Rival, least: float) -> Contender | None:
    """The configuration of highest mean accuracy with mean sparsity >= `least`; ties: sparser, earlier.

    Feasible are those with a mean accuracy at or above the floor and no constraint violated in the mean.
    Where runs of one seed cannot be told apart by configuration, the best run of each seed stands for it.
    """
    runs = rival.again.runs
    runs = runs[runs["complete"]]
    if rival.again.basis != CONFIRMED:
        runs = runs[runs["attains"]]
    again = runs.duplicated(["configuration", "seed"], keep=False)
    mixed = runs["configuration"].isin(set(runs.loc[again, "configuration"]))
    pooled = runs[mixed & (runs["sparsity"] >= least)].sort_values("accuracy", kind="stable")
    runs = pd.concat([runs[~mixed], pooled.drop_duplicates(["configuration", "seed"], keep="last")])
    means = runs.groupby("configuration", sort=False).agg(
        accuracy=("accuracy", "mean"), sparsity=("sparsity", "mean"), number=("number", "min")
    )
    means = means[(means["sparsity"] >= least) & (means["accuracy"] >= rival.study.floor)]
    if rival.again.basis == CONFIRMED:
        feasible = {str(part.number) for part in rival.outcome.configurations if part.feasible}
        means = means[means.index.isin(feasible)]
    if means.empty:
        return None
    order = means.sort_values(["accuracy", "sparsity", "number"], ascending=[False, False, True])
    rows = runs[runs["configuration"] == order.index[0]].sort_values("number")
    return _contender(rival, rows, len(means), lucky=bool(mixed.any()))


def _contender(rival: Rival, rows: pd.DataFrame, among: int, lucky: bool) -> Contender:
    study = rival.study
    number = int(rows["number"].iloc[0])
    if rival.again.basis == CONFIRMED:
        number = int(rows["configuration"].iloc[0])
    trials = study.trials
    row = trials[trials["number"] == number].iloc[0]
    values = rows["accuracy"].to_numpy(dtype=float)
    tests = rows["number"].map(study.models.set_index("number")[TEST]).to_numpy(dtype=float)
    samples = study.samples(study.accuracy.rpartition("_")[2])
    alone = len(values) == 1
    return Contender(
        name=text.ratio_name(row.to_dict()) + (", best run of each seed" if lucky and not alone else ""),
        number=None if lucky and not alone else number,
        runs=pd.Series(values, index=pd.Index(rows["seed"].tolist(), dtype=object), dtype=float),
        accuracy=_cut(wilson(values[0], samples) if alone else student(values)),
        sparsity=float(rows["sparsity"].mean()),
        test=_cut(wilson(tests[0], study.samples("test")) if alone else student(tests)),
        among=among,
    )


def _cut(estimate: Estimate) -> Estimate:
    """A fraction's interval inside [0, 1]."""
    low, high = np.clip([estimate.low, estimate.high], 0.0, 1.0)
    return replace(estimate, low=float(low), high=float(high))

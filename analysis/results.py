"""The study folder read into frames. Its files are the whole interface to whatever ran the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.abandoned import abandoned
from analysis.described import described
from analysis.epochs import finite, read_epochs
from analysis.files import StudyError, inside, whole
from analysis.records import Record, choices, countable, decode, lines, mapping, number, study_json, unique
from analysis.trial_rows import RESERVED, trial_rows
from analysis.trial_rows import lists as lists_of


@dataclass(frozen=True)
class Study:
    """One study.

    `info`: study.json as it stands. `trials`: one row per ended trial, by number; `kind` is one of
    `trial_rows.KINDS`, the last epoch's metrics and the objective values are columns under their own names,
    `violations` maps a constraint to how far it is missed (above 0; NaN where unknown). `epochs`: one row
    per trial and epoch, by both. `models`: one row per stored network (number, accuracy_test,
    nonzero_weights). `notices`: what the reader of the report must know about how the files were read.
    `lists`: by trial, the last epoch's metrics that are lists (`layer_*`, `node_*`: one entry per name in
    study.json's network; `chips`), as they stand in the file.
    """

    info: Record
    trials: pd.DataFrame
    epochs: pd.DataFrame
    models: pd.DataFrame
    notices: tuple[str, ...] = field(default=())
    lists: Mapping[int, Mapping[str, list[Any]]] = field(default_factory=dict)

    @property
    def accuracy(self) -> str:
        """The column of the accuracy objective."""
        return self._objective("accuracy", "accuracy_val")

    @property
    def sparsity(self) -> str:
        """The column of the sparsity objective."""
        return self._objective("sparsity", "sparsity_params")

    def _objective(self, prefix: str, default: str) -> str:
        return next((name for name in self.objectives if name.startswith(prefix)), default)

    @property
    def objectives(self) -> list[str]:
        """The columns of the objectives, two or three."""
        return [str(name) for name in self.info["objectives"]]

    @property
    def maximize(self) -> tuple[bool, ...]:
        """Whether more is better, by objective; True where study.json does not say."""
        described = [mapping(self.part("metrics").get(name)) for name in self.objectives]
        return tuple(metric.get("direction") != "minimize" for metric in described)

    @property
    def shown(self) -> list[str]:
        """The columns that every table of trials shows: accuracy, sparsity, and any further objective."""
        return list(dict.fromkeys([self.accuracy, self.sparsity, *self.objectives]))

    def part(self, key: str) -> Record:
        """A nested record of study.json; empty where it is missing or null."""
        value = self.info.get(key)
        return value if isinstance(value, dict) else {}

    def label(self, metric: str) -> str:
        """What people call a metric; its own name where study.json has no label."""
        described = self.part("metrics").get(metric)
        return str(described.get("label", metric)) if isinstance(described, dict) else metric

    def unit(self, metric: str) -> str | None:
        """The unit of a metric as study.json states it."""
        described = self.part("metrics").get(metric)
        return str(described["unit"]) if isinstance(described, dict) and described.get("unit") else None

    def samples(self, split: str) -> int:
        """Number of samples in the split 'train', 'val' or 'test'; 0 when unknown."""
        size = self.part("data").get(split)
        return size if isinstance(size, int) and size > 0 else 0

    @property
    def floor(self) -> float:
        """The accuracy in [0, 1] below which a trial is infeasible; 0 without one."""
        return number(self.info.get("accuracy_floor"), 0.0)

    @property
    def reference(self) -> tuple[float, ...]:
        """Reference point of the hypervolume, one value per objective, in its unit; see `worst`."""
        return tuple(self.worst(name) for name in self.objectives)

    def worst(self, metric: str) -> float:
        """The reference point's value of a metric; 0 where it has none and more is better, else NaN."""
        more = metric not in self.objectives or self.maximize[self.objectives.index(metric)]
        return number(self.part("reference_point").get(metric), 0.0 if more else float("nan"))


def load(folder: Path) -> Study:
    """Read a study folder of format 1. Raises `StudyError` with one message for people."""
    notices: list[str] = []
    info = described(study_json(folder), notices)
    if info.get("state") == "running" and abandoned(folder):
        info["state"] = "interrupted"
        notices.append("study.json says that the study runs, but no process holds its folder: it was killed.")
    taken = sorted(RESERVED & {*info["objectives"]})
    if taken:
        raise StudyError(
            f"{folder / 'study.json'} names the objective {taken[0]}, which no measurement can be called; "
            f"an objective is a metric such as accuracy_val. {choices(folder)}"
        )
    # Trials first: while a study runs, the epochs of a trial that has ended are all there.
    trials_file = inside(folder, "trials.jsonl")
    if trials_file is None:
        raise StudyError(f"{folder} has no trials.jsonl: no trial has ended there yet. {choices(folder)}")
    records = unique(lines(trials_file, ("number",), notices), ("number",), "trials.jsonl", notices)
    if not records:
        raise StudyError(
            f"{trials_file} has no complete line: no trial has ended there yet. {choices(folder)}"
        )
    epochs_file = inside(folder, "epochs.jsonl")
    if epochs_file is None:
        notices.append("epochs.jsonl is missing: there are no training curves.")
        epochs = pd.DataFrame({name: pd.Series(dtype=int) for name in ("number", "epoch")})
    else:
        epochs = read_epochs(epochs_file, mapping(info.get("metrics")), notices)
    study = Study(info, pd.DataFrame(), epochs, _models(folder, notices), lists=lists_of(records))
    trials = trial_rows(records, {study.accuracy, study.sparsity, *study.objectives})
    confirming = trials["kind"] == "confirm"
    lost = trials.loc[confirming & ~trials["replicate_of"].isin(trials.loc[~confirming, "number"]), "number"]
    if len(lost):
        some = ", ".join(str(number) for number in lost[:5]) + (", ..." if len(lost) > 5 else "")
        notices.append(f"Trials that confirm no trial of this study, and are in no mean: {some}.")
    return replace(study, trials=trials, notices=tuple(notices))


def _models(folder: Path, notices: list[str]) -> pd.DataFrame:
    columns = ["number", "accuracy_test", "nonzero_weights"]
    rows: list[Record] = []
    file = inside(folder, "models/index.json")
    if file is not None:
        try:
            listed = decode(whole(file).decode())["trials"]
            rows = [row for row in listed if countable(row.get("number"))]
        except (ValueError, KeyError, TypeError, AttributeError):
            notices.append("models/index.json cannot be read: test accuracies are left out.")
    numbers = np.array([row["number"] for row in rows], dtype=np.int64)
    made = {name: finite([row.get(name) for row in rows]) for name in columns[1:]}
    return pd.DataFrame({"number": numbers, **made}).drop_duplicates("number", keep="last")

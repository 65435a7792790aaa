"""The study's tables as readers take them away from the page, and which rows are left out of a large one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis import text
from analysis.embed import packed
from analysis.outcome import OUTCOMES, Outcome
from analysis.parquet import TableFile, table_file
from analysis.results import Study

LIMIT = 3_000_000  # characters of a packed table: two of them and plotly.js stay below 8 MB
# Which trials come first where not all fit: what the report speaks of, then the others by number.
_FIRST = ("front", "reference", "confirmed")


@dataclass(frozen=True)
class Download:
    """A table for the reader: `key` names the file, `told` says what it holds and what it leaves out."""

    key: str
    title: str
    told: str
    file: TableFile
    packed: Markup


def downloads(study: Study, outcome: Outcome, limit: int = LIMIT) -> list[Download]:
    """Trials and epochs, each at most `limit` characters when packed.

    A table that is larger loses whole trials: the front, the reference arms and the confirming runs stay
    first, the others follow by number. Numbers are exact: the double that was read is the double in the file.
    """
    order = _order(outcome)
    frames = [("trials", "Trials", _trials(study, outcome), "trials.jsonl")]
    if len(study.epochs):
        frames.append(("epochs", "Epochs", study.epochs, "epochs.jsonl"))
    return [_fitted(*frame, order, limit) for frame in frames]


def _order(outcome: Outcome) -> pd.Series:
    """The rank of every trial, indexed by number: trials of low rank are kept longest."""
    trials = outcome.trials
    ranks = {name: _FIRST.index(name) if name in _FIRST else len(_FIRST) for name in OUTCOMES}
    keys = trials["outcome"].map(ranks).to_numpy()
    order = np.lexsort((trials["number"].to_numpy(), keys))
    ranked = np.empty(len(trials), dtype=np.int64)
    ranked[order] = np.arange(len(trials))
    return pd.Series(ranked, index=trials["number"].to_numpy())


def _trials(study: Study, outcome: Outcome) -> pd.DataFrame:
    """One row per trial: the columns that are read, its outcome, its test accuracy, its lists."""
    trials = outcome.trials
    tests = study.models.set_index("number")["accuracy_test"]
    if "accuracy_test" not in trials and len(tests):
        trials = trials.assign(accuracy_test=trials["number"].map(tests).astype(float))
    names = sorted({name for lists in study.lists.values() for name in lists})
    empty: Mapping[str, Any] = {}
    lists = {
        name: pd.Series(
            [study.lists.get(int(number), empty).get(name) for number in trials["number"]],
            index=trials.index,
            dtype=object,
        )
        for name in names
        if name not in trials
    }
    return pd.concat([trials, pd.DataFrame(lists, index=trials.index)], axis=1)


def _fitted(key: str, title: str, frame: pd.DataFrame, source: str, order: pd.Series, limit: int) -> Download:
    """Pack as many trials as fit. Some 4 characters a value are usual, so the first guess is often right."""
    ranks = frame["number"].map(order).to_numpy()
    known = np.unique(ranks[np.isfinite(ranks)])
    rows_each = max(1.0, len(frame) / max(1, len(known)))
    keep = min(len(known), max(1, int(limit / (2 * max(1, frame.shape[1]) * rows_each))))
    while True:
        part = frame[ranks <= known[keep - 1]] if keep < len(known) else frame
        file = table_file({str(name): part[name] for name in part.columns})
        content = packed(file.content)
        if len(content) <= limit or keep <= 1:
            break
        keep = max(1, min(keep - 1, int(0.95 * keep * limit / len(content))))
    shape = f"{text.count(file.rows, 'row')}, {text.count(len(file.layout), 'column')}"
    left = len(known) - keep
    told = shape
    if left > 0:
        kept = f"{text.count(keep, 'trial')} of {len(known):,}"
        told += f": {kept}, first of the front, the reference arms and the confirming runs, then by number"
        told += f"; {left:,} are left out to keep this page small, and are in {source}"
    return Download(key, title, told, file, content)

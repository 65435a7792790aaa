"""What failed, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import text
from analysis.sections.base import Cell, Column, Material, Section, Table
from analysis.sections.cells import schedule, trial, value

TITLE = "Failures"
LISTED = 1000  # rows; the table of all trials and the downloads have the others
UNKNOWN = "no reason recorded"
_KINDS = {"search": "search", "reference": "reference arm", "confirm": "confirming run"}
# "at 0x7f", "(train.py:88)", a number, a quoted name: what differs between two failures of one kind.
_PARTICULARS = (
    (re.compile(r"\s*\([\w./-]+\.py:\d+\)"), ""),
    (re.compile(r"0x[0-9a-fA-F]+"), "\N{HORIZONTAL ELLIPSIS}"),
    (re.compile(r"(?<![A-Za-z_])[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"), "\N{HORIZONTAL ELLIPSIS}"),
)


def kind(reason: object) -> str:
    """The kind of a reason: its text without the numbers, addresses and line numbers that differ by trial."""
    shown = text.short(reason, 400) if isinstance(reason, str) else ""
    for pattern, instead in _PARTICULARS:
        shown = pattern.sub(instead, shown)
    return text.short(shown, 100) or UNKNOWN


def failures(material: Material) -> Section:
    """Failed trials by kind of reason, each with its own; trials whose process died and that went on."""
    trials = material.outcome.trials
    failed = trials[trials["outcome"] == "failed"]
    kinds = failed["error"].map(kind)
    finding = _finding(trials, failed, kinds)
    if failed.empty:
        return Section("failures", TITLE, finding)
    tables = [_by_kind(failed, kinds), _list(failed, material)]
    notes = []
    if len(failed) > LISTED:
        notes.append(
            f"The first {LISTED:,} of {len(failed):,} failed trials are listed; the downloads below and "
            "trials.jsonl have all of them."
        )
    return Section("failures", TITLE, finding, notes, tables=tables)


def _finding(trials: pd.DataFrame, failed: pd.DataFrame, kinds: pd.Series) -> str:
    total = text.count(len(trials), "ended trial")
    retried = trials[trials["retries"] > 0]
    again = ""
    if len(retried):
        died, saved = (
            text.count(int(retried["retries"].sum()), "time"),
            int((~retried.index.isin(failed.index)).sum()),
        )
        again = (
            f" The process of {text.count(len(retried), 'trial')} died ({died} in all); "
            f"{saved} of them went on to an end without failure."
        )
    if failed.empty:
        return f"None of {total} failed.{again or ' No process had to be started again.'}"
    counts = kinds.value_counts()
    first = f"{text.percent(len(failed) / len(trials))}"
    word = (
        "failed for one kind of reason" if len(counts) == 1 else f"failed for {len(counts)} kinds of reason"
    )
    top = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[0]
    often = text.count(int(top[1]), "trial")
    return f"{len(failed):,} of {total} ({first}) {word}; the most frequent, in {often}, is: {top[0]}.{again}"


def _by_kind(failed: pd.DataFrame, kinds: pd.Series) -> Table:
    columns = [
        Column("Kind of reason", False), Column("Trials"), Column("Share of failures"),
        Column("Schedules", False), Column("Median epochs"), Column("First trial"),
    ]  # fmt: skip
    groups = sorted(failed.groupby(kinds), key=lambda pair: (-len(pair[1]), str(pair[0])))
    rows = [
        [
            Cell(str(name), str(name)),
            Cell(f"{len(group):,}", len(group)),
            value(len(group) / len(failed), "fraction"),
            Cell(_schedules(group)),
            value(_median(group["epochs"])),
            Cell(str(group["number"].iloc[0]), int(group["number"].iloc[0])),
        ]
        for name, group in groups[:100]
    ]
    caption = "Failures by kind: reasons that differ in numbers and code lines alone are one kind."
    if len(groups) > len(rows):
        caption += f" The {len(rows)} most frequent of {len(groups):,} kinds."
    return Table(columns, rows, caption)


def _schedules(group: pd.DataFrame) -> str:
    counts = group["scheduler"].value_counts()
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    shown = [f"{text.short(name, 24)} {n:,}" for name, n in pairs[:4]]
    return ", ".join(shown) + (f" and {len(pairs) - 4} more" if len(pairs) > 4 else "")


def _median(epochs: pd.Series) -> float:
    return float(pd.to_numeric(epochs, errors="coerce").median())


def _list(failed: pd.DataFrame, material: Material) -> Table:
    columns = [
        Column("Trial"), Column("Part", False), Column("Schedule", False), Column(text.RATIO),
        Column("Epochs"), Column("Training"), Column("Retries"), Column("Reason", False),
    ]  # fmt: skip
    rows = [_row(row, material) for row in failed.head(LISTED).to_dict("records")]
    return Table(columns, rows, "Failed trials, with the whole reason.")


def _row(row: Mapping[Any, Any], material: Material) -> list[Cell]:
    return [
        trial(row),
        Cell(_KINDS[row["kind"]]),
        schedule(row["scheduler"], material),
        value(row["threshold_ratio"]),
        value(_number(row["epochs"])),
        value(row["train_wall_s"], "s"),
        value(row["retries"]),
        Cell(text.short(row["error"], 2000) if isinstance(row["error"], str) else UNKNOWN),
    ]


def _number(item: object) -> float:
    return float(item) if text.finite(item) else float("nan")

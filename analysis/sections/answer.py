"""The answer: the best trial at 90 % sparsity, how sure it is, and the same for other sparsities."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis import stats, text
from analysis.sections.bands import BANDS, Band, band, dense_arm
from analysis.sections.base import Cell, Column, Material, Section, Table
from analysis.sections.cells import schedule, trial, value

HEADLINE = 0.90


def answer(material: Material) -> Section:
    """One sentence with the number, its interval and n; then the best trial of every sparsity band."""
    study, outcome = material.study, material.outcome
    samples = study.samples(study.accuracy.rpartition("_")[2])
    bands = {least: band(outcome, least, samples) for least in BANDS}
    head = bands[HEADLINE]
    title = "The answer"
    if outcome.searched.empty:
        failed, stopped = len(outcome.of("failed")), len(outcome.of("stopped"))
        finding = (
            f"There is no answer yet: of {text.count(len(outcome.trials), 'ended trial')} no search trial "
            f"completed ({failed} failed, {stopped} stopped early)."
        )
        return Section("answer", title, finding, missing="at least one search trial in state COMPLETE")
    if head.best is None:
        feasible = outcome.of("front", "dominated")[outcome.sparsity]
        best = "no trial reached" if feasible.empty else f"{text.percent(feasible.max())} is the most with"
        finding = (
            f"None of {text.count(len(outcome.searched), 'completed search trial')} reached "
            f"{text.percent(HEADLINE, 0)} sparsity with an accuracy that counts: {best} the floor of "
            f"{text.percent(study.floor, 0)} accuracy."
        )
    else:
        finding = _finding(material, head)
    return Section(
        "answer", title, finding, _caveats(material, head, samples), tables=[_table(material, bands)]
    )


def _finding(material: Material, head: Band) -> str:
    study, row = material.study, head.best
    assert row is not None
    label, split = study.label(study.accuracy).lower(), study.accuracy.rpartition("_")[2]
    ratio = row["threshold_ratio"]
    with_d = f", {text.RATIO} = {text.number(ratio)}" if text.finite(ratio) else ""
    sentence = (
        f"At {text.percent(HEADLINE, 0)} sparsity or more, the best of "
        f"{text.count(head.candidates, 'feasible search trial')} keeps "
        f"{text.percent(head.accuracy.value)} {label}{_spread(head.accuracy)} "
        f"with {text.percent(1 - row[study.sparsity])} of the weights: "
        f"schedule {text.short(material.styles[row['scheduler']].label, 40)}{with_d} "
        f"(trial {int(row['number'])})"
    )
    dense = dense_arm(material.outcome)
    if dense is not None:
        far = text.points(abs(head.gap)).lstrip("+")
        away = f"{far} points {'below' if head.gap < 0 else 'above'}" if float(far) else "level with"
        sentence += f", {away} the dense network ({text.percent(dense[study.accuracy])})"
    tested = _test(material, row)
    if tested is not None and split != "test":
        sentence += f". Its test accuracy is {text.percent(tested.value)}{_spread(tested)}"
    return sentence + "."


def _spread(accuracy: stats.Estimate) -> str:
    """The interval of an accuracy and its n, in parentheses; nothing when the n is unknown."""
    if not text.finite(accuracy.low):
        return ""
    low, high = 100 * accuracy.low, text.percent(accuracy.high)
    n = f"n{text.NBSP}={text.NBSP}{text.count(accuracy.n, 'sample')}"
    return f" (95{text.NBSP}% interval {low:.1f} to {high}, {n})"


def _caveats(material: Material, head: Band, samples: int) -> list[str]:
    """What the numbers do not show, in plain words."""
    searched = material.outcome.searched
    seeds = searched["seed"].nunique()
    notes = []
    if head.best is not None:
        again = searched[searched["replicate_of"] == head.best["number"]]
        times = text.count(1 + len(again), "time") if len(again) else "once"
        lucky = "" if len(again) else f" (n{text.NBSP}={text.NBSP}1: its rank may be a lucky draw)"
        notes.append(
            f"The winner was trained {times}{lucky} and chosen among "
            f"{text.count(len(searched), 'completed search trial')} "
            f"({text.count(int(seeds), 'seed')} in all) by the same accuracy that is shown, so that accuracy "
            "is optimistic. The interval covers the drawing of the samples, not the luck of the training."
        )
    if material.study.models.empty:
        notes.append(
            "Test accuracy: none yet. It is read once, for the front, after the search (models/index.json)."
        )
    else:
        notes.append("The test split played no part in the search or in any choice made here.")
    if not samples:
        notes.append("The number of samples of the split is unknown: no intervals.")
    if dense_arm(material.outcome) is None:
        notes.append("There is no completed dense reference arm to compare with.")
    return notes


def _test(material: Material, row: dict[str, Any]) -> stats.Estimate | None:
    """Test accuracy of a trial with its Wilson interval, if it was read."""
    models: pd.DataFrame = material.study.models
    found = models.loc[models["number"] == row["number"], "accuracy_test"].dropna()
    return None if found.empty else stats.wilson(float(found.iloc[0]), material.study.samples("test"))


def _table(material: Material, bands: dict[float, Band]) -> Table:
    study = material.study
    columns = [
        Column("Sparsity at least"), Column("Best trial"), Column("Schedule", False), Column(text.RATIO),
        Column("Sparsity"), Column(study.label(study.accuracy)), Column("Test accuracy"),
        Column("To dense, points"), Column("Best reference arm", False), Column("Its accuracy"),
        Column("Gain, points"),
    ]  # fmt: skip
    rows = [[Cell(text.percent(least, 0), least), *_cells(material, entry)] for least, entry in bands.items()]
    sizes = f"n = {text.count(study.samples(study.accuracy.rpartition('_')[2]), 'validation sample')}"
    sizes += f", {text.count(study.samples('test'), 'test sample')}"
    caption = f"Best trial by sparsity; brackets hold 95{text.NBSP}% Wilson intervals, {sizes}."
    return Table(columns, rows, caption)


def _cells(material: Material, entry: Band) -> list[Cell]:
    study, row, arm = material.study, entry.best, entry.reference
    none = Cell(text.DASH)
    cells = [Cell("none"), none, none, none, none, none, none]
    if row is not None:
        tested = _test(material, row)
        cells = [
            trial(row),
            schedule(row["scheduler"], material),
            value(row["threshold_ratio"]),
            value(row[study.sparsity], "fraction"),
            _estimate(entry.accuracy),
            none if tested is None else _estimate(tested),
            Cell(text.points(entry.gap), entry.gap),
        ]
    if arm is None:
        return [*cells, Cell("none reaches it"), none, none]
    low = " (below floor)" if arm[study.accuracy] < study.floor else ""
    gain = Cell(text.points(entry.gain), entry.gain)
    return [*cells, Cell(text.ratio_name(arm) + low), value(arm[study.accuracy], "fraction"), gain]


def _estimate(value: stats.Estimate) -> Cell:
    return Cell(text.estimate(value.value, value.low, value.high), value.value)

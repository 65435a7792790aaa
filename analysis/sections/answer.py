"""The answer: what is best at 90 % sparsity, how sure it is, and the same for other sparsities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis import stats, text
from analysis.confirmation import TEST
from analysis.figures.answer import answer_info, draw_answer
from analysis.sections.answer_table import Row, dots, full_table, reading_table
from analysis.sections.answer_words import claim
from analysis.sections.bands import BANDS, band, dense_estimate
from analysis.sections.base import Material, Picture, Section
from analysis.sections.caveats import caveats
from analysis.sections.versus import power, versus

HEADLINE = 0.90
TITLE = "The answer"


def answer(material: Material) -> Section:
    """What was found and how sure it is in a few sentences; then every sparsity band, drawn, in numbers."""
    study, outcome = material.study, material.outcome
    if outcome.searched.empty:
        failed, stopped = len(outcome.of("failed")), len(outcome.of("stopped"))
        finding = (
            f"There is no answer yet: of {text.count(len(outcome.trials), 'ended trial')} no search trial "
            f"completed ({failed} failed, {stopped} stopped early)."
        )
        return Section("answer", TITLE, finding, missing="at least one search trial in state COMPLETE")
    samples = study.samples(study.accuracy.rpartition("_")[2])
    tests = {
        int(number): stats.wilson(float(accuracy), study.samples("test"))
        for number, accuracy in study.models[["number", TEST]].dropna().itertuples(index=False)
    }
    bands = [band(outcome, least, samples, tests) for least in BANDS]
    rows = list(zip(bands, versus(outcome, bands, np.random.default_rng(0)), strict=True))
    head = _headline(rows)
    finding = claim(material, head, HEADLINE)
    tested = power([others for _, others in rows])
    notes = caveats(material, head[0], bands, samples, tested)
    pictures = [_picture(material, rows, finding)] if head[0].best is not None else []
    pairs = any(entry.confirmed is not None for entry in bands)
    return Section("answer", TITLE, finding, notes, pictures, [reading_table(material, rows, pairs)])


def _headline(rows: Sequence[Row]) -> Row:
    """The band of the headline, or else the sparsest one that has a best."""
    by_least: dict[float, Row] = {row[0].least: row for row in rows}
    reached = [row for row in rows if row[0].best is not None]
    chosen = by_least[HEADLINE]
    return chosen if chosen[0].best is not None or not reached else reached[-1]


def _picture(material: Material, rows: Sequence[Row], finding: str) -> Picture:
    study = material.study
    # Beyond the sparsest band that was reached there is one line to say so.
    last = max(i for i, (entry, _) in enumerate(rows) if entry.best is not None)
    info = answer_info(
        dots(rows[: last + 1]), dense_estimate(material.outcome), study.floor, study.label(study.accuracy)
    )
    summary = f"Dot plot of accuracy by sparsity, best against linear, sine and S-LATS. {finding}"
    beyond = [text.percent(entry.least, 0) for entry, _ in rows[last + 1 :]]
    caption = (
        "Filled: the best configuration of the search of at least that sparsity. Open: the named schedules, "
        f"each at its most accurate, with {text.RATIO}; an arm is one as published. Bars: "
        f"95{text.NBSP}% intervals{_over(rows)}. Triangles at the left edge: below the axis."
    )
    if beyond:
        caption += f" No trial above the floor reached {beyond[0]}."
    wide, narrow = draw_answer(info, material.styles), draw_answer(info, material.styles, narrow=True)
    table = full_table(material, rows)
    return Picture("answer", summary, caption, [("", wide)], info.height, table, [narrow])


def _over(rows: Sequence[Row]) -> str:
    fresh = [entry.confirmed is not None for entry, _ in rows if entry.best is not None]
    if not any(fresh):
        return " over the samples"
    return " over fresh seeds" + ("" if all(fresh) else ", or over the samples where there was one training")

"""How much sparsity a final threshold buys, by schedule."""

from __future__ import annotations

import numpy as np

from analysis import stats, text
from analysis.figures.threshold import FEW, ThresholdInfo, draw_threshold, threshold_info
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule, trial_table

TITLE = "Final threshold and sparsity"
LEAST = 0.90


def threshold(material: Material) -> Section:
    """Scatter of D / sum(lr) against sparsity, Spearman's rho with its interval, rho by schedule."""
    seed = material.study.info.get("seed")
    rng = np.random.default_rng(abs(seed) if isinstance(seed, int) else 0)
    info = threshold_info(material.study, material.outcome, rng)
    if not info.marks:
        needs = "completed trials with a threshold_ratio"
        return Section("threshold", TITLE, "No completed trial tells its final threshold.", missing=needs)
    finding = _finding(info)
    table = trial_table(material.outcome.searched, material, "Completed search trials.")
    summary = f"Scatter plot of {info.label} against {text.RATIO}. {finding}"
    caption = (
        f"D is shown in its natural unit, the sum of the learning rates {text.SIGMA_LR} (how far a spine can "
        "move). Open marks: accuracy below the floor. Ink edge: reference arms."
    )
    picture = Picture(
        "threshold", summary, caption, [("", draw_threshold(info, material.styles))], 460, table
    )
    tables = [_by_schedule(info, material)] if info.by_schedule else []
    return Section("threshold", TITLE, finding, pictures=[picture], tables=tables)


def _spread(rho: stats.Estimate) -> str:
    if not (text.finite(rho.low) and text.finite(rho.high)):
        return f"n = {rho.n}"
    shown = f"[{rho.low:.2f}, {rho.high:.2f}]".replace("-", text.MINUS)
    return f"95{text.NBSP}% bootstrap interval {shown}, n = {rho.n}"


def _rho(rho: stats.Estimate) -> str:
    return f"{rho.value:.2f}".replace("-", text.MINUS) if text.finite(rho.value) else text.DASH


def _finding(info: ThresholdInfo) -> str:
    rho = info.rho
    if not text.finite(rho.value):
        return f"Too few search trials for a relation between final threshold and sparsity (n = {rho.n})."
    if text.finite(rho.low) and rho.low > 0:
        verdict = "Sparsity rises with the final threshold"
    elif text.finite(rho.high) and rho.high < 0:
        verdict = "Sparsity falls with the final threshold"
    else:
        verdict = "These trials show no clear relation between the final threshold and sparsity"
    sentence = f"{verdict}: Spearman's rho = {_rho(rho)} ({_spread(rho)} completed search trials)."
    first = info.least_ratio(LEAST)
    if first is None:
        return f"{sentence} No trial above the accuracy floor reached {text.percent(LEAST, 0)} sparsity."
    return (
        f"{sentence} The smallest {text.RATIO} that reached {text.percent(LEAST, 0)} above the accuracy "
        f"floor is {text.number(first.ratio)} (trial {first.number})."
    )


def _by_schedule(info: ThresholdInfo, material: Material) -> Table:
    rows = [
        [
            schedule(name, material),
            Cell(str(rho.n), rho.n),
            Cell(_rho(rho), rho.value if text.finite(rho.value) else None),
            Cell(
                _spread(rho).partition("interval ")[2].partition("]")[0] + "]"
                if text.finite(rho.low)
                else text.DASH
            ),
        ]
        for name, rho in info.by_schedule.items()
    ]
    columns = [
        Column("Schedule", False),
        Column("n"),
        Column("Spearman's rho"),
        Column(f"95{text.NBSP}% interval"),
    ]
    return Table(columns, rows, f"By schedule, where at least {FEW} search trials completed.")

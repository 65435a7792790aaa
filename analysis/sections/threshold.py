"""How much sparsity a final threshold buys, by schedule."""

from __future__ import annotations

import numpy as np

from analysis import stats, text, theme
from analysis.figures.threshold import FEW, LEVELS, ThresholdInfo, draw_threshold, threshold_info
from analysis.monotone import LEAST as FIT
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule, trial_table

TITLE = "Final threshold and sparsity"
LEAST = 0.90


def threshold(material: Material) -> Section:
    """Scatter of D / sum(lr) against sparsity with fitted curves, Spearman's rho, and the D one needs."""
    seed = material.study.info.get("seed")
    rng = np.random.default_rng(abs(seed) if isinstance(seed, int) else 0)
    info = threshold_info(material.study, material.outcome, rng)
    if not info.marks:
        needs = "completed trials with a threshold_ratio"
        return Section("threshold", TITLE, "No completed trial tells its final threshold.", missing=needs)
    finding = _finding(info)
    searched = material.outcome.searched
    shown = searched[searched["number"].isin(info.drawn)]
    table = trial_table(shown, material, "Completed search trials that the figure shows.")
    summary = f"Scatter plot of {info.label} against {text.RATIO}. {finding}"
    caption = (
        f"D is shown in its natural unit, the sum of the learning rates {text.SIGMA_LR} (how far a spine can "
        "move). Open marks: accuracy below the floor. Ink edge: reference arms."
    )
    if any(relation.curve is not None for relation in info.by_schedule.values()):
        caption += (
            " Lines: the least-squares fit among all curves that never fall (isotonic regression), through "
            f"the trainings above the floor, where a schedule has at least {FIT}."
        )
    if len(info.drawn) < len(info.marks):
        caption += (
            f" {len(info.drawn):,} of {len(info.marks):,} trials are drawn, evenly spread; all are fitted."
        )
    views = [
        ("Sparsity", draw_threshold(info, material.styles)),
        ("What remains, log", draw_threshold(info, material.styles, left=True)),
    ]
    picture = Picture("threshold", summary, caption, views, 460, table, choice="Vertical axis")
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
    known = {
        name: relation.needs[LEAST]
        for name, relation in info.by_schedule.items()
        if LEAST in relation.needs and text.finite(relation.needs[LEAST].value)
    }
    if known:
        parts = [
            f"{text.number(need.value)} {_between(need)} with {text.short(theme.label(name), 40)} "
            f"(n = {need.n})"
            for name, need in sorted(known.items(), key=lambda pair: (pair[1].value, pair[0]))
        ]
        return f"{sentence} For {text.percent(LEAST, 0)} sparsity {text.RATIO} must be {text.listing(parts)}."
    return (
        f"{sentence} The smallest {text.RATIO} that reached {text.percent(LEAST, 0)} above the accuracy "
        f"floor is {text.number(first.ratio)} (trial {first.number})."
    )


def _by_schedule(info: ThresholdInfo, material: Material) -> Table:
    rows = []
    for name, relation in info.by_schedule.items():
        rho = relation.rho
        cells = [
            schedule(name, material),
            Cell(str(rho.n), rho.n),
            Cell(_rho(rho), rho.value if text.finite(rho.value) else None),
            Cell(
                f"[{rho.low:.2f}, {rho.high:.2f}]".replace("-", text.MINUS)
                if text.finite(rho.low)
                else text.DASH
            ),
            Cell(str(relation.feasible), relation.feasible),
        ]
        rows.append([*cells, *(_need(info, name, level) for level in LEVELS)])
    columns = [
        Column("Schedule", False),
        Column("n"),
        Column("Spearman's rho"),
        Column(f"95{text.NBSP}% interval"),
        Column("Above the floor"),
    ]
    columns += [Column(f"{text.RATIO} for {text.percent(level, 0)}") for level in LEVELS]
    caption = (
        f"By schedule, where at least {FEW} search trials completed. {text.RATIO} for a sparsity: where the "
        f"fitted curve gets there, with its 95{text.NBSP}% bootstrap interval (no upper end where it is not "
        "sure to get there); without a fit, the smallest that a trial above the floor got there with."
    )
    return Table(columns, rows, caption)


def _between(need: stats.Estimate) -> str:
    if not text.finite(need.low):
        return f"[{text.DASH}]"
    high = text.number(need.high) if text.finite(need.high) else text.DASH
    return f"[{text.number(need.low)},{text.NBSP}{high}]"


def _need(info: ThresholdInfo, name: str, level: float) -> Cell:
    """The D / sum(lr) for a sparsity, fitted or else of a trial."""
    relation = info.by_schedule[name]
    if relation.curve is None:
        first = info.least_ratio(level, name)
        if first is None:
            return Cell("not reached")
        return Cell(f"{text.number(first.ratio)} (trial {first.number})", first.ratio)
    need = relation.needs[level]
    if not text.finite(need.value):
        return Cell("not reached")
    return Cell(f"{text.number(need.value)} {_between(need)}", need.value)

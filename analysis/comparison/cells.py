"""Cells of a comparison: studies with their colour, differences with their test and effect size."""

from __future__ import annotations

from analysis import text
from analysis.comparison.contests import Contest
from analysis.comparison.rivals import Contender, Rival
from analysis.sections.base import Cell, Column
from analysis.stats import cliffs_delta, magnitude

TESTED = [Column("Difference, points"), Column("p"), Column("p, Holm"), Column("A12")]
NONE = Cell(text.DASH)


def study(rival: Rival) -> Cell:
    """A study with its colour."""
    return Cell(rival.label, rival.label, rival.style.color)


def contest_cells(one: Contest | None, *, points: bool = True) -> list[Cell]:
    """The four cells of `TESTED`: first minus other, p before and after the correction, effect size."""
    if one is None:
        return [NONE] * 4
    return [
        Cell(interval(one, points=points), one.difference.value),
        probability(one.p),
        probability(one.adjusted),
        Cell(effect(one), one.effect.value if text.finite(one.effect.value) else None),
    ]


def interval(one: Contest, *, points: bool = True) -> str:
    """The difference with its interval, in percentage points or as it is."""

    def shown(value: float) -> str:
        return text.points(value) if points else f"{value:+.3f}".replace("-", text.MINUS)

    difference = one.difference
    if not text.finite(difference.low):
        return shown(difference.value) if text.finite(difference.value) else text.DASH
    return f"{shown(difference.value)} [{shown(difference.low)},{text.NBSP}{shown(difference.high)}]"


def effect(one: Contest) -> str:
    """A12 with its interval and its word."""
    if not (one.tested and text.finite(one.effect.value)):
        return text.DASH
    word = magnitude(cliffs_delta(one.effect.value))
    ends = f"[{one.effect.low:.2f},{text.NBSP}{one.effect.high:.2f}]"
    return f"{one.effect.value:.2f} {ends} {word}"


def probability(p: float) -> Cell:
    """A p-value as it is read: four digits where small."""
    if not text.finite(p):
        return NONE
    return Cell(f"{p:.2g}" if p >= 0.0001 else "< 0.0001", p)


def accuracy(contender: Contender) -> str:
    """Mean accuracy with its interval and n."""
    mean = contender.accuracy
    return text.estimate(mean.value, mean.low, mean.high)

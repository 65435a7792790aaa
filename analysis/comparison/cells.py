"""Cells of a comparison: studies with their colour, differences with their test and effect size."""

from __future__ import annotations

from analysis import text
from analysis.comparison.contests import Contest
from analysis.comparison.rivals import Contender, Rival
from analysis.sections.base import Cell, Column
from analysis.stats import cliffs_delta, magnitude

TESTED = [Column("Difference, points"), Column("p (Holm)"), Column("A12")]
NONE = Cell(text.DASH)


def study(rival: Rival) -> Cell:
    """A study with its colour."""
    return Cell(rival.label, rival.label, rival.style.color)


def contest_cells(one: Contest | None, *, points: bool = True) -> list[Cell]:
    """The cells of `TESTED`: first minus other, p before and after the correction, effect size."""
    if one is None:
        return [NONE] * len(TESTED)
    return [
        Cell(interval(one, points=points), one.difference.value),
        _probability(one),
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
    """A12 with its interval."""
    if not (one.tested and text.finite(one.effect.value)):
        return text.DASH
    return f"{one.effect.value:.2f} [{one.effect.low:.2f},{text.NBSP}{one.effect.high:.2f}]"


def word(one: Contest) -> str:
    """How large the effect is called."""
    return magnitude(cliffs_delta(one.effect.value))


def probability(p: float) -> str:
    """A p-value as it is read."""
    return f"{p:.3g}" if p >= 0.0001 else "< 0.0001"


def _probability(one: Contest) -> Cell:
    if not one.tested:
        return NONE
    return Cell(f"{probability(one.p)} ({probability(one.adjusted)})", one.p)


def accuracy(contender: Contender) -> str:
    """Mean accuracy with its interval and n."""
    mean = contender.accuracy
    return text.estimate(mean.value, mean.low, mean.high)

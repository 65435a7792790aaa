"""``discard``: one look at a fixed epoch. The baseline that is hard to beat."""

from __future__ import annotations

import math

from study.stopping.protocol import Plan, Row, Setting, oriented
from study.stopping.ranking import dominators
from study.stopping.shelf import Shelf


class FixedEpochDiscard:
    """i-Epoch (Egele et al. arXiv:2404.04111) for several objectives and a study that runs on.

    There: every candidate trains for i epochs, then the best k alone train to the end. Here the k best are
    the front, and the look is taken when a trial arrives: after epoch i = ceil(stop_from * epochs) it goes
    on if none that arrived before it dominates it in the objectives' values of that epoch. Only trials of
    equal epochs and family are compared. O(n) at epoch i for n arrived, O(1) at every other row.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._plans: dict[int, Plan] = {}
        self._shelves: dict[tuple[object, ...], Shelf] = {}

    def observe(self, number: int, plan: Plan, row: Row) -> None:
        """Keep the values of epoch i."""
        self._plans[number] = plan
        if row["epoch"] == self._epoch(plan):
            values = oriented(row, self.setting.objectives)
            if values is not None:
                self._shelf(plan).put(number, values)

    def reason(self, number: int, row: Row) -> str | None:
        """Dominated by an earlier arrival at epoch i."""
        plan = self._plans[number]
        if row["epoch"] != self._epoch(plan) or row["epoch"] >= plan.epochs:
            return None
        before = self._shelf(plan).before(number)
        if before is None:
            return None
        values, earlier = before
        count = int(dominators(earlier, values).sum())
        if not count:
            return None
        return f"discarded after epoch {row['epoch']}: {count} of {len(earlier)} earlier trials dominated it"

    def ended(self, number: int, row: Row, complete: bool) -> None:
        """Ends do not matter: what a trial was at epoch i stays."""
        self._plans.pop(number, None)

    def _epoch(self, plan: Plan) -> int:
        return max(math.ceil(self.setting.stopping.stop_from * plan.epochs - 1e-9), 1)

    def _shelf(self, plan: Plan) -> Shelf:
        return self._shelves.setdefault((plan.epochs, plan.family), Shelf(len(self.setting.objectives)))

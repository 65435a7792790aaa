"""``asha``: MO-ASHA, corrected. What a search does that does not know about pruning schedules."""

from __future__ import annotations

import numpy as np

from study.front import layers
from study.stopping.protocol import Floats, Plan, Row, Setting, oriented
from study.stopping.ranking import epsilon_net, maximised
from study.stopping.shelf import Shelf


class MultiObjectiveAsha:
    """Asynchronous successive halving by stopping, ranked by non-domination (Schmucker et al. 2106.12639).

    Rungs at epochs 1, eta, eta^2, ... below the total. A trial that reaches a rung goes on if its place among
    the n that have reached it, itself included, is below n / eta: by non-domination rank, inside the front
    that straddles the limit by the epsilon-net. The first to arrive and every new best go on. Equal total
    epochs and family share rungs. At a rung O(f n) for the f fronts down to the limit; elsewhere O(1).

    Public code sorts the trials and then reads the sorted list of indices as if it were a list of places
    (agreement with a total order: 57 %); here a place is a place, tested against a total order.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._plans: dict[int, Plan] = {}
        self._rungs: dict[tuple[object, ...], Shelf] = {}

    def observe(self, number: int, plan: Plan, row: Row) -> None:
        """Keep the values at a rung."""
        self._plans[number] = plan
        if self._is_rung(row["epoch"], plan):
            values = oriented(row, self.setting.objectives)
            if values is not None:
                self._rung(plan, row["epoch"]).put(number, values)

    def reason(self, number: int, row: Row) -> str | None:
        """Outside the best 1 / eta of its rung."""
        plan = self._plans[number]
        if not self._is_rung(row["epoch"], plan):
            return None
        before = self._rung(plan, row["epoch"]).before(number)
        if before is None:
            return None
        values, earlier = before
        count, eta = len(earlier) + 1, self.setting.stopping.stop_eta
        if goes_on(values, earlier, count / eta):
            return None
        return f"not in the best 1/{eta:g} of the {count} trials that reached epoch {row['epoch']}"

    def ended(self, number: int, row: Row, complete: bool) -> None:
        """Ends do not matter: what a trial was at a rung stays."""
        self._plans.pop(number, None)

    def _is_rung(self, epoch: int, plan: Plan) -> bool:
        rung, eta = 1.0, self.setting.stopping.stop_eta
        while round(rung) < min(epoch, plan.epochs):
            rung *= eta
        return round(rung) == epoch < plan.epochs

    def _rung(self, plan: Plan, epoch: int) -> Shelf:
        key = (plan.epochs, plan.family, epoch)
        return self._rungs.setdefault(key, Shelf(len(self.setting.objectives)))


def goes_on(values: Floats, earlier: Floats, limit: float) -> bool:
    """Whether the place (from 0) of ``values`` [m] among itself and ``earlier`` [n, m] is below ``limit``."""
    # Itself first and the others in a canonical order: ties go to it, and the order of arrival is forgotten.
    points = np.vstack([values, earlier[np.lexsort(earlier.T)]])
    better = 0  # trials on better fronts
    for front in layers(points, maximised(points)):
        if better >= limit:
            return False
        if (front == 0).any():
            members = np.sort(front)
            return better + len(front) <= limit or better + int(epsilon_net(points[members])[0]) < limit
        better += len(front)
    raise AssertionError("the trial is on no front")

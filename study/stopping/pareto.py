"""``pareto``: stops a trial that several others leave behind in all objectives, now and at the end."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from study.stopping.cohort import Cohort
from study.stopping.noise import LEVEL_SD, quality_sd
from study.stopping.protocol import Floats, Plan, Row, Setting
from study.stopping.shelf import Shelf

Mask = NDArray[np.bool_]


class ParetoStop:
    """Early accuracy of a pruned training is that of a denser network, so little is comparable. What is:

    trials of equal total epochs and family, at equal progress u >= stop_from. Another trial is a *witness*
    against this one if it is better by more than ``stop_noise`` standard deviations of the difference in
    every quality now, in every cost now and in every cost at the end (known, or forecast), and if its
    threshold has no more left to grow: who is ahead only because the hard part is still to come is no
    witness. A trial is stopped if

    - at least ``stop_peers`` witnesses speak against it,
    - a finished result is at least as good as its present quality and the forecast of its costs, so that it
      would not be on the front if it ended like this,
    - and of those that reached stop_from at most the share 1 - 1 / stop_eta is stopped.

    A trial that no other dominates is not stopped: neither members of the present front nor its ends. Pruners
    whose threshold no schedule drives are not judged: nobody knows what they have still to lose.

    A row costs O(n) in numpy for n trials that have reached the same epoch (0.25 ms for 5,000), O(epochs)
    when it is a trial's last, O(1) before stop_from.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._plans: dict[int, Plan] = {}
        self._cohorts: dict[tuple[object, ...], Cohort] = {}
        self._finished = Shelf(len(setting.objectives))  # qualities, then levels, at the end
        self._stopped: set[int] = set()

    def observe(self, number: int, plan: Plan, row: Row) -> None:
        """Take in the row; a trial's last one makes its end known to the forecasts."""
        if not plan.driven:
            return
        self._plans[number] = plan
        cohort = self.cohort(plan)
        if not cohort.add(number, plan, row) or row["epoch"] < plan.epochs:
            return
        accuracy = row.get("accuracy_val")
        if accuracy is not None and accuracy <= self.setting.accuracy_floor:
            return  # collapsed: its end is no result, and no forecast should aim at it
        cohort.learn(number)
        slot, last, costs = cohort.slots[number], plan.epochs, range(len(cohort.costs))
        ends = [cohort.quality(last, index)[slot] for index in range(len(cohort.qualities))]
        ends += [cohort.levels(last, index)[slot] for index in costs]
        self._finished.put(number, np.array(ends))

    def reason(self, number: int, row: Row) -> str | None:
        """The witnesses against it, if they suffice."""
        plan, epoch = self._plans.get(number), row["epoch"]
        if plan is None or number in self._stopped or not self._first(plan) <= epoch < plan.epochs:
            return None
        cohort = self.cohort(plan)
        slot = cohort.slots.get(number)
        if slot is None or np.isnan(cohort.growth_left(epoch)[slot]) or not cohort.trusted(epoch):
            return None
        witnesses = np.flatnonzero(self._witnesses(cohort, epoch, slot))
        if len(witnesses) < self.setting.stopping.stop_peers or self._would_be_on_front(cohort, epoch, slot):
            return None
        reached = int((~np.isnan(cohort.growth_left(self._first(plan)))).sum())
        if cohort.stopped + 1 > (1 - 1 / self.setting.stopping.stop_eta) * reached:
            return None
        cohort.stopped += 1
        self._stopped.add(number)
        numbers = sorted(
            other for other, place in cohort.slots.items() if place in set(witnesses[:3].tolist())
        )
        return (
            f"left behind at progress {epoch / plan.epochs:.2f} by {len(witnesses)} trials in every "
            f"objective, now and at the end, e.g. by {', '.join(map(str, numbers))}"
        )

    def ended(self, number: int, row: Row, complete: bool) -> None:
        """An end that is no result (failed, infeasible) can not stand for one."""
        plan = self._plans.pop(number, None)
        if plan is not None and not complete:
            self._finished.drop(number)
            self.cohort(plan).forget_end(number)

    def _witnesses(self, cohort: Cohort, epoch: int, slot: int) -> Mask:
        factor = self.setting.stopping.stop_noise
        left = cohort.growth_left(epoch)
        ahead: Mask = left <= left[slot]  # False for those that have not come as far (NaN)

        def demand(better: Floats, variances: Floats) -> None:
            # > 0 in any case: without noise, equal is not better
            ahead[:] &= (better > factor * np.sqrt(variances)) & (better > 0)

        for index, name in enumerate(cohort.qualities):
            values = cohort.quality(epoch, index)
            variances = quality_sd(name, np.abs(values), self.setting.n_val) ** 2
            demand(values - values[slot], variances + variances[slot])
        for index in range(len(cohort.costs)):
            levels = cohort.levels(epoch, index)
            demand(levels - levels[slot], np.full_like(levels, 2 * LEVEL_SD**2))
            ends, errors = cohort.end_levels(epoch, index)
            demand(ends - ends[slot], errors**2 + errors[slot] ** 2)
        return ahead

    def _would_be_on_front(self, cohort: Cohort, epoch: int, slot: int) -> bool:
        """Whether no finished result is as good as its present qualities and forecast costs."""
        point = [cohort.quality(epoch, index)[slot] for index in range(len(cohort.qualities))]
        point += [cohort.end_levels(epoch, index)[0][slot] for index in range(len(cohort.costs))]
        return not (self._finished.rows >= np.array(point)).all(axis=1).any()

    def _first(self, plan: Plan) -> int:
        return max(math.ceil(self.setting.stopping.stop_from * plan.epochs - 1e-9), 1)

    def cohort(self, plan: Plan) -> Cohort:
        """The trials that one with this plan is compared with, and their forecasts."""
        key = (plan.epochs, plan.family)
        if key not in self._cohorts:
            self._cohorts[key] = Cohort(plan, self.setting.objectives)
        return self._cohorts[key]

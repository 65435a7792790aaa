"""When the slots of a study were at work: intervals packed into slots, and where their time went."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BREAK_S = 5.0  # what is shorter is no interruption: a driver alone takes longer to start
WHERE = ("training", "around training", "between trials", "before confirming", "breaks", "run out", "unused")


@dataclass(frozen=True)
class Usage:
    """Where the time of the slots went, in seconds.

    `span_s`: from the first start to the last end. `seconds`: by `WHERE`, summing to slots * span_s:
    training; around training (process, data, filing); idle between trials; idle until the last trials of
    the search had ended, because confirming waits for them; breaks, in which no slot ran anything; run out
    (no trial was left for the slot); slots that never ran one. `breaks`: (from, to), after the first start.
    """

    span_s: float
    slots: int
    seconds: dict[str, float]
    breaks: tuple[tuple[float, float], ...]

    @property
    def busy(self) -> float:
        """Utilisation: the share of slots * span_s in which a slot held a trial."""
        return self.share("training") + self.share("around training")

    def share(self, where: str) -> float:
        """A part of slots * span_s, in [0, 1]; NaN for a span of nothing."""
        whole = self.slots * self.span_s
        return self.seconds[where] / whole if whole > 0 else float("nan")


def pack(starts: Floats, ends: Floats) -> Ints:
    """Slot [n], from 0, of each interval [start, end): the lowest one that is free when it starts.

    Greedy in the order of starts, which needs as many slots as intervals ever overlap, and no more (interval
    partitioning; Kleinberg and Tardos 2005, section 4.1). O(n log n).
    """
    slot = np.zeros(len(starts), dtype=np.int64)
    running: list[tuple[float, int]] = []
    free: list[int] = []
    used = 0
    for at in np.lexsort((ends, starts)).tolist():
        while running and running[0][0] <= starts[at]:
            heapq.heappush(free, heapq.heappop(running)[1])
        if not free:
            free, used = [used], used + 1
        slot[at] = heapq.heappop(free)
        heapq.heappush(running, (float(ends[at]), int(slot[at])))
    return slot


def usage(starts: Floats, ends: Floats, train_s: Floats, confirms: NDArray[np.bool_], slots: int) -> Usage:
    """The account of trials [n], n > 0; times in seconds on one clock. NaN in `train_s` counts as 0.

    `slots`: how many there were; more where more trials ran at once. A break is longer than `BREAK_S` and
    than half the trials.
    """
    slot = pack(starts, ends)
    used, zero, end = int(slot.max()) + 1, float(starts.min()), float(ends.max())
    slots, lengths = max(slots, used), ends - starts
    training = float(np.minimum(np.nan_to_num(train_s), lengths).sum())
    order = np.argsort(starts, kind="stable")
    latest = np.maximum.accumulate(ends[order])
    silent = starts[order][1:] - latest[:-1]
    long = np.flatnonzero(silent > max(BREAK_S, float(np.median(lengths))))
    breaks = [(float(latest[at]) - zero, float(starts[order][at + 1]) - zero) for at in long]
    order = np.lexsort((starts, slot))
    follows = np.diff(slot[order]) == 0
    left, right = ends[order][:-1][follows] - zero, starts[order][1:][follows] - zero
    first = order[np.append(True, ~follows)]
    last = order[np.append(~follows, True)]
    left = np.concatenate([left, np.zeros(used)])
    right = np.concatenate([right, starts[first] - zero])
    tails = end - ends[last]
    idle = right - left
    for begin, stop in breaks:  # every slot is idle in all of a break, in a gap or in its tail
        idle[(left <= begin) & (right >= stop)] -= stop - begin
        tails[ends[last] - zero <= begin] -= stop - begin
    waiting = 0.0
    if confirms.any():
        gate = float(starts[confirms].min()) - zero
        waiting = float(idle[(left < gate) & (right >= gate)].sum())
    seconds = {
        "training": training,
        "around training": float(lengths.sum()) - training,
        "between trials": float(idle.sum()) - waiting,
        "before confirming": waiting,
        "breaks": used * sum(stop - begin for begin, stop in breaks),
        "run out": float(tails.sum()),
        "unused": (slots - used) * (end - zero),
    }
    return Usage(end - zero, slots, seconds, tuple(breaks))

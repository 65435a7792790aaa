"""Which trials hang: no epoch for far longer than epochs take. Decides on times; reads no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from study.storage import PATIENCE_S

FACTOR = 5.0  # an epoch may take so many times as long as the longest that is known
FLOOR_S = 120.0  # and never hangs before this: a busy machine, a slow disk
FIRST_FLOOR_S = 600.0  # the first epoch of a process imports, loads data and compiles kernels
UNKNOWN_S = 3600.0  # a first epoch where nothing is known: there are data sets and networks that take as long
LOOK_S = 5.0  # more than this between two looks: this process was not running, and no time is counted


def patience_s(
    own_s: float | None, known_s: float | None, alarms: int, *, first: bool, last: bool = False
) -> float:
    """How long the next epoch of a trial may take, in seconds.

    ``own_s``: the longest of its epochs so far, ``known_s``: the longest of the study's, each without the
    first of a process, or with ``first`` only those. A trial's own epochs tell more than those of others,
    which may be of other networks. Every false alarm doubles the patience: a trial that is merely slow loses
    an epoch or two, and ends. On top comes the time in which a process waits for storage that is away: before
    its first epoch, to read the trial's state, and after the trial's ``last``, to write it.
    """
    longest = own_s if own_s is not None else known_s
    floor_s = UNKNOWN_S if longest is None else FIRST_FLOOR_S if first else FLOOR_S
    return max(floor_s, FACTOR * (longest or 0.0)) * 2.0**alarms + PATIENCE_S * (first + last)


def longest_s(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """The longest epoch of these rows, which hold the seconds since their trial's begin; None: no rows."""
    before: dict[int, float] = {}
    found = None
    for row in rows:
        took = row["wall_s"] - before.get(row["number"], 0.0)
        before[row["number"]] = row["wall_s"]
        found = max(took, found or 0.0)
    return found


@dataclass
class _Times:
    since: float  # of its last row, or of the start of its process
    first: bool = True  # the process has not trained an epoch yet
    last: bool = False  # the next epoch is the trial's last
    own_s: float | None = None
    alarms: int = 0


@dataclass
class Watchdog:
    """Fed with what happens to trials, at the times of a monotonic clock that the caller reads.

    A clock of its own leaves out the time in which the caller did not look: a driver that was stopped or
    waited for its disk, or a laptop that slept, has seen no epochs, and that is nobody's fault.
    """

    now: float | None = None
    clock_s: float = 0.0  # watched time
    trials: dict[int, _Times] = field(default_factory=dict)
    first_s: float | None = None  # the longest first epoch of any process; at first, any of the driver before
    epoch_s: float | None = None  # the longest other epoch

    def tick(self, now: float) -> None:
        """Time passes; to be called at least every ``LOOK_S``."""
        if self.now is not None:
            passed = now - self.now
            self.clock_s += passed if passed <= LOOK_S else 0.0
        self.now = now

    def started(self, number: int, *, last: bool = False) -> None:
        """A process begins or goes on with the trial; ``last``: perhaps with its last epoch."""
        times = self.trials.setdefault(number, _Times(self.clock_s))
        times.since, times.first, times.last = self.clock_s, True, last

    def row(self, number: int, *, last: bool = False, trained: bool = True) -> None:
        """The trial has sent an epoch, ``trained`` or read from its state; ``last``: the next is its last."""
        times = self.trials.get(number)
        if times is None:
            return
        took, times.last = self.clock_s - times.since, last
        if not trained:  # says nothing about epochs, but that the process is alive
            times.since = self.clock_s
            return
        if times.first:
            self.first_s = max(took, self.first_s or 0.0)
        else:
            times.own_s = max(took, times.own_s or 0.0)
            self.epoch_s = max(took, self.epoch_s or 0.0)
        times.since, times.first = self.clock_s, False

    def paused(self, number: int) -> None:
        """The trial's process is gone; the trial waits for another one."""
        if number in self.trials:
            self.trials[number].since = float("inf")

    def ended(self, number: int) -> None:
        """The trial is over."""
        self.trials.pop(number, None)

    def hung(self) -> dict[int, tuple[float, float | None]]:
        """Trials that hang, with the seconds they are silent and the longest epoch they are held against.

        None: no epoch is known.

        Each is told once: the caller ends its process, ``started`` begins anew.
        """
        found: dict[int, tuple[float, float | None]] = {}
        for number, times in self.trials.items():
            # What a trial's second epoch takes can be read from its first, which was longer.
            own, known = (None, self.first_s) if times.first else (times.own_s, self.epoch_s or self.first_s)
            limit = patience_s(own, known, times.alarms, first=times.first, last=times.last)
            silent = self.clock_s - times.since
            if silent > limit:
                found[number] = (silent, own if own is not None else known)
                times.alarms += 1
                times.since = float("inf")
        return found

"""Which trials hang: no epoch for far longer than epochs take. Decides on times; reads no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

FACTOR = 5.0  # an epoch may take so many times as long as the longest that is known
FLOOR_S = 120.0  # and never hangs before this: a busy machine, a slow disk
FIRST_FLOOR_S = 600.0  # the first epoch of a process imports, loads data and compiles kernels
LOOK_S = 5.0  # more than this between two looks: this process was not running, and no time is counted


def patience_s(own_s: float | None, known_s: float | None, alarms: int, *, first: bool) -> float | None:
    """How long the next epoch of a trial may take; None: nothing is known that it could be held against.

    ``own_s``: the longest of its epochs so far, ``known_s``: the longest of the study's, each without the
    first of a process, or with ``first`` only those. A trial's own epochs tell more than those of others,
    which may be of other networks. Every false alarm doubles the patience: a trial that is merely slow loses
    an epoch or two, and ends.
    """
    longest = own_s if own_s is not None else known_s
    if longest is None:
        return None
    return max(FIRST_FLOOR_S if first else FLOOR_S, FACTOR * longest) * 2.0**alarms


@dataclass
class _Times:
    since: float  # of its last row, or of the start of its process
    first: bool = True  # the process has not sent a row yet
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
    first_s: float | None = None  # the longest first epoch of any process
    epoch_s: float | None = None  # the longest other epoch

    def tick(self, now: float) -> None:
        """Time passes; to be called at least every ``LOOK_S``."""
        if self.now is not None:
            passed = now - self.now
            self.clock_s += passed if passed <= LOOK_S else 0.0
        self.now = now

    def started(self, number: int) -> None:
        """A process begins or goes on with the trial."""
        times = self.trials.setdefault(number, _Times(self.clock_s))
        times.since, times.first = self.clock_s, True

    def row(self, number: int) -> None:
        """The trial has sent an epoch."""
        times = self.trials.get(number)
        if times is None:
            return
        took = self.clock_s - times.since
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

    def hung(self) -> dict[int, tuple[float, float]]:
        """Trials that hang, with the seconds they are silent and the longest epoch they are held against.

        Each is told once: the caller ends its process, ``started`` begins anew.
        """
        found = {}
        for number, times in self.trials.items():
            # What a trial's second epoch takes can be read from its first, which was longer.
            own, known = (None, self.first_s) if times.first else (times.own_s, self.epoch_s or self.first_s)
            limit = patience_s(own, known, times.alarms, first=times.first)
            silent = self.clock_s - times.since
            if limit is not None and silent > limit:
                found[number] = (silent, own or known or 0.0)
                times.alarms += 1
                times.since = float("inf")
        return found

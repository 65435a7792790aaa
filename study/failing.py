"""Why a trial's process ended, and whether the trial goes on: decisions on plain values.

And the one thing that a trial looks at before it begins: whether the GPUs that Ray declares are there.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import torch

STARVED_S = 20.0  # a trial that waits longer than a process takes to start has none coming
MEMORY_RETRIES = 1  # a trial that ran out of memory does so again, unless its neighbours were the reason
# Of Ray's memory monitor: what the node had in use and has in all.
_IN_USE = re.compile(r"was ([\d.]+)GB used / ([\d.]+)GB")
_TRIAL_GB = re.compile(r"^\d+\t([\d.]+)\tray::ResourceTrainable", re.M)  # of the largest ten processes


@dataclass(frozen=True)
class Cause:
    """Why a process ended: ``kind`` decides on retries, ``line`` is for people."""

    kind: str  # process | node | memory | gpu | hang | state
    line: str


class NoGPUError(RuntimeError):
    """A trial was given GPUs, and torch finds none: it would train on the CPU, and nobody would be told."""


class UnreadableError(OSError):
    """The state of a trial may be there, and cannot be read here and now."""


def check_gpus(gpus: float, device: str) -> None:
    """NoGPUError where a trial that Ray gave so many GPUs would not run on one."""
    if gpus and device != "cpu" and not torch.cuda.is_available():
        why = "is the driver older than that?" if torch.version.cuda else "a build for CPUs"
        made_for = f"torch {torch.__version__}, CUDA {torch.version.cuda or 'none'}: {why}"
        raise NoGPUError(
            f"Ray gave it {gpus:g} GPUs on {socket.gethostname()}, and torch finds none there ({made_for})"
        )


def cause(text: str, memory_mib: float | None = None) -> Cause:
    """Read from what Ray says about a dead actor. ``memory_mib``: the most its process held at its last row.

    The kernel's own out-of-memory killer leaves no trace but a SIGKILL: such a death counts as the process's,
    and the number in its line is the hint.
    """
    held = f"; it held {memory_mib:.0f} MiB at its last epoch" if memory_mib else ""
    if "NoGPUError" in text:
        said = next(line for line in reversed(text.splitlines()) if "NoGPUError" in line)
        return Cause("gpu", said.partition("NoGPUError")[2].strip(" :"))
    if "MemoryError" in text:
        said = next(line for line in reversed(text.splitlines()) if "MemoryError" in line)
        told = said.partition("MemoryError")[2].strip(" :()")
        return Cause("memory", f"out of memory ({told or 'no number'})")
    if "UnreadableError" in text:
        said = next(line for line in reversed(text.splitlines()) if "UnreadableError" in line)
        told = said.partition("UnreadableError")[2].strip(" :()")
        return Cause("state", f"its state could not be read ({told or 'no reason'})")
    if "low on memory" in text or "memory usage threshold" in text:
        numbers = _IN_USE.search(text)
        use = f", {numbers[1]} of {numbers[2]} GB in use" if numbers else ""
        if trials := _TRIAL_GB.findall(text):
            use += f", {max(map(float, trials)):.1f} GB by the largest trial"
        return Cause("memory", f"Ray killed its process because the node was out of memory{use}")
    if "node has died" in text or "node was terminated" in text or "node is dead" in text:
        return Cause("node", "its node died, or was cut off")
    if "unavailable" in text:  # the connection broke: process or node, nobody knows yet
        return Cause("process", f"its process or node died{held}")
    return Cause("process", f"its process died{held}")


@dataclass(frozen=True)
class Waiting:
    """A trial without a process."""

    since_s: float
    again: bool  # it had one, which died


def next_in_line(waiting: Mapping[int, Waiting], now_s: float) -> int | None:
    """Who gets the next free process, before any other; None: nobody has to.

    The oldest of those that failed, else the oldest that waits in vain. Nobody whose own process may be
    starting: it would be dropped, and where trials are shorter than a start the slot never recovers.
    """
    due = {n: one for n, one in waiting.items() if one.again or now_s - one.since_s > STARVED_S}
    return min(due, key=lambda n: (not due[n].again, due[n].since_s), default=None)


@dataclass
class Allowance:
    """How often a trial may fail, in terms of Ray Tune, which counts failures and has a maximum.

    What counts is failures without a new epoch in between: a trial of a day on nodes that come and go fails
    more than ``retries`` times, and gets on nonetheless.
    """

    retries: int
    since: int = 0  # failures up to the last new epoch
    most: int = 0

    def __post_init__(self) -> None:
        self.most = self.since + self.retries

    def progressed(self, failures: int) -> int:
        """The new maximum after an epoch that was not known before."""
        self.since, self.most = failures, failures + self.retries
        return self.most

    def failed(self, kind: str) -> int:
        """The new maximum after a failure of this kind."""
        if kind == "memory":
            self.most = min(self.most, self.since + MEMORY_RETRIES)
        return self.most


def verdict(causes: list[Cause], epoch: int) -> str:
    """What is filed as the reason of a trial that failed for good: its last failures, without progress."""
    lines = [one.line for one in causes] or ["its process died"]
    times = f", {len(lines)} times" if len(lines) > 1 else ""
    return f"in epoch {epoch + 1}{times}: {lines[-1]}"

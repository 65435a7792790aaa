"""``--supervise``: a parent that starts a driver again, with ``--resume``, when it was killed or failed.

    python -m study.supervise FOLDER NAME FLAGS OF STUDY.LAUNCH ...

A process of its own with nothing but the standard library: it takes 10 MB, not the 300 of a driver.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

COMPLETE, BAD_INPUT, INTERRUPTED = 0, 2, 130
FAILURES = 8  # in a row, without a new line in the books; then it gives up, after three minutes of waits
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
BOOKS = ("asked.jsonl", "epochs.jsonl", "trials.jsonl")
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class Restarts:
    """Whether a driver that has ended is started again, and after how many seconds."""

    failures: int = 0  # in a row, without progress
    begun: bool = False  # a driver got as far as to file something

    def wait_s(self, status: int, *, progress: bool) -> float | None:
        """Seconds until the next start; None: no more.

        ``status``: of the process, -N for signal N. Bad input is final at the first start only: the same
        command has run before, so what is wrong now may pass (no Ray at the address, a machine too busy).
        """
        if progress:
            self.failures, self.begun = 0, True
        if status in (COMPLETE, INTERRUPTED) or (status == BAD_INPUT and not self.begun):
            return None
        self.failures += 1
        if self.failures > FAILURES:
            return None
        return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (self.failures - 1)))


def ended(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed ({signal.Signals(-status).name})"
    except ValueError:
        return f"was killed (signal {-status})"


def supervise(start: Sequence[str], again: Sequence[str], folder: Path) -> int:
    """Run the command ``start``, and ``again`` once the study has begun; returns the last exit status.

    A driver that died of a signal counts as status 1. Signals to this process go to the driver. If this
    process is killed, the kernel tells the driver, which saves and ends as after SIGTERM.
    """
    restarts = Restarts()
    while True:
        before = _filed(folder)
        status, asked_to_end = _run(again if _begun(folder) else start)
        if asked_to_end:
            return status if status >= 0 else INTERRUPTED
        wait_s = restarts.wait_s(status, progress=_filed(folder) > before)
        if wait_s is None:
            if restarts.failures > FAILURES:
                _say(f"the driver {ended(status)}; given up after {FAILURES} restarts without progress")
            return status if status >= 0 else 1
        _say(f"the driver {ended(status)}; going on in {wait_s:.0f} s (restart {restarts.failures})")
        if not _slept(wait_s):
            return INTERRUPTED


def _filed(folder: Path) -> int:
    """Bytes in the study's books: they grow with every trial begun, every epoch, every trial ended."""
    size = 0
    for name in BOOKS:
        with suppress(OSError):  # none yet, or its storage is away
            size += (folder / name).stat().st_size
    return size


def _begun(folder: Path) -> bool:
    """Whether a driver has made the study. Storage that is away held one: --resume says so."""
    try:
        (folder / "study.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _say(line: str) -> None:
    print(f"supervisor: {line}", file=sys.stderr, flush=True)


def _run(command: Sequence[str]) -> tuple[int, bool]:
    """One driver: its status, and whether this process was asked to end meanwhile."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tied() -> None:  # in the child, before it becomes the driver
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # died in between
            os._exit(INTERRUPTED)

    asked = False
    # A process group of its own: Ctrl-C reaches the driver once, through this process, and not twice.
    driver = subprocess.Popen(command, process_group=0, preexec_fn=tied)

    def pass_on(number: int) -> None:
        nonlocal asked
        asked = True
        driver.send_signal(number)

    with _signals(pass_on):
        return driver.wait(), asked


def _slept(wait_s: float) -> bool:
    """Wait; False where a signal asked to end."""
    over = threading.Event()
    with _signals(lambda number: over.set()):
        until = time.monotonic() + wait_s
        while not over.is_set() and time.monotonic() < until:
            over.wait(min(0.2, wait_s))
    return not over.is_set()


def command(folder: Path, name: str, flags: Sequence[str]) -> list[str]:
    """The command line of a supervisor of ``python -m study.launch`` with these flags."""
    return [sys.executable, "-m", "study.supervise", str(folder), name, *flags]


@contextmanager
def _signals(handler: Callable[[int], None]) -> Iterator[None]:
    # One that was ignored at the start stays so, as the driver has it: after nohup the terminal's hang-up is
    # no wish to end.
    heard = [number for number in PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda n, _: handler(n)) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


if __name__ == "__main__":
    _folder, _name, *_flags = sys.argv[1:]
    _launch = [sys.executable, "-m", "study.launch", *_flags]
    sys.exit(supervise(_launch, [*_launch, "--resume", _name], Path(_folder)))

"""The report of a study that runs: written again as trials end, in a process of its own, for little time.

The driver's loop only asks whether it is time; a thread waits for the process. A report that fails or hangs
harms nothing: the next one is tried later, and the one at the study's end says what is wrong.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from study.record import Recorder

REST = 20  # between two reports at least this many times as long as one took: 5 % of one core
LONGEST_S = 600.0  # then a report is given up
NICE = 19  # the trainings come first


def command(folder: Path) -> list[str]:
    """The command that writes a study folder's report: it needs neither Ray nor torch, only the folder."""
    return [sys.executable, "-m", "analysis.report", str(folder)]


class LiveReport:
    """Keeps report.html current while it is entered; hangs itself behind ``recorder.on_change``.

    A report is started when a trial has ended since the last one, and ``REST`` times the duration of the
    last one has passed since its end. On exit none is running, and no part of one is left in the folder.
    """

    def __init__(
        self,
        recorder: Recorder,
        folder: Path,
        make: Callable[[Path], Sequence[str]] = command,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recorder, self.folder, self.make, self.clock = recorder, folder, make, clock
        self.reported = 0  # ended trials in the last report, or in the one that is being written
        self._not_before = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: threading.Thread | None = None

    def __enter__(self) -> LiveReport:
        before = self._before = self.recorder.on_change

        def changed() -> None:
            before()
            self.look()

        self.recorder.on_change = changed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recorder.on_change = self._before
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._waiting is not None:
            self._waiting.join()
        for part in self.folder.glob(".report.html.*.tmp"):  # what a report that was killed leaves
            part.unlink(missing_ok=True)

    def look(self) -> None:
        """Start a report if it is time. Takes a millisecond when it does, and nothing otherwise."""
        ended = len(self.recorder.ended)
        if ended == self.reported or self.clock() < self._not_before:
            return
        if self._waiting is not None and self._waiting.is_alive():
            return
        self.reported = ended
        started = self.clock()
        try:
            # A session of its own: Ctrl-C is for the driver, which ends it.
            self._process = subprocess.Popen(
                self.make(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        except OSError:  # no memory, no process left: later
            self._not_before = started + LONGEST_S
            return
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        self._waiting = threading.Thread(target=self._wait, args=(self._process, started), daemon=True)
        self._waiting.start()

    def _wait(self, process: subprocess.Popen[bytes], started: float) -> None:
        try:
            process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        ended = self.clock()
        self._not_before = ended + REST * (ended - started)

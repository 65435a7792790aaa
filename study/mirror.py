"""The study folder's copy in the shared storage: from it a new head goes on where the old one was lost.

    STORAGE/NAME/   the files of the study folder, as they were some seconds ago
    STORAGE/NAME/checkpoints/   the states of running trials: here alone, written and read by their nodes
    STORAGE/NAME/driver.json    who writes here (study/claim.py)

The books are written on the driver's own disk, where every line is safe before the next thing happens. A
thread carries them over. Files go in an order in which whatever a lost head has left is a study: what was
asked before its rows, its rows before its end. The states of ended trials are removed when their ends have
arrived, so that a trial whose end was lost with the head ends again from its last state, without training.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from study import storage
from study.claim import Claim, TakenError
from study.publish import sqlite_copy
from trainables.errors import ConfigError

LOGS = ("asked.jsonl", "epochs.jsonl", "trials.jsonl")  # in the order in which they are carried over
REST = 10  # between two passes at least this many times as long as one took
SOME = 5  # the database is carried over after so many ended trials: the log has the same, and earlier
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0  # while the storage is gone


def relation(here: bytes, there: bytes) -> str:
    """What an append-only file is beside its copy: the ``same``, ``ahead``, ``behind``, or gone ``apart``."""
    here, there = here[: here.rfind(b"\n") + 1], there[: there.rfind(b"\n") + 1]
    if here == there:
        return "same"
    if here.startswith(there):
        return "ahead"
    return "behind" if there.startswith(here) else "apart"


def newer(folder: Path, place: str) -> bool:
    """Whether the study goes on from ``place`` rather than from ``folder``; ConfigError where they disagree.

    True: the folder has no study yet, or is behind (the study went on from another head meanwhile).
    """
    if not (folder / "study.json").is_file():
        return True
    found = set()
    for name in LOGS:
        path = folder / name
        try:
            found.add(
                relation(
                    path.read_bytes() if path.is_file() else b"", storage.read(storage.join(place, name))
                )
            )
        except FileNotFoundError:
            found.add("ahead")  # nothing has been carried over yet
    found -= {"same"}
    if "apart" in found or {"ahead", "behind"} <= found:
        raise ConfigError(
            [
                f"storage: {folder} and {place} hold two continuations of one study; nearest valid: decide "
                "for one, and move the other away"
            ]
        )
    return "behind" in found


def fetch(folder: Path, place: str) -> None:
    """Make ``folder`` what ``place`` holds. study.json comes last: without it a folder is no study yet."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for name in storage.names(storage.join(place, "models")):
        if Path(name).name == name and Path(name).suffix in (".pt", ".json"):
            storage.write(str(folder / "models" / name), storage.read(storage.join(place, "models", name)))
    for name in (*LOGS, "optuna.db", "report.html", "study.json"):
        with contextlib.suppress(FileNotFoundError):
            storage.write(str(folder / name), storage.read(storage.join(place, name)))


class Mirror:
    """Keeps the claimed place a copy of ``folder`` while it is entered.

    ``tell`` gets a line when the storage goes and when it comes back.
    """

    def __init__(self, folder: Path, claim: Claim, tell: Callable[[str], None]) -> None:
        self.folder, self.claim, self.tell = folder, claim, tell
        self.place = claim.place
        self.problem: str | None = None
        self._there: dict[str, tuple[int, int]] = {}  # size and time of what has been carried over
        self._unwanted: list[str] = []  # states of trials that have ended
        self._ended = 0  # trials in the last copy of the database
        self._wake, self._over = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Mirror:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def changed(self) -> None:
        """Something was filed. Takes no time."""
        self._wake.set()

    def discard(self, location: str) -> None:
        """Remove a state when all that has been filed until now has arrived."""
        with self._lock:
            self._unwanted.append(location)

    def finish(self, limit_s: float = storage.PATIENCE_S) -> bool:
        """Carry everything over, and wait for the storage if need be; whether that was possible."""
        self._stop()
        try:
            storage.patiently(lambda: self.carry(whole=True), limit_s, self.tell)
            self.problem = None
        except OSError as error:
            self.problem = storage.why(error)
        return self.problem is None and self.claim.taken is None

    def carry(self, *, whole: bool = False) -> None:
        """One pass. ``whole``: the database too, whatever its age."""
        self.claim.guard()
        with self._lock:
            unwanted, self._unwanted = self._unwanted, []
        try:
            # Read backwards, written forwards: no end arrives without its rows, no row without its question,
            # and study.json does not call complete what has not arrived.
            described = self._unseen("study.json")
            read = [(name, self._unseen(name)) for name in reversed(LOGS)]
            for name, found in reversed(read):
                if found is not None:
                    self._put(name, found[1][: found[1].rfind(b"\n") + 1], found[0])
            for name in self._others():
                found = self._unseen(name)
                if found is not None:
                    self._put(name, found[1], found[0])
            if described is not None:
                self._put("study.json", described[1], described[0])
            ended = (self.folder / "trials.jsonl").read_bytes().count(b"\n")
            if (self.folder / "optuna.db").is_file() and (whole or ended >= self._ended + SOME):
                with contextlib.suppress(sqlite3.Error):  # another program holds it: with a later trial
                    copy = sqlite_copy(self.folder / "optuna.db")
                    self.claim.guard()
                    storage.write(storage.join(self.place, "optuna.db"), copy)
                    self._ended = ended
            self.claim.guard()
            while unwanted:
                storage.remove(unwanted[-1])
                unwanted.pop()
        finally:
            with self._lock:
                self._unwanted += unwanted

    # ---

    def _stop(self) -> None:
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        pause, gone_at = FIRST_PAUSE_S, 0.0
        not_before = 0.0
        while not self._over.is_set():
            started = time.monotonic()
            try:
                if self._wake.is_set() and started >= not_before:
                    self._wake.clear()
                    self.carry()
                    not_before = time.monotonic() + REST * (time.monotonic() - started)
                else:
                    self.claim.guard()  # whether it answers
            except TakenError:
                break
            except OSError as error:
                self._wake.set()
                if self.problem is None:
                    gone_at = started
                    self.tell(
                        f"{self.place} does not answer ({storage.why(error)}); the study goes on, its books "
                        f"are safe in {self.folder} and will be copied later"
                    )
                self.problem = storage.why(error)
                self._over.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            if self.problem is not None:
                self.tell(f"{self.place} answers again after {time.monotonic() - gone_at:.0f} s")
            self.problem, pause = None, FIRST_PAUSE_S
            if self._wake.is_set():
                self._over.wait(max(0.05, not_before - time.monotonic()))
            else:
                self._wake.wait(self.claim.beat_s)

    def _others(self) -> Iterator[str]:
        """Files that are replaced as a whole."""
        yield "report.html"
        for path in sorted((self.folder / "models").glob("*")):
            if path.suffix in (".pt", ".json"):
                yield f"models/{path.name}"

    def _unseen(self, name: str) -> tuple[tuple[int, int], bytes] | None:
        """What a file holds and which state of it that is; None where that has been carried over already."""
        path = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
            if self._there.get(name) != state:
                return state, path.read_bytes()
        return None

    def _put(self, name: str, data: bytes, state: tuple[int, int]) -> None:
        self.claim.guard()  # a pass may have hung for minutes in a mount that was away
        storage.write(storage.join(self.place, *name.split("/")), data)
        self._there[name] = state

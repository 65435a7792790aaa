"""The study as an Optuna database, for Optuna's own tools: a copy, written as trials end.

The search itself works in memory, made from the log at every start: a transaction for each parameter of each
trial took most of a suggestion's time, a killed driver left trials running in the database forever, and a
database that was locked, damaged or lost would have ended the study. Now it is made anew.

SQLite does not work where the study folder comes over a network (locks that do not hold, an outage in the
middle of a page): there the file is written in a folder of this machine and put in its place as a whole.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from study import bulk, journal, storage
from study.mounts import networked
from trainables.errors import said
from trainables.metrics import Direction

BUSY_S = 5.0  # how long another program may hold the database before the copy waits for the next trial
# Of SQLite: the file may be whole, but nothing can be written now.
BUSY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
}
SOME = 5  # ended trials after which a file that is written elsewhere is put in its place
SHARE = 10  # a study runs at least this many times as long as it copies (some 2 ms a trial)


class Published:
    """Copies ended trials into an SQLite file, each once, known by their user attribute ``number``.

    What cannot be written now is written later; ``problem`` says why, in one line, while there is something
    left.
    """

    def __init__(self, path: Path | None, name: str, directions: Sequence[Direction]) -> None:
        self.name, self.directions = name, directions
        self.problem: str | None = None
        self.notice: str | None = None
        self._study: optuna.Study | None = None
        self._there: set[int] = set()
        self._waiting: list[FrozenTrial] = []
        self._written: list[FrozenTrial] = []
        self._not_before = 0.0
        self._closing = False
        self._away: tempfile.TemporaryDirectory[str] | None = None
        if path is not None:
            self.path, self._file, self.label = path, path, path.name
            if networked(path.parent):
                self._away = tempfile.TemporaryDirectory(prefix="optuna-")
                self._file = Path(self._away.name) / path.name
        self._carried = 0  # trials in the file that was last put in its place

    def add(self, *trials: FrozenTrial) -> None:
        """Copy these, now or with one of the next."""
        self._waiting += trials
        started = time.monotonic()
        if started >= self._not_before:
            self._copy()
            now = time.monotonic()
            self._not_before = now + SHARE * (now - started)

    def _copy(self) -> None:
        try:
            study = self._study or self._open()
            missing = [trial for trial in self._waiting if trial.user_attrs["number"] not in self._there]
            bulk.add(self._storage, study._study_id, missing, len(self._there))
            self._there |= {trial.user_attrs["number"] for trial in missing}
            self._written += self._waiting
            self._waiting = []
            self._carry()
            self.problem = None
        except Exception as error:  # SQLAlchemy, sqlite3 and Optuna each have their own
            self.problem = f"{self.label} is behind ({said(_cause(error))})"
            if not _busy(error):
                # Damaged while it was open, or the answer to a commit was lost: nobody knows what it holds.
                # Opened again, it is compared with all that has ended.
                self._release()
                self._waiting = self._written + self._waiting
                self._written = []

    def close(self) -> None:
        """Try once more, and release the file."""
        self._closing = True
        if self._waiting or self._carried < len(self._there):
            self._copy()
        self._release()
        if self._away:
            self._away.cleanup()

    def _carry(self) -> None:
        """Put the file in its place, after every few trials, where it is not written there."""
        if self._away and (self._closing or len(self._there) >= self._carried + SOME):
            storage.write(str(self.path), sqlite_copy(self._file))
            self._carried = len(self._there)

    def _open(self) -> optuna.Study:
        if self._away and not self._file.exists() and self.path.exists():
            self._file.write_bytes(self.path.read_bytes())
        try:
            return self._connect()
        except Exception as error:
            self._release()
            if _busy(error):
                raise
            kept = self.path.with_name(f"{self.path.stem}-damaged{self.path.suffix}")
            if self._away:
                self._file.unlink()
            self.path.replace(kept)
            why = f"{self.label} was damaged ({said(_cause(error))})"
            self.notice = f"{why}: made anew from the log, the old one is {kept.name}"
            return self._connect()

    def _connect(self) -> optuna.Study:
        self._storage = self._database()
        study = optuna.create_study(
            storage=self._storage, study_name=self.name, directions=list(self.directions), load_if_exists=True
        )
        self._there = self._compared(study.get_trials(deepcopy=False))
        self._study = study
        return study

    def _database(self) -> optuna.storages.RDBStorage:
        journal.drop_foreign(self._file)
        found = optuna.storages.RDBStorage(
            f"sqlite:///{self._file}", engine_kwargs={"connect_args": {"timeout": BUSY_S}}
        )
        with found.engine.connect() as connection:  # the one that the pool keeps
            connection.exec_driver_sql("PRAGMA synchronous=OFF")  # a copy: what a power cut takes comes again
        return found

    def _compared(self, found: list[FrozenTrial]) -> set[int]:
        """Numbers of the trials in the file; ValueError where it is not a copy of what has ended.

        All that has ended is waiting when the file is opened. Optuna counts rows to number a new one, so a
        row that is missing in the middle cannot be filled in.
        """
        ended = {trial.user_attrs["number"]: trial for trial in self._waiting}
        for place, trial in enumerate(found):
            ours = ended.get(trial.user_attrs.get("number", -1))
            same = ours and (trial.state, trial.values, trial.params) == (
                ours.state,
                ours.values,
                ours.params,
            )
            if trial.number != place or not same:
                raise ValueError(f"its row {place} is not the log's")
        return {trial.user_attrs["number"] for trial in found}

    def _release(self) -> None:
        if hasattr(self, "_storage"):
            self._storage.remove_session()
            self._storage.engine.dispose()
        self._study = None


def _busy(error: BaseException) -> bool:
    return getattr(_cause(error), "sqlite_errorcode", 0) & 0xFF in BUSY  # above: which kind of it


def _cause(error: BaseException) -> BaseException:
    """What SQLite said: SQLAlchemy wraps it, and Optuna does again, in words that name no lock."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def sqlite_copy(path: Path) -> bytes:
    """A database as one file's bytes, whole, whoever writes to it meanwhile (SQLite's backup)."""
    source, copy = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(":memory:")
    with closing(source), closing(copy):
        source.backup(copy)
        return copy.serialize()

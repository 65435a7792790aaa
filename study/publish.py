"""The study as an Optuna database, for Optuna's own tools: a copy, written as trials end.

The search itself works in memory, made from the log at every start: a transaction for each parameter of each
trial took most of a suggestion's time, a killed driver left trials running in the database forever, and a
database that was locked, damaged or lost would have ended the study. Now it is made anew.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from study import bulk
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
SHARE = 10  # a study runs at least this many times as long as it copies (some 2 ms a trial)


class Published:
    """Copies ended trials into an SQLite file, each once, known by their user attribute ``number``.

    What cannot be written now is written later; ``problem`` says why, in one line, while there is something
    left.
    """

    def __init__(self, path: Path, name: str, directions: Sequence[Direction]) -> None:
        self.path, self.name, self.directions = path, name, directions
        self.problem: str | None = None
        self.notice: str | None = None
        self._study: optuna.Study | None = None
        self._there: set[int] = set()
        self._waiting: list[FrozenTrial] = []
        self._not_before = 0.0

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
            self._waiting.clear()
            self.problem = None
        except Exception as error:  # SQLAlchemy, sqlite3 and Optuna each have their own
            self.problem = f"{self.path.name} is behind ({said(_cause(error))})"

    def close(self) -> None:
        """Try once more, and release the file."""
        if self._waiting:
            self._copy()
        self._release()

    def _open(self) -> optuna.Study:
        try:
            return self._connect()
        except Exception as error:
            self._release()
            if getattr(_cause(error), "sqlite_errorcode", 0) & 0xFF in BUSY:  # above: which kind of it
                raise
            kept = self.path.with_name(f"{self.path.stem}-damaged{self.path.suffix}")
            self.path.replace(kept)
            why = f"{self.path.name} was damaged ({said(_cause(error))})"
            self.notice = f"{why}: made anew from the log, the old one is {kept.name}"
            return self._connect()

    def _connect(self) -> optuna.Study:
        self._storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.path}", engine_kwargs={"connect_args": {"timeout": BUSY_S}}
        )
        with self._storage.engine.connect() as connection:  # the one that the pool keeps
            connection.exec_driver_sql("PRAGMA synchronous=OFF")  # a copy: what a power cut takes comes again
        study = optuna.create_study(
            storage=self._storage, study_name=self.name, directions=list(self.directions), load_if_exists=True
        )
        self._there = self._compared(study.get_trials(deepcopy=False))
        self._study = study
        return study

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


def _cause(error: BaseException) -> BaseException:
    """What SQLite said: SQLAlchemy wraps it, and Optuna does again, in words that name no lock."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error

"""The Optuna database is a copy: whatever happens to it, the study goes on and the copy is made good."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study import bulk, publish
from study.journal import MAGIC
from tests.study.made import ARMS, copied, make, opened, outcome, run_out, told, train

SPEC = make(5, space={"schedulers": ["sine"], "threshold": [0.1, 0.4]})


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite(path: Path) -> None:
    path.write_bytes(b"this was a database" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def drop(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE trial_values")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE studies (something TEXT)")


def forget(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM trials WHERE trial_id = 3")


def change(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE trial_values SET value = value + 1e-9 WHERE trial_id = 5")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "study"
    with opened(SPEC, folder) as books:
        run_out(books)
    return folder


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (truncate, True),
        (overwrite, True),
        (foreign, True),
        (empty, False),
        (Path.unlink, False),
        (forget, True),
        (drop, True),
        (change, True),
    ],
)
def test_a_damaged_copy_is_made_good(
    damage: Callable[[Path], None], kept: bool, whole: Path, tmp_path: Path
) -> None:
    """What is damage to SQLite or Optuna is kept; what is only missing is filled in."""
    folder = copied(whole, tmp_path / "study")
    damage(folder / "optuna.db")
    with opened(SPEC, folder) as books:
        notices = books.agenda.search.notices
        assert books.next() is None
        assert books.finished
    assert outcome(folder) == outcome(whole)
    assert (folder / "optuna-damaged.db").exists() == kept
    if kept:
        (notice,) = notices
        assert notice.startswith("optuna.db was damaged (")
        assert notice.endswith("): made anew from the log, the old one is optuna-damaged.db")
    with opened(SPEC, folder) as books:  # and once is enough
        assert books.agenda.search.notices == []


def test_damaged_while_it_is_open_it_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the disk under it fails and is mounted again."""
    monkeypatch.setattr(publish, "SHARE", 0)
    with opened(SPEC, tmp_path) as books:
        for at in range(3):
            one = books.next()
            assert one is not None
            train(books, one)
            if at == 1:
                with (tmp_path / "optuna.db").open("r+b") as file:  # in place: SQLite has the file open
                    file.write(b"this was a database" * 5000)
        run_out(books)
    assert set(told(tmp_path)) == set(range(SPEC.search.trials + len(ARMS)))
    assert (tmp_path / "optuna-damaged.db").exists()


def name_in_journal(database: Path, victim: Path) -> None:
    """A journal without pages that ends with the name of one that several databases share."""
    size, pages = 4096, database.stat().st_size // 4096
    header = MAGIC + struct.pack(">IIIII", 0, 1, pages, 512, size)
    name = str(victim).encode()
    record = struct.pack(">I", 2**30 // size + 1) + name + struct.pack(">II", len(name), sum(name))
    journal = database.with_name(database.name + "-journal")
    journal.write_bytes(header.ljust(512, b"\0") + record + MAGIC)


def test_a_journal_that_names_another_file_is_not_played_back(whole: Path, tmp_path: Path) -> None:
    """SQLite deletes what it names: in a folder that somebody sent, any file of the user."""
    victim = tmp_path / "thesis.txt"
    for careful in (False, True):
        folder = copied(whole, tmp_path / str(careful))
        victim.write_text("three years of work")
        name_in_journal(folder / "optuna.db", victim)
        if careful:
            with opened(SPEC, folder) as books:
                assert books.agenda.search.notices == []
            assert outcome(folder) == outcome(whole)
        else:
            with closing(sqlite3.connect(folder / "optuna.db")) as connection:
                connection.execute("SELECT * FROM trials")
        assert victim.exists() == careful


def test_a_journal_of_its_own_is_played_back(whole: Path, tmp_path: Path) -> None:
    """As a killed driver leaves it: half a transaction in the file, what was there before in the journal."""
    folder = copied(whole, tmp_path / "study")
    database, journal = folder / "optuna.db", folder / "optuna.db-journal"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE trial_values SET value = 0")
        connection.execute("CREATE TABLE large AS SELECT randomblob(100000) AS x FROM trials")
        half, before = database.read_bytes(), journal.read_bytes()
        connection.execute("ROLLBACK")
    assert half != database.read_bytes()
    database.write_bytes(half)
    journal.write_bytes(before)
    with opened(SPEC, folder) as books:
        assert books.agenda.search.notices == []
    assert outcome(folder) == outcome(whole)
    assert not journal.exists()


def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the connection to a server breaks behind the commit: what is there is looked at first."""
    monkeypatch.setattr(publish, "SHARE", 0)
    add, lost = bulk.add, [1]

    def unheard(*given: Any) -> None:
        add(*given)
        if given[2] and lost:
            raise ConnectionError(f"no answer {lost.pop()}")

    monkeypatch.setattr(bulk, "add", unheard)
    with opened(SPEC, tmp_path) as books:
        first = books.next()
        assert first is not None
        train(books, first)
        assert books.agenda.search.notices == ["optuna.db is behind (ConnectionError: no answer 1)"]
        run_out(books)
        assert books.agenda.search.notices == []
    trials = list(range(SPEC.search.trials + len(ARMS)))
    assert list(told(tmp_path)) == trials
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as connection:  # Optuna itself hides a second row
        assert connection.execute("SELECT number FROM trials").fetchall() == [(number,) for number in trials]
    assert not (tmp_path / "optuna-damaged.db").exists()


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_locked_by_another_program(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study does not wait for it, says so, and catches up when the other one lets go."""
    monkeypatch.setattr(publish, "BUSY_S", 0.05)
    monkeypatch.setattr(publish, "SHARE", 0)  # a copy at every end
    with opened(SPEC, tmp_path) as books:
        first = books.next()
        assert first is not None
        train(books, first)
    with closing(sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)) as other:
        other.execute(f"BEGIN {kind}")
        with opened(SPEC, tmp_path) as books:
            for _ in range(3):
                one = books.next()
                assert one is not None
                train(books, one)
            (problem,) = books.agenda.search.notices
            assert problem.startswith("optuna.db is behind (OperationalError: ")
            assert "locked" in problem
            other.execute("ROLLBACK")
            last = books.next()
            assert last is not None
            train(books, last)
            assert books.agenda.search.notices == []
    assert set(told(tmp_path)) == set(range(5))
    assert not (tmp_path / "optuna-damaged.db").exists()


def test_locked_to_the_end_it_is_filled_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "BUSY_S", 0.05)
    with opened(SPEC, tmp_path) as books:
        first = books.next()
        assert first is not None
        train(books, first)
    with closing(sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with opened(SPEC, tmp_path) as books:
            run_out(books)
            assert books.finished
    assert set(told(tmp_path)) == {0}
    with opened(SPEC, tmp_path):
        pass
    assert set(told(tmp_path)) == set(range(len(ARMS) + 5))


def test_a_reader_is_in_nobodys_way(whole: Path, tmp_path: Path) -> None:
    """A dashboard that looks while the study runs."""
    folder = copied(whole, tmp_path / "study")
    with closing(sqlite3.connect(f"file:{folder / 'optuna.db'}?mode=ro", uri=True)) as reader:
        reader.execute("SELECT * FROM trials").fetchall()
        with opened(SPEC, folder) as books:
            assert books.agenda.search.notices == []
            assert books.finished

"""A disk that takes no more: nothing is filed after the gap, and the study goes on when there is room."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from study import storage
from study.record import Recorder
from study.store import Lines
from tests.study.made import lines, make, opened, outcome, row, run_out, train

SPEC = make(3, epochs=3, search={"confirm": 1, "confirm_at_most": 2})
LOGS = ("asked", "trials", "epochs")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the study finds where there is room."""
    folder = tmp_path_factory.mktemp("whole")
    with opened(SPEC, folder) as books:
        run_out(books)
    return outcome(folder)


def fill(log: Lines) -> None:
    """The file becomes /dev/full: the kernel refuses every byte."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._file.fileno())
    os.close(full)


@contextmanager
def room(path: Path, bytes_left: int) -> Iterator[None]:
    """No file of this process may grow beyond what this one has and so many bytes: lines are torn."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.jsonl").read_bytes() for name in LOGS}


def deaf(books: Recorder) -> None:
    """Whatever is reported to broken books, they take nothing and hand nothing out."""
    before = contents(books.store.folder)
    assert not books.finished
    for number, trial in list(books.running.items()):
        books.row(number, row(trial.suggestion.config, 3))
        books.end(number)
    assert books.next() is None
    assert not books.finished
    assert contents(books.store.folder) == before


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("trials", [1, 5, 8])
def test_no_space_left(log: str, trials: int, whole: dict[str, Any], tmp_path: Path) -> None:
    """After so many trials: an arm, a searched one, a confirmation."""
    with opened(SPEC, tmp_path) as books:
        for _ in range(trials):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
        fill(getattr(books.store, log))
        run_out(books)
        assert books.broken is not None
        assert books.broken.errno == errno.ENOSPC
        deaf(books)
    assert len(lines(tmp_path, "trials")) == trials
    assert len(lines(tmp_path, "asked")) == trials + (log != "asked")
    with opened(SPEC, tmp_path) as books:
        run_out(books)
        assert books.finished
    assert outcome(tmp_path) == whole


class Mount:
    """A folder that is away for a while: its name is gone, and what was open breaks."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.away = folder, folder.with_name("away")
        self.told: list[str] = []

    def go(self, *logs: Lines) -> None:
        self.folder.rename(self.away)
        for log in logs:
            reader, writer = os.pipe()
            os.close(reader)  # from now on EPIPE
            os.dup2(writer, log._file.fileno())
            os.close(writer)

    def come_back(self, text: str) -> None:
        self.told.append(text)
        if self.away.exists():
            self.away.rename(self.folder)


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("half", [False, True], ids=["whole", "torn"])
def test_a_mount_that_comes_back(log: str, half: bool, whole: dict[str, Any], tmp_path: Path) -> None:
    """The books wait, and have no gap and no line twice, whatever of the line had arrived."""
    mount = Mount(tmp_path / "study")
    with opened(SPEC, mount.folder) as books:
        books.store.patiently = partial(storage.patiently, tell=mount.come_back, sleep=lambda seconds: None)
        for _ in range(3):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
        mount.go(*(getattr(books.store, name) for name in LOGS))
        if half:
            with (mount.away / f"{log}.jsonl").open("ab") as file:
                file.write(b'{"number": 3, "epo')
        run_out(books)
        assert books.broken is None
        assert books.finished
    assert outcome(mount.folder) == whole
    assert len(mount.told) == 2 * len(LOGS)
    assert mount.told[0] == "the storage does not answer (Broken pipe); waiting for it, 10 min at most"


def test_a_mount_that_comes_back_as_another_is_not_written_to(tmp_path: Path) -> None:
    """An empty mount point, or an older state of the folder: the books wait on, and end."""
    mount = Mount(tmp_path / "study")
    now = iter(range(0, 10**6, 100))
    with opened(SPEC, mount.folder) as books:
        wait = {"clock": lambda: float(next(now)), "sleep": lambda seconds: None}
        books.store.patiently = partial(storage.patiently, **wait)
        suggestion = books.next()
        assert suggestion is not None
        train(books, suggestion)
        mount.go(books.store.asked)
        mount.folder.mkdir()
        (mount.folder / "asked.jsonl").write_bytes(b"")
        assert books.next() is None
        assert books.broken is not None
        assert books.broken.errno == errno.ESTALE
        assert (mount.folder / "asked.jsonl").read_bytes() == b""


@pytest.mark.parametrize("bytes_left", [0, 700, 4000])
def test_the_last_line_is_torn(bytes_left: int, whole: dict[str, Any], tmp_path: Path) -> None:
    """epochs.jsonl is the longest and meets the limit first; the Optuna database is behind meanwhile."""
    with opened(SPEC, tmp_path) as books:
        for _ in range(5):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
        path = tmp_path / "epochs.jsonl"
        size = path.stat().st_size
        with room(path, bytes_left):
            run_out(books)
            deaf(books)
        assert books.broken is not None
        assert path.stat().st_size == size + bytes_left
    with opened(SPEC, tmp_path) as books:
        assert (bytes_left == 0) == (books.store.notices == [])
        assert all(
            notice == "the torn last line of epochs.jsonl was cut off" for notice in books.store.notices
        )
        run_out(books)
        assert books.finished
    assert outcome(tmp_path) == whole


def test_two_ends_are_missing_and_there_is_room_for_none(whole: dict[str, Any], tmp_path: Path) -> None:
    """Found over by their rows when the study is opened. The first tears its line: the second must wait."""
    with opened(SPEC, tmp_path) as books:
        for _ in range(2):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b"")

    def arrange(store: Any) -> None:
        append = store.trials.append

        def torn(line: dict[str, Any]) -> None:
            with path.open("ab") as file:
                file.write(b'{"number"')
            store.trials.append = append  # and then there is room again
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        store.trials.append = torn

    with opened(SPEC, tmp_path, arrange) as books:
        assert books.broken is not None
        assert path.read_bytes() == b'{"number"'
        deaf(books)
    with opened(SPEC, tmp_path) as books:
        assert books.store.notices == ["the torn last line of trials.jsonl was cut off"]
        run_out(books)
    assert outcome(tmp_path) == whole


def test_study_json_that_cannot_be_written_stays_whole(tmp_path: Path) -> None:
    """The sampler's choice is filed with the first trial that it draws."""
    spec = make(3, search={"sampler": "auto", "startup": 1})
    with opened(spec, tmp_path) as books:
        books.store.update(state="running", planned=books.agenda.planned())
        before = (tmp_path / "study.json").read_bytes()
        (tmp_path / ".study.json.part").mkdir()  # where the new one would be written
        run_out(books)
        assert isinstance(books.broken, IsADirectoryError)
        deaf(books)
    assert (tmp_path / "study.json").read_bytes() == before
    assert len(lines(tmp_path, "asked")) == 5
    (tmp_path / ".study.json.part").rmdir()
    with opened(spec, tmp_path) as books:
        run_out(books)
        assert books.finished
        assert books.store.study["sampler"]["name"] == "tpe"

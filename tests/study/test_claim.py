"""One driver at a time: who lives is not disturbed, who died is followed, who was followed writes no more."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from study import claim
from study.claim import Claim
from study.mirror import Mirror
from trainables.errors import ConfigError

BEAT_S = 0.05
PATIENCE_S = 60.0  # a hang ends a test here; nothing is asserted about speed


def until(condition: Callable[[], Any]) -> Any:
    """What the condition says when it holds."""
    limit = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < limit
        time.sleep(0.01)
    return found


def sign(place: Path) -> dict[str, Any]:
    return dict(json.loads((place / "driver.json").read_bytes()))


def many_beats(place: Path) -> None:
    """Until many times as many beats have come as another driver waits for."""
    before = sign(place)["beat"]
    until(lambda: sign(place)["beat"] > before + 5 * claim.SILENT)


def refused(place: Path) -> None:
    with pytest.raises(ConfigError) as told, Claim(str(place), 2.0):
        pass
    (line,) = told.value.problems
    assert line.startswith(f"storage: {place} is in use by process {os.getpid()} on ")
    assert line.endswith("; wait for it, or end it")


class Slow:
    """A file of the study folder whose reading takes until ``end``, or until it is left: a slow pass."""

    def __init__(self, folder: Path) -> None:
        (folder / "models").mkdir(parents=True, exist_ok=True)
        self.path = folder / "models" / "trial-0000.pt"
        self._writer: int | None = None

    def __enter__(self) -> Slow:
        os.mkfifo(self.path)
        return self

    def wait(self) -> None:
        """Until a pass is in the middle of it."""
        self._writer = until(self._opened)

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        if self._writer is not None:
            os.write(self._writer, b"weights")
            os.close(self._writer)
            self._writer = None

    def _opened(self) -> int | None:
        with contextlib.suppress(OSError):  # ENXIO, until somebody reads
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        return None


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A study in the storage."""
    folder = tmp_path / "storage" / "made"
    (folder / "models").mkdir(parents=True)
    (folder / "study.json").write_text("{}\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same on a driver's disk, and further."""
    folder = tmp_path / "head"
    folder.mkdir()
    for name in ("study.json", "asked.jsonl", "epochs.jsonl", "trials.jsonl"):
        (folder / name).write_text("{}\n")
    return folder


@pytest.fixture
def cut_off(place: Path, tmp_path: Path) -> Iterator[Path]:
    """The storage as another machine mounts it: without the link it is away for that machine alone."""
    mount = tmp_path / "mount"
    mount.symlink_to(place.parent)
    yield mount
    mount.unlink(missing_ok=True)


def contents(place: Path) -> dict[str, bytes]:
    """Files of a study, without what its drivers write about themselves."""
    found = (path for path in place.rglob("*") if path.is_file() and not path.name.startswith("driver.json"))
    return {str(path.relative_to(place)): path.read_bytes() for path in found}


def test_a_second_one_is_refused_while_the_first_lives(place: Path) -> None:
    with Claim(str(place), BEAT_S) as first:
        refused(place)
        assert first.taken is None
    assert sign(place)["over"]
    with Claim(str(place), PATIENCE_S):
        pass  # the end of the first was written: no waiting


def test_one_that_was_killed_is_followed(place: Path) -> None:
    Claim(str(place))._write()  # and never again
    with Claim(str(place), BEAT_S) as second:
        assert second.taken is None
        assert sign(place)["key"] == second._sign["key"]


def test_a_pass_that_takes_long_loses_nothing(place: Path, folder: Path) -> None:
    with Claim(str(place), BEAT_S) as first, Mirror(folder, first, print) as copy:
        with Slow(folder) as slow:
            copy.changed()
            slow.wait()
            many_beats(place)
            refused(place)
        until(lambda: (place / "models" / "trial-0000.pt").exists())
        slow.path.unlink()
        assert copy.finish()
        assert first.taken is None


def test_the_driver_lives_until_its_last_file_has_arrived(place: Path, folder: Path) -> None:
    """The pass of the end takes long; and after it the place is still held, until the claim is left."""
    with Claim(str(place), BEAT_S) as first, ThreadPoolExecutor(1) as beside:
        with Mirror(folder, first, print) as copy:
            with Slow(folder) as slow:
                end = beside.submit(copy.finish)
                slow.wait()
                many_beats(place)
                refused(place)
            assert end.result(PATIENCE_S)
        many_beats(place)
        assert not sign(place)["over"]
    assert sign(place)["over"]
    assert (place / "models" / "trial-0000.pt").read_bytes() == b"weights"


def test_storage_that_comes_back_finds_the_driver_alive(place: Path, cut_off: Path) -> None:
    with Claim(str(cut_off / "made"), BEAT_S) as first:
        cut_off.unlink()
        time.sleep(20 * BEAT_S)
        cut_off.symlink_to(place.parent)
        many_beats(place)
        refused(place)
        assert first.taken is None


def test_one_that_was_cut_off_learns_that_it_was_followed(place: Path, folder: Path, cut_off: Path) -> None:
    """Its beats did not arrive, another took over; back again, it writes nothing more, nor its end."""
    told: list[str] = []
    with Claim(str(cut_off / "made"), BEAT_S) as first, Mirror(folder, first, told.append) as copy:
        cut_off.unlink()
        with Claim(str(place), BEAT_S) as second:
            before = contents(place)
            copy.changed()
            until(lambda: told)
            cut_off.symlink_to(place.parent)
            until(lambda: first.taken)
            assert first.taken == f"{second._sign['driver']} has taken the study over"
            with pytest.raises(claim.TakenError, match="has taken the study over"):
                copy.carry()
            assert not copy.finish(0.0)
            first.__exit__()
            assert contents(place) == before
            many_beats(place)
            assert second.taken is None
            assert not sign(place)["over"]
    assert sum("does not answer" in line for line in told) == 1


def test_one_that_was_followed_in_the_middle_of_a_pass_ends_it(
    place: Path, folder: Path, cut_off: Path
) -> None:
    with (
        Claim(str(cut_off / "made"), BEAT_S) as first,
        Mirror(folder, first, print) as copy,
        Slow(folder) as slow,
    ):
        copy.changed()
        slow.wait()
        cut_off.unlink()
        with Claim(str(place), BEAT_S):
            before = contents(place)
            cut_off.symlink_to(place.parent)
            slow.end()
            until(lambda: first.taken)
            assert not copy.finish(0.0)
            assert contents(place) == before


class TestNothingIsLeft:
    @pytest.mark.parametrize("there", [False, True], ids=["made for it", "there before"])
    def test_of_a_study_that_never_was(self, there: bool, tmp_path: Path) -> None:
        place = tmp_path / "made"
        if there:
            place.mkdir()
        with Claim(str(place), BEAT_S) as held:
            held.folder("checkpoints")
            assert (place / "driver.json").exists()
            assert (place / "checkpoints").is_dir()
        assert [str(path) for path in tmp_path.rglob("*")] == [str(place)] * there

    def test_but_a_study_keeps_its_folders(self, tmp_path: Path) -> None:
        place = tmp_path / "made"
        with Claim(str(place), BEAT_S) as held:
            held.folder("checkpoints")
            (place / "study.json").write_text("{}\n")
        assert {path.name for path in place.iterdir()} == {"checkpoints", "driver.json", "study.json"}
        assert sign(place)["over"]

    def test_of_one_that_is_refused(self, tmp_path: Path) -> None:
        place = tmp_path / "made"
        with Claim(str(place), BEAT_S) as first:
            refused(place)
            many_beats(place)
            assert first.taken is None

    def test_where_there_is_no_storage(self, tmp_path: Path) -> None:
        """A mount point that is missing is not made."""
        with pytest.raises(OSError, match="is not there"), Claim(str(tmp_path / "mount" / "made")):
            pass
        assert list(tmp_path.iterdir()) == []


def test_the_error_of_a_second_driver_has_a_number() -> None:
    assert claim.TakenError("x").errno == errno.EACCES

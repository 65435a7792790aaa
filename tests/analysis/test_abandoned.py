"""A study that was killed says that it was interrupted."""

from __future__ import annotations

import fcntl
from pathlib import Path

from analysis.abandoned import abandoned
from analysis.results import load
from tests.analysis.folder import write_study


def test_the_lock_tells(tmp_path: Path) -> None:
    """Held: it runs. Free: it was killed, whatever study.json says. No lock file: study.json is believed."""
    folder = write_study(tmp_path / "s", trials=1, state="running")
    assert load(folder).info["state"] == "running"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not abandoned(folder)
        assert load(folder).info["state"] == "running"
    assert abandoned(folder)
    study = load(folder)
    assert study.info["state"] == "interrupted"
    assert any("it was killed" in notice for notice in study.notices)


def test_looking_leaves_the_lock_free(tmp_path: Path) -> None:
    """A driver that resumes can take it at once."""
    folder = write_study(tmp_path / "s", trials=1, state="running")
    (folder / ".lock").touch()
    assert abandoned(folder)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_study_that_ended_is_left_alone(tmp_path: Path) -> None:
    """The lock of a complete study is free, of course."""
    folder = write_study(tmp_path / "s", trials=1)
    (folder / ".lock").touch()
    assert load(folder).info["state"] == "complete"

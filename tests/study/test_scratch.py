"""Folders that killed drivers left in /tmp are removed; whatever may be in use is not."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from study.cluster import SCRATCH, clear_abandoned


def make(place: Path, name: str) -> Path:
    folder = place / f"{SCRATCH}{name}"
    (folder / "session").mkdir(parents=True)
    (folder / "session" / "log").write_text("x")
    (folder / "driver").touch()
    return folder


def test_a_folder_is_removed_when_its_driver_is_dead_and_not_before(tmp_path: Path) -> None:
    folder = make(tmp_path, "a")
    with (folder / "driver").open() as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        clear_abandoned(tmp_path)
        assert (folder / "session" / "log").exists()
    clear_abandoned(tmp_path)  # closed, as the kernel does with the files of a dead process
    assert not folder.exists()


def test_other_folders_stay(tmp_path: Path) -> None:
    starting = make(tmp_path, "starting")  # no file in it yet
    (starting / "driver").unlink()
    other = tmp_path / "another-tool"
    other.mkdir()
    (other / "driver").touch()
    elsewhere = make(tmp_path / "elsewhere", "b")
    link = tmp_path / f"{SCRATCH}link"
    link.symlink_to(elsewhere)
    clear_abandoned(tmp_path)
    assert all(path.exists() for path in (starting, other, elsewhere / "session" / "log", link))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_stays(tmp_path: Path) -> None:
    folder = make(tmp_path, "theirs")
    os.chown(folder, 65534, 65534)
    clear_abandoned(tmp_path)
    assert folder.exists()

"""A folder that somebody sent: nothing outside is read or written, and nothing waits for ever."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from analysis.report import main
from analysis.results import load
from tests.analysis.folder import write_study

SECRET = "the-private-name"
FILES = ["study.json", "trials.jsonl", "epochs.jsonl", "models/index.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "s", trials=2, name=SECRET)


@pytest.mark.parametrize("name", FILES)
def test_a_link_out_of_the_folder_is_refused(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what to do; the linked file's content is in no message and in no report."""
    outside = folder.parent / "private"
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside)
    assert main([str(folder)]) == 2
    out, err = capsys.readouterr()
    assert "is a link to a place outside the study folder" in err
    assert SECRET not in out + err
    assert not (folder / "report.html").exists()


def test_a_linked_folder_inside_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is plain, the folder that holds it is a link."""
    shutil.move(folder / "models", folder.parent / "models")
    (folder / "models").symlink_to(folder.parent / "models")
    assert main([str(folder)]) == 2
    assert "outside the study folder" in capsys.readouterr().err


def test_links_that_stay_inside_are_read(folder: Path) -> None:
    """So is a folder that is itself given by a link."""
    shutil.move(folder / "epochs.jsonl", folder / "rows.jsonl")
    (folder / "epochs.jsonl").symlink_to("rows.jsonl")
    (folder.parent / "alias").symlink_to(folder)
    assert len(load(folder.parent / "alias").epochs) == len(load(folder).epochs) > 0


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_missing(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe that nobody writes to, a loop of links, a folder: none is waited for."""
    for make in (os.mkfifo, lambda path: path.symlink_to(path), lambda path: path.mkdir()):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        status = main([str(folder), "--output", str(folder.parent / "r.html")])
        assert status == (2 if name in ("study.json", "trials.jsonl") else 0)
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_may_not_be_read(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One message that names it."""
    if os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    (folder / name).chmod(0)
    assert main([str(folder)]) == 2
    assert f"{name} cannot be read" in capsys.readouterr().err


def test_a_linked_report_is_replaced_not_followed(folder: Path) -> None:
    """The folder must not choose which file of ours is overwritten."""
    target = folder.parent / "mine"
    target.write_text("mine")
    (folder / "report.html").symlink_to(target)
    assert main([str(folder)]) == 0
    assert target.read_text() == "mine"
    assert not (folder / "report.html").is_symlink()

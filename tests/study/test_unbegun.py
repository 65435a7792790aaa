"""A launch that ended before study.json was written leaves nothing in the way of the same command."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study import launch
from study.spec import StudySpec
from study.store import BOOKS, Store, held, unbegun
from tests.study.test_launch_errors import refused

ROOT = Path(__file__).parents[2]
BEGIN = """
import os
from pathlib import Path
from study.store import Store, held
def die(*_):
    os.kill(os.getpid(), 9)
with held(Path("out/mine")):
    {before}
    store = Store(Path("out/mine"))
    {between}
    os.fsync = die
    store.update(spec="of the study")
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def begins(folder: Path) -> None:
    """The launch finds the place free, and makes a study there."""
    spec = StudySpec.model_validate({"name": folder.name, "resources": {"output": str(folder.parent)}})
    launch._check_output(spec, resume=False)
    with held(folder):
        store = Store(folder)
        assert [line for name in BOOKS for line in (folder / name).read_bytes()] == []
        store.update(state="running", spec=spec.model_dump(mode="json"))
        store.close()
    assert json.loads((folder / "study.json").read_text())["state"] == "running"
    assert not unbegun(folder)


@pytest.mark.parametrize("bytes_left", [0, 200])
def test_no_room(bytes_left: int, tmp_path: Path) -> None:
    """For the name of the lock's owner; for study.json, of which a part is left."""
    folder = tmp_path / "out" / "mine"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"), held(folder):
            Store(folder).update(spec=StudySpec().model_dump(mode="json"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (folder / ".study.json.part").exists() == (bytes_left > 0)
    begins(folder)


@pytest.mark.parametrize(
    ("before", "between", "left"),
    [
        ("die()", "", {".lock"}),
        ("", "die()", {".lock", "checkpoints", *BOOKS}),
        ("", "", {".lock", "checkpoints", ".study.json.part", *BOOKS}),
    ],
)
def test_killed(before: str, between: str, left: set[str], tmp_path: Path) -> None:
    """A supervisor gives the first command again then: there is no study to resume."""
    code = BEGIN.format(before=before, between=between)
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -signal.SIGKILL
    assert {path.name for path in Path("out/mine").iterdir()} == left
    begins(tmp_path / "out" / "mine")


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    (tmp_path / "out" / "mine").mkdir(parents=True)
    begins(tmp_path / "out" / "mine")


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "asked.jsonl", "checkpoints/trial-0000.pt", "models/", "study.json", ".lock/", "tune/"],
)
def test_what_holds_anything_is_left_alone(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("out/mine", name)
    path.parent.mkdir(parents=True)
    if name.endswith("/"):
        path.mkdir()
    else:
        path.write_text("kept")
    (line,) = refused(["--name", "mine", "--output", "out"], capsys)
    assert "out/mine exists already; " in line


@pytest.mark.parametrize("name", [".lock", "asked.jsonl", "checkpoints"])
def test_a_link_is_not_followed(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir() if name == "checkpoints" else elsewhere.touch()
    Path("out/mine").mkdir(parents=True)
    Path("out/mine", name).symlink_to(elsewhere)
    (line,) = refused(["--name", "mine", "--output", "out"], capsys)
    assert "exists already" in line


def test_a_file_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/mine").touch()
    (line,) = refused(["--name", "mine", "--output", "out"], capsys)
    assert "exists already" in line


DISK = """
set -e
mount -t tmpfs -o size=64m tmpfs "$0"
(dd if=/dev/zero of="$0/filler" bs=4k || true) 2> /dev/null
"$@" && exit 90 || [ $? = 2 ]
rm "$0/filler"
"$@" --supervise
test -s "$0/full/report.html"
"""


@pytest.mark.slow
def test_a_real_disk_that_is_full(tmp_path: Path) -> None:
    """The same command again, supervised, once there is room."""
    if shutil.which("unshare") is None or os.getuid() != 0:
        pytest.skip("needs the right to mount")
    argv = ["--name", "full", "--output", str(tmp_path), "--trials", "1", "--epochs", "1", "--confirm", "0"]
    command = [sys.executable, "-m", "study.launch", *argv, "--device", "cpu"]
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", DISK, str(tmp_path), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("(No space left on device); make room and try again") == 1
    assert "exists already" not in done.stderr

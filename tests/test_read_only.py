"""A study on a disk that takes no writing: a real read-only mount, in a mount namespace of the test's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from study import identity
from study.spec import StudySpec
from tests.analysis.folder import write_study

MOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def _read_only(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", MOUNT, str(place), *command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that holds one study; skips where this user may not mount."""
    if shutil.which("unshare") is None or _read_only(tmp_path, "true").returncode:
        pytest.skip("needs the right to mount")
    write_study(tmp_path / "s", trials=2)
    return tmp_path


def test_report_says_where_it_would_go(place: Path) -> None:
    """One message with a path that takes it."""
    command = [sys.executable, "-m", "analysis.report"]
    done = _read_only(place, *command, str(place / "s"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Read-only file system" in done.stderr
    output = done.stderr.partition("--output ")[2].split()[0]
    assert not Path(output).is_relative_to(place)
    again = _read_only(place, *command, str(place / "s"), "--output", str(output))
    assert (again.returncode, again.stdout.strip()) == (0, output)
    Path(output).unlink()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--name=new", "is not writable; choose another with --output"),
        ("--resume=s", "is not writable; make it so, or copy the study"),
    ],
)
def test_nothing_is_begun(flag: str, message: str, place: Path) -> None:
    """Neither a new study nor one that is there."""
    stored = json.loads(StudySpec(name="s").model_dump_json())
    (place / "s" / "study.json").write_text(json.dumps({"spec": stored, "code": identity.code()}))
    done = _read_only(place, sys.executable, "-m", "study.launch", "--output", str(place), flag)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["s"]

"""What a killed driver leaves is ended, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from study.cluster import WARDEN
from tests.study.driver import _alive


def process(title: str, folder: Path | None) -> subprocess.Popen[bytes]:
    """A sleeping process with this title that writes a log in the folder."""
    log = subprocess.DEVNULL if folder is None else (folder / title.replace("/", "-")).open("wb")
    return subprocess.Popen(["bash", "-c", f"exec -a {title} sleep 60"], stdout=log)


def test_a_killed_driver_leaves_nothing(tmp_path: Path) -> None:
    """The driver is a process that starts the warden and is killed; its Ray is known by its files."""
    folder = tmp_path / "spinetune-x"
    folder.mkdir()
    mine = process("ray::Agent", folder)
    others = [process("ray::Other", None), process("tail", folder)]
    start = "import subprocess, sys; subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE); "
    start += "print(flush=True); input()"
    warden = [sys.executable, "-I", "-S", str(WARDEN), str(folder)]
    driver = subprocess.Popen(
        [sys.executable, "-c", start, *warden], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert driver.stdout is not None
    assert driver.stdin is not None
    driver.stdout.readline()
    assert mine.poll() is None
    driver.kill()
    driver.wait()
    assert mine.wait(60) == -9
    limit = time.monotonic() + 60
    while folder.exists():
        assert time.monotonic() < limit
        time.sleep(0.02)
    for other in others:
        assert _alive(other.pid)
        other.kill()
        other.wait()
    driver.stdout.close()
    driver.stdin.close()

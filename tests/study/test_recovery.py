"""A killed worker is replaced although every trial is shorter than a process takes to start."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from tests.study.driver import Driver, rows


@pytest.mark.slow
def test_two_slots_again_after_a_worker_was_killed(tmp_path: Path) -> None:
    """Ray's FIFO rule would drop the starting process whenever the other one is free, and go on with one."""
    scratch = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # pytest's folders are too deep for sockets
    argv = ["--name", "cut", "--trials", "24", "--epochs", "8", "--slots", "2", "--output", "out"]
    argv += ["--confirm", "0"]  # a confirmation waits for the last searched trial, with one slot idle
    driver = Driver(argv, tmp_path, scratch)
    folder = tmp_path / "out" / "cut"
    driver.until(lambda: rows(folder / "trials.jsonl"))
    workers = [
        pid for pid, title in driver.processes().items() if "Trainable" in title or "TrialRun" in title
    ]
    os.kill(workers[0], signal.SIGKILL)
    assert driver.wait() == 0, driver.output()
    lines = rows(folder / "trials.jsonl")
    killed = [line for line in lines if line["retries"]]
    assert len(killed) == 1
    later = sorted(
        (line["started_at"], line["ended_at"]) for line in lines if line["started_at"] > killed[0]["ended_at"]
    )
    overlaps = [second[0] < first[1] for first, second in itertools.pairwise(later)]
    assert len(overlaps) >= 10
    assert all(overlaps[len(overlaps) // 2 :])
    assert driver.gone(set())
    shutil.rmtree(scratch)

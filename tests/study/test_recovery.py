"""Killed processes of Ray: slots recover, a retry does not wait in the queue, a dead head ends the study."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.provenance import cores
from tests.study.driver import Driver, rows


@pytest.fixture
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # pytest's folders are too deep for sockets
    yield folder
    Driver.end_all()
    shutil.rmtree(folder)


def training(driver: Driver) -> list[int]:
    """Processes of trials."""
    return [pid for pid, title in driver.processes().items() if "Trainable" in title or "TrialRun" in title]


@pytest.mark.slow
def test_two_slots_again_after_a_worker_was_killed(tmp_path: Path, scratch: Path) -> None:
    """Ray's FIFO rule would drop the starting process whenever the other one is free, and go on with one."""
    argv = ["--name", "cut", "--trials", "24", "--epochs", "8", "--slots", "2", "--output", "out"]
    argv += ["--confirm", "0"]  # a confirmation waits for the last searched trial, with one slot idle
    driver = Driver(argv, tmp_path, scratch)
    folder = tmp_path / "out" / "cut"
    driver.until(lambda: rows(folder / "trials.jsonl"))
    os.kill(training(driver)[0], signal.SIGKILL)
    assert driver.wait() == 0, driver.output()
    lines = rows(folder / "trials.jsonl")
    killed = [line for line in lines if line["retries"]]
    assert len(killed) == 1
    later = sorted(
        (line["started_at"], line["ended_at"]) for line in lines if line["started_at"] > killed[0]["ended_at"]
    )
    overlaps = [second[0] < first[1] for first, second in itertools.pairwise(later)]
    assert len(overlaps) >= 10
    half = overlaps[len(overlaps) // 2 :]
    assert sum(half) >= 0.8 * len(half)  # one at a time: none; a suggestion that took long: a gap
    assert driver.gone()


@pytest.mark.slow
def test_a_retry_comes_before_new_trials(tmp_path: Path, scratch: Path) -> None:
    """More slots than CPUs, so that a trial always waits: it gets the killed one's place, which is next."""
    slots = cores() + 2
    argv = ["--name", "queue", "--trials", "30", "--epochs", "8", "--slots", str(slots), "--output", "out"]
    driver = Driver([*argv, "--confirm", "0"], tmp_path, scratch)
    folder = tmp_path / "out" / "queue"
    driver.until(lambda: len(rows(folder / "trials.jsonl")) >= 2)
    os.kill(training(driver)[0], signal.SIGKILL)
    assert driver.wait() == 0, driver.output()
    lines = rows(folder / "trials.jsonl")
    (killed,) = [at for at, line in enumerate(lines) if line["retries"]]
    assert killed < len(lines) // 2  # the other process ends some trials while its new one starts
    # Nor does any other trial that waits for a CPU wait until the end.
    assert max(abs(at - line["number"]) for at, line in enumerate(lines)) <= 4 * slots


@pytest.mark.slow
def test_processes_killed_between_two_trials(tmp_path: Path, scratch: Path) -> None:
    """Whenever a trial has ended, the process that is told of the next one is killed."""
    argv = ["--name", "between", "--trials", "16", "--epochs", "2", "--slots", "2", "--output", "out"]
    driver = Driver([*argv, "--confirm", "0"], tmp_path, scratch)
    folder = tmp_path / "out" / "between"
    for kills in range(1, 6):
        driver.until(lambda: len(rows(folder / "trials.jsonl")) >= 2 * kills)  # noqa: B023
        for pid in training(driver)[:1]:
            os.kill(pid, signal.SIGKILL)
    assert driver.wait() == 0, driver.output()
    assert {line["state"] for line in rows(folder / "trials.jsonl")} == {"COMPLETE"}
    assert driver.gone()


@pytest.mark.slow
@pytest.mark.parametrize("supervised", [False, True])
def test_a_dead_head_ends_the_study_in_order(supervised: bool, tmp_path: Path, scratch: Path) -> None:
    argv = ["--name", "head", "--trials", "2", "--epochs", "12", "--output", "out", "--confirm", "0"]
    driver = Driver([*argv, *(["--supervise"] if supervised else [])], tmp_path, scratch)
    folder = tmp_path / "out" / "head"
    driver.until(lambda: rows(folder / "trials.jsonl"))
    (head,) = [pid for pid, title in driver.processes().items() if title.split()[0].endswith("/gcs_server")]
    os.kill(head, signal.SIGKILL)
    assert driver.wait() == (0 if supervised else 1), driver.output()
    assert "the head of the cluster has not answered for" in driver.output()
    assert "Go on with: python -m study.launch --resume head" in driver.output()
    assert "Traceback" not in driver.output()
    assert ("supervisor: the driver ended with status 1; going on in 1 s" in driver.output()) == supervised
    assert json.loads((folder / "study.json").read_text())["state"] == (
        "complete" if supervised else "interrupted"
    )
    assert (folder / "report.html").is_file()
    assert driver.gone()
    assert list(scratch.glob("spinetune-*")) == []

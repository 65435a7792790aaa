"""A study that was killed at random moments is the one that was left alone.

``benchmarks/chaos.py`` proves it at length.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.study import bits
from tests.study.driver import Driver, rows

SPEC = (
    "--name cut --output out --device cpu --precision float32 --threads 1 --slots 1 --epochs 3 --trials 2 "
    "--schedulers linear,slats --confirm 1 --confirm-at-most 1 --accuracy-floor 0"
)
ROWS = (4 + 2 + 4 + 1) * 3  # arms, searched, confirmed; epochs


@pytest.fixture
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # pytest's own folders are too deep for sockets
    yield folder
    Driver.end_all()
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_driver_and_worker_change_no_bit(tmp_path: Path, scratch: Path) -> None:
    draw = random.Random(0)
    calm, cut = tmp_path / "calm", tmp_path / "cut"
    calm.mkdir()
    cut.mkdir()
    alone = Driver(SPEC.split(), calm, scratch)
    assert alone.wait() == 0, alone.output()

    def strike(driver: Driver, after: int) -> None:
        driver.until(lambda: len(rows(cut / "out/cut/epochs.jsonl")) >= after)
        time.sleep(draw.uniform(0, 1))

    first = Driver(SPEC.split(), cut, scratch)
    strike(first, draw.randrange(1, ROWS // 2))
    first.process.kill()
    first.wait()
    again = Driver(["--resume", "cut", "--output", "out"], cut, scratch)  # at once: nothing is tidied up
    strike(again, draw.randrange(ROWS // 2, ROWS - 6))
    (worker, *_) = [pid for pid, title in again.processes().items() if "ResourceTrainable.train" in title]
    os.kill(worker, signal.SIGKILL)
    assert again.wait() == 0, again.output()

    assert len(rows(calm / "out/cut/epochs.jsonl")) == ROWS
    assert bits.inconsistencies(calm / "out/cut") == bits.inconsistencies(cut / "out/cut") == []
    assert bits.differences(calm / "out/cut", cut / "out/cut") == []
    told = [line for line in again.output().splitlines() if "died" in line or "Traceback" in line]
    assert len(told) == 1
    assert ": its process died" in told[0]
    assert told[0].endswith("; it goes on from its last checkpoint")
    again.gone()
    assert list(scratch.glob("spinetune-*")) == []  # of the killed driver too

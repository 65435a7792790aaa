"""A trial measured in a process of its own, which ends with whoever waits for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from study.failing import NoGPUError
from study.nodes.probe import tried
from study.resources import Measured
from study.tuning import TrialRun
from tests.study.driver import _alive
from trainables.config import TrainConfig

WAITS = "tests.study.test_probe:endless"
TINY = TrainConfig(device="cpu", threads=1, epochs=4, timesteps=1).model_dump(mode="json")
no_gpu_here = pytest.mark.skipif(torch.cuda.is_available(), reason="torch finds a GPU here")


def endless() -> nn.Module:
    """A network that takes for ever to build, and says where."""
    Path(os.environ["TESTED_AT"]).write_text(str(os.getpid()))
    time.sleep(600)
    return nn.Identity()


def test_a_measurement_comes_back() -> None:
    found = tried(TINY)
    assert not isinstance(found, str), found
    measured = Measured(**found)
    assert measured.memory_mib > 100
    assert measured.step_s > 0
    assert (measured.gpu_memory_mib, measured.gpu_total_mib, measured.gpu_busy) == (0, 0, 1)


def test_what_goes_wrong_is_told_in_its_own_words() -> None:
    found = tried(TINY | {"network": "tests.study.test_probe:nothing"})
    assert isinstance(found, str)
    assert "nothing" in found
    assert "\n" not in found


@no_gpu_here
def test_a_gpu_that_ray_declares_and_torch_does_not_find() -> None:
    """Of a probe in one line; of a trial an error that another process may not have, none of its own."""
    told = r"^Ray gave it 1 GPUs on .*, and torch finds none there \(torch 2\..*\)$"
    found = tried(TINY | {"device": "auto"}, 1.0)
    assert isinstance(found, str)
    with pytest.raises(NoGPUError, match=told) as error:
        begun(device="auto", gpus=1.0)
    assert str(error.value) == found
    with pytest.raises(NoGPUError):
        begun(device="cuda", gpus=0.5)


def test_a_trial_without_gpus_asks_for_none(tmp_path: Path) -> None:
    assert begun(device="cpu", gpus=0.0, checkpoint=str(tmp_path / "x.pt"))["epoch"] == 1


def begun(device: str, gpus: float, checkpoint: str = "") -> dict[str, Any]:
    """The first row of a trial, in this process."""
    run = object.__new__(TrialRun)
    run.config = {"train": TINY | {"device": device}, "gpus": gpus, "checkpoint": checkpoint, "filed": 0}
    run.setup(run.config)
    return run.step()


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that waits for a probe, and the number of the probe's."""
    mark = tmp_path / "pid"
    code = "import json, sys; from study.nodes.probe import tried; tried(json.loads(sys.argv[1]))"
    config = json.dumps(TINY | {"network": WAITS})
    root = Path(__file__).parents[2]
    environment = os.environ | {"TESTED_AT": str(mark), "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, "-c", code, config], env=environment, cwd=root) as parent:
        try:
            until(lambda: mark.exists() and bool(mark.read_text()))
            yield parent, int(mark.read_text())
        finally:
            parent.kill()
            if mark.exists() and _alive(int(mark.read_text())):
                os.kill(int(mark.read_text()), signal.SIGKILL)


def until(condition: Any) -> None:
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def test_a_probe_ends_with_the_process_that_waits_for_it(
    waiting: tuple[subprocess.Popen[bytes], int],
) -> None:
    parent, probe = waiting
    assert _alive(probe)
    parent.kill()
    parent.wait()
    until(lambda: not _alive(probe))

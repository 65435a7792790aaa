"""``python -m study.probe GPUS``: what one trial with so many GPUs takes. A config comes in, as JSON in one
line, a measurement goes out.

A process of its own: memory that a process has had cannot be told apart by what it was for, and one that is
killed for its memory must not take the study with it. Whoever waits for it holds its standard input open: it
ends with that, so that a driver that is killed meanwhile leaves nothing that trains for nobody.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch

from study.failing import NoGPUError, check_gpus
from trainables.config import TrainConfig
from trainables.data import Split
from trainables.train import Training

STEPS = 12  # of one shortened epoch
CONTEXT_MIB = 500  # what a process takes on a GPU beside torch's tensors (CUDA context, kernels, libraries)
MIB = 2**20


@dataclass(frozen=True)
class _First:
    """The first samples of a split: a validation of full batches, but of few."""

    whole: Split
    count: int

    @property
    def labels(self) -> torch.Tensor:
        return self.whole.labels[: self.count]

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: torch.Tensor, *, augment: bool) -> tuple[torch.Tensor, torch.Tensor]:
        return self.whole.batch(indices, augment=augment)

    def to(self, device: torch.device) -> Self:
        return replace(self, whole=self.whole.to(device))


def measure(config: TrainConfig, steps: int = STEPS) -> dict[str, float]:
    """Two shortened epochs, the second measured, and a checkpoint in memory; fields of ``Measured``.

    Memory: VmHWM of this process. ``step_s``: median time between two optimiser steps. ``gpu_busy``: time of
    all kernels / time of the steps (torch.profiler), 1 without a GPU.
    """
    run = Training(config.model_copy(update={"epochs": max(4, config.epochs)}), end_silent=False)
    run.steps_per_epoch = min(run.steps_per_epoch, steps)
    run.val_split = _First(run.val_split, min(len(run.val_split), 2 * run.eval_batch))
    moments: list[float] = []
    gpu = run.device.type == "cuda"

    def moment(*_: Any) -> None:
        if gpu:
            torch.cuda.synchronize()
        moments.append(time.perf_counter())

    hook = run.optimizer.register_step_post_hook(moment)
    next(run)  # compiles kernels, fills caches
    moments.clear()
    next(run)
    hook.remove()
    step_s = _median_gap(moments)
    found = {"step_s": step_s, "gpu_busy": 1.0, "gpu_memory_mib": 0.0, "gpu_total_mib": 0.0}
    if gpu:
        found |= _on_gpu(run)
    torch.save(run.state_dict(), io.BytesIO())
    return found | {"memory_mib": _peak_mib()}


def _on_gpu(run: Training) -> dict[str, float]:
    """The GPU's part of a third epoch."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        started = time.perf_counter()
        next(run)
        torch.cuda.synchronize()
        wall_s = time.perf_counter() - started
    kernels_us = sum(event.self_device_time_total for event in profile.key_averages())
    return {
        "gpu_busy": min(1.0, kernels_us / 1e6 / wall_s),
        "gpu_memory_mib": torch.cuda.max_memory_reserved(run.device) / MIB + CONTEXT_MIB,
        "gpu_total_mib": torch.cuda.get_device_properties(run.device).total_memory / MIB,
    }


def _median_gap(moments: Sequence[float]) -> float:
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    return statistics.median(gaps) if gaps else 0.0


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def main(gpus: float) -> str | None:
    """Measure; None, or in one line why that makes no sense."""
    config = TrainConfig(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        check_gpus(gpus, config.device)
    except NoGPUError as error:
        return str(error)
    print(json.dumps(measure(config)), flush=True)
    return None


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))

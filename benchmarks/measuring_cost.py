"""What measuring an epoch costs: trainings whose epochs are measured in turn with ones that are not.

An epoch trains once over the training part and runs the validation part forward. ``measured`` adds the hooks
of ``Meter.watch`` around that pass and one ``Meter.row``: synapses, dead neurons, operations, energy, spines'
life, chips. Both kinds alternate within one training, so weights, memory and load are shared. Training is
the same in both, and its noise is larger than what is sought: the cost is taken as the median of the watched
validation passes less that of the bare ones, plus the median of the rows. CPU time (``process_time``, one
thread), which other processes disturb less than they do the wall clock. Images are random; T = 4.

* digits: the digits net on 8 x 8, 1,259 images to train and 269 to validate, batch 64
* conv64: three 3x3 layers of 64 channels on 28 x 28, 28 x 28 and 14 x 14, 240 and 60 images, batch 32
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import torch
from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn
from torch.nn import functional as F

from study import provenance
from trainables import cost, models, neurons, pruners
from trainables.config import TrainConfig

HERE = Path(__file__).parent
T, CLASSES = 4, 10


def conv64() -> nn.Module:
    """Three convolutions, each with BN and LIF, two max pools and a linear read-out."""
    parts: list[nn.Module] = [
        models.DirectEncoding(nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.BatchNorm2d(64)), T),
        models.lif(2.0),
    ]
    for _ in range(2):
        convolution = layer.Conv2d(64, 64, 3, padding=1, bias=False, step_mode="m")
        parts += [convolution, layer.BatchNorm2d(64, step_mode="m"), models.lif(2.0)]
        parts += [layer.MaxPool2d(2, step_mode="m")]
    return nn.Sequential(*parts, layer.Flatten(step_mode="m"), layer.Linear(64 * 49, CLASSES, step_mode="m"))


def digits() -> nn.Module:
    """The net of the default study."""
    return models.build("digits_net", T, (1, 8, 8), CLASSES, 2.0, seed=0)


SIZES: dict[str, dict[str, Any]] = {
    "digits": {"make": digits, "side": 8, "train": 1259, "val": 269, "batch": 64},
    "conv64": {"make": conv64, "side": 28, "train": 240, "val": 60, "batch": 32},
}


class Epochs:
    """A small training of one of ``SIZES``."""

    def __init__(self, make: Any, side: int, train: int, val: int, batch: int) -> None:
        torch.manual_seed(0)
        self.x, self.val = torch.rand(train, 1, side, side), torch.rand(val, 1, side, side)
        self.y = torch.randint(CLASSES, (train,))
        self.batch, self.model = batch, make()
        neurons.fuse(self.model)
        geometry = cost.geometry(self.model, (1, side, side))
        pruners.attach(self.model, "stds", TrainConfig(), geometry).set_threshold(0.02)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, fused=True)
        self.meter = cost.Meter(self.model, (1, side, side), geometry)

    def run(self, measured: bool) -> dict[str, float]:
        """CPU seconds of an epoch's parts, and wall seconds of all."""
        began, wall = time.process_time(), time.perf_counter()
        self.model.train()
        for chosen in torch.randperm(len(self.y)).split(self.batch):
            loss = mse(self.model(self.x[chosen]), self.y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            functional.reset_net(self.model)
        trained = time.process_time()
        self.model.eval()
        with torch.no_grad(), self.meter.watch() if measured else nullcontext():
            self.model(self.val)
            functional.reset_net(self.model)
        validated = time.process_time()
        if measured:
            self.meter.row()
        ended = time.process_time()
        return {
            "train_s": trained - began,
            "validate_s": validated - trained,
            "row_s": ended - validated,
            "wall_s": time.perf_counter() - wall,
        }


def mse(out: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of firing rates."""
    return F.mse_loss(out.mean(0), F.one_hot(labels, CLASSES).float())


def line(name: str, runs: dict[str, list[dict[str, float]]]) -> str:
    """One row of the table: medians in ms of CPU time, and the share of the measured epoch."""

    def middle(part: str, *kinds: str) -> float:
        return median(run[part] for kind in kinds for run in runs[kind]) * 1e3

    watching = middle("validate_s", "measured") - middle("validate_s", "bare")
    bare = middle("train_s", "bare", "measured") + middle("validate_s", "bare")
    row = middle("row_s", "measured")
    share = (watching + row) / (bare + watching + row)
    return f"| {name} | {len(runs['bare'])} | {bare:.4g} | {watching:.3g} | {row:.3g} | {share:.1%} |"


def main() -> None:
    """Alternate, print the table, write it and every figure."""
    parser = argparse.ArgumentParser(description="What measuring an epoch costs.")
    parser.add_argument("--digits-epochs", type=int, default=40, help="of each kind")
    parser.add_argument("--conv64-epochs", type=int, default=7, help="of each kind")
    given = parser.parse_args()
    torch.set_num_threads(1)
    load = round(os.getloadavg()[0], 2)
    results: dict[str, Any] = {}
    command = shlex.join(["python", "benchmarks/measuring_cost.py", *sys.argv[1:]])
    lines = [f"`{command}`: medians, CPU time", ""]
    lines.append("| net | n of each kind | bare epoch, ms | watching, ms | row, ms | share of measuring |")
    lines.append("|---|---:|---:|---:|---:|---:|")
    for name, size in SIZES.items():
        n = getattr(given, f"{name}_epochs")
        epochs = Epochs(**size)
        for warm in (True, False):
            epochs.run(warm)
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "measured": []}
        for turn in range(2 * n):
            # bare, measured, measured, bare, ...: neither kind always comes second
            kind = ("bare", "measured", "measured", "bare")[turn % 4]
            runs[kind].append(epochs.run(kind == "measured"))
        results[name] = runs
        lines.append(line(name, runs))
    about = {
        "machine": provenance.machine(),
        "load": load,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "date": time.strftime("%Y-%m-%d"),
    }
    lines += ["", *(f"- {key}: {json.dumps(value)}" for key, value in about.items())]
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / "measuring_cost.md").write_text(text)
    (HERE / "results" / "measuring_cost.json").write_text(
        json.dumps({"command": command, **about, "runs": results}, indent=1)
    )


if __name__ == "__main__":
    main()

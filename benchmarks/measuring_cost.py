"""What measuring an epoch costs: trainings whose epochs are measured in turn with ones that are not.

An epoch trains once over the training part and runs the validation part forward. ``measured`` adds the hooks
of ``Meter.watch`` around that pass and one ``Meter.row``: synapses, dead neurons, operations, energy, spines'
life, chips. Both kinds alternate within one training, so weights, memory and load are shared; the share is
(measured - bare) / measured, of CPU time (``process_time``, one thread), which other processes disturb less
than they do the wall clock. Images are random (only shapes matter), T = 4.

* digits: the digits net on 8 x 8, 1,259 images to train and 269 to validate, batch 64
* conv64: three 3x3 layers of 64 channels on 28 x 28, 28 x 28 and 14 x 14, 400 and 100 images, batch 32
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
    "conv64": {"make": conv64, "side": 28, "train": 400, "val": 100, "batch": 32},
}


class Epochs:
    """A small training of one of ``SIZES``."""

    def __init__(self, make: Any, side: int, train: int, val: int, batch: int) -> None:
        torch.manual_seed(0)
        self.x, self.val = torch.rand(train, 1, side, side), torch.rand(val, 1, side, side)
        self.y = torch.randint(CLASSES, (train,))
        self.batch, self.model = batch, make()
        neurons.fuse(self.model)
        pruner = pruners.attach(self.model, "stds")
        pruners.set_threshold(pruner, 0.02)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, fused=True)
        self.meter = cost.Meter(self.model, (1, side, side))

    def run(self, measured: bool) -> dict[str, float]:
        """CPU and wall seconds of one epoch, and CPU seconds of its row alone."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.model.train()
        for chosen in torch.randperm(len(self.y)).split(self.batch):
            loss = mse(self.model(self.x[chosen]), self.y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            functional.reset_net(self.model)
        self.model.eval()
        with torch.no_grad(), self.meter.watch() if measured else nullcontext():
            self.model(self.val)
            functional.reset_net(self.model)
        row_began = time.process_time()
        if measured:
            self.meter.row()
        ended = time.process_time()
        return {
            "cpu_s": ended - cpu,
            "wall_s": time.perf_counter() - wall,
            "row_cpu_s": ended - row_began,
        }


def mse(out: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of firing rates."""
    return F.mse_loss(out.mean(0), F.one_hot(labels, CLASSES).float())


def table(results: dict[str, Any], n: int) -> list[str]:
    """One line per size; medians."""
    lines = ["| net | bare epoch, CPU s | measured epoch, CPU s | row alone, CPU ms | share of measuring |"]
    lines.append("|---|---:|---:|---:|---:|")
    for name, runs in results.items():
        bare, measured = (median(run["cpu_s"] for run in runs[kind]) for kind in ("bare", "measured"))
        row = median(run["row_cpu_s"] for run in runs["measured"]) * 1e3
        lines.append(
            f"| {name}, n={n} each | {bare:.4g} | {measured:.4g} | {row:.3g} | {1 - bare / measured:.1%} |"
        )
    return lines


def main() -> None:
    """Alternate, print the table, write it and every figure."""
    parser = argparse.ArgumentParser(description="What measuring an epoch costs.")
    parser.add_argument("--digits-epochs", type=int, default=40, help="of each kind")
    parser.add_argument("--conv64-epochs", type=int, default=7, help="of each kind")
    given = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    results: dict[str, Any] = {}
    lines = [f"`python benchmarks/measuring_cost.py {shlex.join(sys.argv[1:])}`".replace(" `", "`"), ""]
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
        found = table({name: runs}, n)
        lines += found if name == "digits" else found[2:]
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
        json.dumps({"command": sys.argv, **about, "runs": results}, indent=1)
    )


if __name__ == "__main__":
    main()

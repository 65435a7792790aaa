"""The default study written with stock tools alone: Ray Tune, OptunaSearch, SpikingJelly, scikit-learn.

Measures what the same search costs without Spinetune: same network, data split sizes, batch size, optimiser,
learning rate, search space and number of trials, in the idioms of the tools' documentation:

* a function trainable that calls ``tune.report`` once an epoch; the data travel through the object store;
* OptunaSearch with two metrics and a define-by-run space; its default sampler (TPE);
* ``ray.init()`` and ``Tuner`` with their defaults, hence ``reuse_actors`` off: one process per trial;
* SpikingJelly's LIFNode in multi-step mode, whose one CPU implementation needs no setting; the first
  convolution sees a constant image and runs once, not T times; Adam's fused kernel; one thread a trial, as
  many trials at once as cores.

It does less than the default study, which favours it: no checkpoints, no study folder, no report, no test
accuracy. It also stops no trial early. The last line of standard output is JSON: ``wall_s`` from the
creation of this process, imports included, to the last result (Ray's shutdown comes after); ``training_s``,
the sum over trials of the time inside their epoch loops.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna
import ray
import torch
from ray import tune
from ray.tune.search.optuna import OptunaSearch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # x and y for training, x and y for validation

T, BATCH, LR, CLASSES, VOTERS = 4, 64, 1e-2, 10, 10

# Threshold over progress u in [0, 1], from 0 to 1; c holds the shape's own parameters.
SHAPES: dict[str, Callable[[float, dict[str, Any]], float]] = {
    "linear": lambda u, c: u,
    "sine": lambda u, c: (1 - math.cos(math.pi * u)) / 2,
    "cosine": lambda u, c: 1 - math.cos(math.pi * u / 2),
    "exponential": lambda u, c: math.expm1(-c["rate"] * u) / math.expm1(-c["rate"]) if c["rate"] else u,
    "slats": lambda u, c: u + math.sin(math.pi * u) / math.pi,
    "cubic": lambda u, c: 1 - (1 - u) ** 3,
    "kumaraswamy": lambda u, c: 1 - (1 - u ** c["a"]) ** c["b"],
}


def space(trial: optuna.Trial) -> None:
    """Shape, final threshold (in units of the summed learning rates) and the window in which it grows."""
    shape = trial.suggest_categorical("shape", list(SHAPES))
    trial.suggest_float("threshold", 0.1, 0.7, log=True)
    trial.suggest_float("start", 0.0, 0.3)
    trial.suggest_float("end", 0.55, 1.0)
    if shape == "exponential":
        trial.suggest_float("rate", -6.0, 6.0)
    if shape == "kumaraswamy":
        trial.suggest_float("a", 0.5, 4.0, log=True)
        trial.suggest_float("b", 0.5, 4.0, log=True)


class SoftThreshold(nn.Module):
    """STDS: weight = sign(theta) max(|theta| - d, 0), with the identity as its gradient."""

    d: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("d", torch.zeros(()))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of the same shape as ``theta``."""
        return theta - theta.detach().clamp(-self.d, self.d)


class Net(nn.Module):
    """Two convolutions, two linear layers, a LIF after each: images [N, 1, 8, 8] -> rates [N, classes]."""

    def __init__(self) -> None:
        super().__init__()
        lif = partial(neuron.LIFNode, surrogate_function=surrogate.ATan(), detach_reset=True)
        self.stem = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.MaxPool2d(2)
        )
        self.body = nn.Sequential(
            lif(),
            layer.Conv2d(16, 32, 3, padding=1, bias=False),
            layer.BatchNorm2d(32),
            layer.MaxPool2d(2),
            lif(),
            layer.Flatten(),
            layer.Linear(32 * 2 * 2, 128, bias=False),
            lif(),
            layer.Linear(128, VOTERS * CLASSES, bias=False),
            lif(),
            layer.VotingLayer(VOTERS),
        )
        functional.set_step_mode(self.body, "m")

    def forward(self, x: Tensor) -> Tensor:
        """The stem's output is the same current in all T steps."""
        current = self.stem(x)
        rates: Tensor = self.body(current.expand(T, *current.shape)).mean(0)
        return rates


def load() -> Data:
    """scikit-learn's digits, stratified: 1,259 images to train, 269 to validate, 269 left for a test."""
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    rest, _ = train_test_split(range(len(y)), test_size=269, stratify=y, random_state=0)
    train, val = train_test_split(rest, test_size=269, stratify=y[rest], random_state=0)
    return x[train], y[train], x[val], y[val]


def training(config: dict[str, Any], data: Data, epochs: int) -> Iterator[dict[str, float]]:
    """Train one network, pruning it meanwhile; one row an epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y, x_val, y_val = data
    net, soft = Net(), SoftThreshold()
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for module in layers:
        parametrize.register_parametrization(module, "weight", soft)
    steps = epochs * (len(y) // BATCH)
    optimizer = torch.optim.Adam(net.parameters(), LR, fused=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    lr_sum = sum(LR * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps))
    step, train_s = 0, 0.0
    for _ in range(epochs):
        started = time.perf_counter()
        net.train()
        for batch in torch.randperm(len(y)).split(BATCH)[: len(y) // BATCH]:
            loss = F.mse_loss(net(x[batch]), F.one_hot(y[batch], CLASSES).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            functional.reset_net(net)
            step += 1
            u = min(max((step / steps - config["start"]) / (config["end"] - config["start"]), 0.0), 1.0)
            soft.d.fill_(config["threshold"] * lr_sum * SHAPES[config["shape"]](u, config))
        net.eval()
        with torch.no_grad():
            accuracy = float((net(x_val).argmax(1) == y_val).float().mean())
            functional.reset_net(net)
            zeros = sum(int((module.weight == 0).sum()) for module in layers)
        sparsity = zeros / sum(module.weight.numel() for module in layers)
        train_s += time.perf_counter() - started
        yield {"accuracy": accuracy, "sparsity": sparsity, "train_s": train_s}


def trainable(config: dict[str, Any], data: Data, epochs: int) -> None:
    """One trial."""
    for row in training(config, data, epochs):
        tune.report(row)


def since_creation() -> float:
    """Seconds since the kernel made this process (Linux)."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the study and print its figures."""
    parser = argparse.ArgumentParser(description="The default study with stock tools alone.")
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    ray.init()
    cores = int(ray.cluster_resources()["CPU"])
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_parameters(trainable, data=load(), epochs=given.epochs),
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(space, metric=["accuracy", "sparsity"], mode=["max", "max"], seed=0),
                num_samples=given.trials,
                max_concurrent_trials=cores,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        results = tuner.fit()
        rows = [result.metrics for result in results if result.error is None]
    figures = {
        "wall_s": since_creation(),
        "trials": len(rows),
        "epochs": given.epochs,
        "epochs_trained": sum(row["training_iteration"] for row in rows),
        "training_s": sum(row["train_s"] for row in rows),
        "slots": cores,
        "best_accuracy": max((row["accuracy"] for row in rows if row["sparsity"] >= 0.9), default=None),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("ray", "optuna", "torch", "spikingjelly", "scikit-learn")},
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()

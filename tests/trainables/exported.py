"""Trainings to export, and what a network puts out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import functional, layer
from torch import nn

from trainables import assembly, checkpoint, models, train
from trainables.config import TrainConfig

CONFIG = TrainConfig(
    epochs=3, scheduler="slats", final_threshold=0.1, device="cpu", threads=1, precision="float32"
)
IMAGES = assembly.dataset(CONFIG).test.batch(torch.arange(64), augment=False)[0]

Trained = tuple[Path, dict[str, Any]]


def averaged(model: nn.Module) -> nn.Module:
    """``model`` with average for max pooling: the same parameters, and NIR has nodes for it."""
    for name, pool in list(model.named_modules()):
        if isinstance(pool, nn.MaxPool2d):
            multi = isinstance(pool, layer.MaxPool2d)
            new = layer.AvgPool2d(2, step_mode="m") if multi else nn.AvgPool2d(2)
            model.set_submodule(name, new)
    return model


def pool_averages(patch: pytest.MonkeyPatch) -> None:
    """From here on every network by name is built with average pooling."""
    build = models.build
    patch.setattr(models, "build", lambda *a, **k: averaged(build(*a, **k)))


def training(folder: Path) -> Trained:
    """The checkpoint of a finished training, and its state."""
    run = train.Training(CONFIG)
    list(run)
    checkpoint.save(run.state_dict(), folder / checkpoint.STATE_FILE)
    return folder / checkpoint.STATE_FILE, run.state_dict()


def outputs(net: nn.Module, x: torch.Tensor, steps: int | None = None) -> torch.Tensor:
    """Class activity [T, N, classes] of a network, or of the graph of one step, run ``steps`` times."""
    with torch.no_grad():
        result: torch.Tensor = net(x) if steps is None else torch.stack([net(x) for _ in range(steps)])
    functional.reset_net(net)
    return result

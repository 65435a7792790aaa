"""From a config to the parts of its run, and from a checkpoint back to a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables import cost, data, machine, models, neurons, pruners
from trainables.config import TrainConfig
from trainables.learning import LOSSES
from trainables.schedules import learning_rates

# Per forward pass without gradient, at most, unless the training takes more: bounds the memory of evaluation.
EVAL_BATCH = 1024  # samples
EVAL_SPIKES = 2**28  # neurons x steps x samples: a GiB of them in float32, all layers together

Loss = Callable[[Tensor, Tensor], Tensor]


def dataset(config: TrainConfig) -> data.Dataset:
    """The run's data set, read once a process."""
    return data.load(config.dataset, Path(config.data_dir).expanduser(), config.timesteps)


def network(config: TrainConfig) -> tuple[nn.Module, cost.Geometry]:
    """The untrained, dense network of a run, on the CPU, and how often it uses each weight."""
    parts = dataset(config)
    model = models.build(
        config.network, config.timesteps, parts.shape, parts.classes, config.tau, config.seed,
        config.network_args,
    )  # fmt: skip
    return model, cost.geometry(model, parts.shape)


def pruned_network(config: TrainConfig) -> tuple[nn.Module, cost.Geometry, pruners.Pruner[Any]]:
    """The network of a run with its pruner attached."""
    model, geometry = network(config)
    return model, geometry, pruners.attach(model, config.pruner, config, geometry)


def lr_sum(config: TrainConfig) -> float:
    """Sum of the learning rates of all steps: how far a spine can travel, the natural unit of D."""
    samples = len(dataset(config).train)
    steps = samples // min(config.batch_size, samples) * config.epochs
    return float(learning_rates(config.lr_schedule, config.lr, steps).sum())


def final_threshold(config: TrainConfig) -> float:
    """D in weight units; 0 for a pruner that is not driven by a threshold."""
    if "final_threshold" not in pruners.PRUNERS[config.pruner].fields:
        return 0.0
    return config.final_threshold * (lr_sum(config) if config.threshold_unit == "lr_sum" else 1.0)


def mean_activity(model: nn.Module, x: Tensor, precision: torch.dtype) -> Tensor:
    """Class activity [N, classes], the mean over T, in float32; the network's states are reset after it."""
    with machine.autocast(x.device, precision):
        activity: Tensor = model(machine.images(x, precision))
    models.reset(model)
    return activity.float().mean(0)


def eval_batch(config: TrainConfig, neurons: int) -> int:
    """Samples that a network of so many neurons evaluates at once; 1024 of the paper's took 9 GB a layer."""
    fit = EVAL_SPIKES // max(1, neurons * config.timesteps)
    return min(EVAL_BATCH, max(config.batch_size, fit))


@torch.no_grad()
def evaluate(
    model: nn.Module, split: data.Split, loss: Loss, precision: torch.dtype, size: int = EVAL_BATCH
) -> tuple[float, float]:
    """Mean loss and accuracy on ``split``, in evaluation mode, ``size`` samples at a time."""
    model.eval()
    total = hits = 0.0
    for x, y in data.batches(split, torch.arange(len(split)), size, augment=False):
        activity = mean_activity(model, x, precision)
        total += float(loss(activity, y)) * len(y)
        hits += float((activity.argmax(1) == y).sum())
    return total / len(split), hits / len(split)


def test_accuracy(config: TrainConfig, model: nn.Module, geometry: cost.Geometry) -> float:
    """Accuracy of a plain network on the test part, on the CPU in float32: the only place that reads it."""
    neurons.fuse(model)
    try:
        size = eval_batch(config, geometry.neurons)
        return evaluate(model, dataset(config).test, LOSSES[config.loss], torch.float32, size)[1]
    finally:
        neurons.unfuse(model)


def baked_network(config: TrainConfig, state: dict[str, Any]) -> tuple[nn.Module, float, int]:
    """From a finished run's state: the plain pruned network, its test accuracy, its weights left."""
    model, geometry, _ = pruned_network(config)
    model.load_state_dict(state["model"])
    pruners.bake(model)
    left = cost.connections(model, geometry).weights_left
    return model, test_accuracy(config, model, geometry), left

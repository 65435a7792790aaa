"""``Training(config)``: iterate it, get one row an epoch. No callback, no logger, no Ray inside."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn
from torch.nn import functional as F

from trainables import cost, data, models, neurons, pruners
from trainables.config import TrainConfig
from trainables.errors import ConfigError
from trainables.schedules import learning_rates

Row = dict[str, float | int | str | None]

STATE_FILE = "state.pt"  # name of a saved state inside its checkpoint folder

# Sample counts per forward pass without gradient: bounds the memory of evaluation.
EVAL_BATCH = 1024


def resolve_device(name: str) -> torch.device:
    """``auto`` is the first GPU where there is one; a device that is not there is a ConfigError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError([f"device: got {name!r}, but {found} CUDA devices were found; nearest valid: cpu"])
    return device


class Training(Iterator[Row]):
    """One pruned training. ``for row in Training(config): ...`` trains to the end.

    Equal configs give equal rows, bit for bit (float32, one thread, same machine), apart from ``wall_s``.
    Stopped after any epoch and continued from its ``state_dict``, the rows that follow are the same bits.
    A run whose loss or weights are no longer finite ends early; its last row says why under ``reason``.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.device = resolve_device(config.device)
        torch.set_num_threads(config.threads)
        dataset = data.load(config.dataset)
        self.train_split, self.val_split = dataset.train.to(self.device), dataset.val.to(self.device)
        self.model, self.geometry = network(config)
        self.model.to(self.device)
        neurons.fuse(self.model)
        self.pruner = pruners.attach(self.model, config.pruner).to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), config.lr, fused=True)

        self.batch_size = min(config.batch_size, len(self.train_split))
        # The samples that do not fill a batch wait for the next epoch's order: equal steps, equal noise.
        self.steps_per_epoch = len(self.train_split) // self.batch_size
        self.total_steps = self.steps_per_epoch * config.epochs
        self.lrs = learning_rates(config.lr_schedule, config.lr, self.total_steps)
        self.final_threshold = final_threshold(config)
        self.schedule = config.schedule()

        self.order = torch.Generator().manual_seed(config.seed)
        # Layers with their own randomness (dropout) draw from the global state; this run keeps its own.
        self.rng_state = torch.Generator().manual_seed(config.seed).get_state()
        self.epoch = 0
        self.wall_s = 0.0
        self.reason: str | None = None
        self._set_progress(0)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        """Train one epoch, evaluate on the validation part, return the row."""
        if self.done:
            raise StopIteration
        started = time.perf_counter()
        with self._own_randomness():
            threshold_before = self.threshold
            loss_train, accuracy_train = self._train_epoch()
            self.epoch += 1
            self.reason = self._divergence(loss_train)
            loss_val, accuracy_val, firing_rate = evaluate(self.model, self.val_split)
        end = self.epoch * self.steps_per_epoch
        lr_epoch = float(self.lrs[end - self.steps_per_epoch : end].sum())
        count = cost.connections(self.model, self.geometry)
        self.wall_s += time.perf_counter() - started
        return {
            "epoch": self.epoch,
            "progress": self.epoch / self.config.epochs,
            "loss_train": loss_train,
            "loss_val": loss_val,
            "accuracy_train": accuracy_train,
            "accuracy_val": accuracy_val,
            "sparsity_params": count.sparsity_params,
            "sparsity_synapses": count.sparsity_synapses,
            "synapses": count.synapses_left,
            "firing_rate": firing_rate,
            "threshold": self.threshold,
            # (d[n+1] - d[n]) / lr[n], averaged over the epoch with the learning rates as weights
            "l1_pressure": (self.threshold - threshold_before) / lr_epoch,
            "lr": float(self.lrs[end - 1]),
            "wall_s": self.wall_s,
            "reason": self.reason,
        }

    def _divergence(self, loss: float) -> str | None:
        """Why the run is lost, if it is. A loss alone can't tell: a neuron fed with NaN is merely silent."""
        if not math.isfinite(loss):
            return f"the training loss was {loss} in epoch {self.epoch}"
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            return f"a weight was no longer finite after epoch {self.epoch}"
        return None

    @property
    def done(self) -> bool:
        """All epochs trained, or ended early for a reason."""
        return self.epoch >= self.config.epochs or self.reason is not None

    def _set_progress(self, step: int) -> None:
        """The threshold after ``step`` optimiser steps: d = D f(step / total)."""
        self.threshold = float(self.final_threshold * self.schedule(step / self.total_steps))
        pruners.set_threshold(self.pruner, self.threshold)

    def _train_epoch(self) -> tuple[float, float]:
        """One pass over the training part in a new order; mean loss and accuracy over its samples."""
        self.model.train()
        x, y = self.train_split.x, self.train_split.y
        order = torch.randperm(len(y), generator=self.order).to(self.device)
        step = self.epoch * self.steps_per_epoch
        losses, hits = [], []
        for batch in order.split(self.batch_size)[: self.steps_per_epoch]:
            for group in self.optimizer.param_groups:
                group["lr"] = float(self.lrs[step])
            rates = self.model(x[batch]).mean(0)
            loss = mean_rate_mse(rates, y[batch])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            functional.reset_net(self.model)
            step += 1
            self._set_progress(step)
            losses.append(loss.detach())
            hits.append((rates.detach().argmax(1) == y[batch]).float().mean())
        return float(torch.stack(losses).mean()), float(torch.stack(hits).mean())

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Run on this training's random state and leave the process's as it was."""
        with torch.random.fork_rng():
            torch.set_rng_state(self.rng_state)
            yield
            self.rng_state = torch.get_rng_state()

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on: plain data and tensors, loadable with weights_only."""
        return {
            "config": self.config.model_dump(),
            "epoch": self.epoch,
            "wall_s": self.wall_s,
            "reason": self.reason,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "rng_state": self.rng_state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``, which must come from a run of the same config."""
        theirs, mine = state["config"], self.config.model_dump()
        different = [key for key in mine if key != "device" and theirs.get(key) != mine[key]]
        if different:
            lines = [
                f"{key}: the checkpoint has {theirs.get(key)!r}, the run {mine[key]!r}" for key in different
            ]
            raise ConfigError(lines)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"].cpu())
        self.rng_state = state["rng_state"].cpu()
        self.epoch, self.wall_s, self.reason = state["epoch"], state["wall_s"], state["reason"]
        self._set_progress(self.epoch * self.steps_per_epoch)


def network(config: TrainConfig) -> tuple[nn.Module, cost.Geometry]:
    """The untrained network of a run, on the CPU, and how often it uses each weight."""
    dataset = data.load(config.dataset)
    model = models.build(
        config.network, config.timesteps, dataset.shape, dataset.classes, config.tau, config.seed
    )
    return model, cost.geometry(model, dataset.shape)


@torch.no_grad()
def evaluate(model: nn.Module, split: data.Split) -> tuple[float, float, float]:
    """Mean-rate MSE, accuracy, and firing rate (spikes per neuron and step) on ``split``."""
    model.eval()
    loss = hits = 0.0
    with cost.count_spikes(model) as spikes:
        for x, y in zip(split.x.split(EVAL_BATCH), split.y.split(EVAL_BATCH), strict=True):
            rates = model(x).mean(0)
            functional.reset_net(model)
            loss += float(mean_rate_mse(rates, y)) * len(y)
            hits += float((rates.argmax(1) == y).sum())
    return loss / len(split), hits / len(split), spikes.rate


def mean_rate_mse(rates: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of class firing rates [N, classes] against one-hot labels [N]: the loss of STDS."""
    return F.mse_loss(rates, F.one_hot(labels, rates.shape[1]).to(rates.dtype))


def lr_sum(config: TrainConfig) -> float:
    """Sum of the learning rates of all steps: how far a spine can travel, the natural unit of D."""
    samples = len(data.load(config.dataset).train)
    steps = samples // min(config.batch_size, samples) * config.epochs
    return float(learning_rates(config.lr_schedule, config.lr, steps).sum())


def final_threshold(config: TrainConfig) -> float:
    """D in weight units; 0 for a dense run, which has no threshold."""
    if config.pruner == "dense":
        return 0.0
    return config.final_threshold * (lr_sum(config) if config.threshold_unit == "lr_sum" else 1.0)


def baked_network(config: TrainConfig, state: dict[str, Any]) -> tuple[nn.Module, float, int]:
    """From a finished run's state: the plain pruned network, its test accuracy, its weights left.

    The only place that reads the test part. Runs on the CPU.
    """
    model, geometry = network(config)
    pruners.attach(model, config.pruner)
    model.load_state_dict(state["model"])
    pruners.bake(model)
    neurons.fuse(model)
    _, accuracy, _ = evaluate(model, data.load(config.dataset).test)
    neurons.unfuse(model)
    return model, accuracy, cost.connections(model, geometry).weights_left


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state so that a crash at any moment leaves the old file or the new one, never half of one."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a state; tensors and plain data only, nothing in the file is executed."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state

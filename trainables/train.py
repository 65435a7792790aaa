"""``Training(config)``: iterate it, get one row an epoch. No callback, no logger, no Ray inside."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Self

import torch

from trainables import cost, data, machine, neurons, pruners
from trainables.assembly import dataset, eval_batch, evaluate, final_threshold, mean_activity, pruned_network
from trainables.config import PLACE, TrainConfig
from trainables.errors import ConfigError, out_of_memory
from trainables.learning import LOSSES, OPTIMIZERS, groups
from trainables.randomness import Randomness
from trainables.schedules import learning_rates, window

Row = dict[str, Any]  # numbers, None, text, and lists of numbers for what is counted by layer

SILENT_EPOCHS = 3  # in a row; a sound network can be silent once, while batch normalisation's means lag


class Training(Iterator[Row]):
    """One pruned training. ``for row in Training(config): ...`` trains to the end.

    Equal configs give equal rows, bit for bit (float32, one thread, same machine), apart from ``wall_s``.
    Stopped after any epoch and continued from its ``state_dict``, the rows that follow are the same bits.
    A run that is lost (loss or weights not finite, network silent) ends early; its last row says why under
    ``reason``. ``end_silent`` False lets a silent one run on, for a caller with a rule of its own.
    """

    def __init__(self, config: TrainConfig, *, end_silent: bool = True) -> None:
        self.config, self.end_silent = config, end_silent
        self.device = machine.resolve_device(config.device)
        self.precision = machine.resolve_precision(config.precision, self.device)
        parts = dataset(config)
        self.train_split, self.val_split = parts.train.to(self.device), parts.val.to(self.device)
        self.model, geometry, self.pruner = pruned_network(config)
        threads = config.threads or machine.worthwhile_threads(geometry.synapses * config.batch_size)
        machine.prepare(self.model, self.device, self.precision, threads)
        neurons.fuse(self.model)
        self.optimizer = OPTIMIZERS[config.optimizer](
            groups(self.model), config.lr, config.momentum, config.weight_decay
        )
        self.loss = LOSSES[config.loss]

        self.eval_batch = eval_batch(config, geometry.neurons)
        self.batch_size = min(config.batch_size, len(self.train_split))
        # The samples that do not fill a batch wait for the next epoch's order: equal steps, equal noise.
        self.steps_per_epoch = len(self.train_split) // self.batch_size
        self.total_steps = self.steps_per_epoch * config.epochs
        self.lrs = learning_rates(config.lr_schedule, config.lr, self.total_steps)
        self.schedule = config.schedule()
        self.final_threshold = final_threshold(config)

        self.order = torch.Generator().manual_seed(config.seed)
        # What draws from the global state (dropout, augmentation, pruners) draws from this run's own.
        self.randomness = Randomness(config.seed, self.device)
        self.epoch = 0
        self.wall_s = 0.0
        self.reason: str | None = None
        with self.randomness:
            self.pruner.start(self._moment(0))
        # Now: the first generation of spines is what a pruner starts with, not what it drew them from.
        self.meter = cost.Meter(self.model, parts.shape, geometry)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        """Train one epoch, evaluate on the validation part, return the row."""
        if self.done:
            raise StopIteration
        started = time.perf_counter()
        before = self.threshold
        with self.randomness, machine.flushed_denormals():
            loss_train, accuracy_train = self._train_epoch()
            self.epoch += 1
            with self.meter.watch():
                loss_val, accuracy_val = evaluate(
                    self.model, self.val_split, self.loss, self.precision, self.eval_batch
                )
        end = self.epoch * self.steps_per_epoch
        lr_epoch = float(self.lrs[end - self.steps_per_epoch : end].sum())
        costs = self.meter.row()
        self.reason = self._divergence(loss_train)
        self.wall_s += time.perf_counter() - started
        return {
            "epoch": self.epoch,
            "progress": self.epoch / self.config.epochs,
            "loss_train": loss_train,
            "loss_val": loss_val,
            "accuracy_train": accuracy_train,
            "accuracy_val": accuracy_val,
            **costs,
            "threshold": self.threshold,
            # (d[n+1] - d[n]) / lr[n], averaged over the epoch with the learning rates as weights
            "l1_pressure": (self.threshold - before) / lr_epoch,
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
        # Deep networks may need some epochs until the first spike reaches the output: not before half-time.
        silent = self.end_silent and self.meter.silent_epochs >= SILENT_EPOCHS
        if silent and 2 * self.epoch >= self.config.epochs:
            return f"silent: no output neuron fired in the validation of {self.meter.silent_epochs} epochs"
        return None

    @property
    def done(self) -> bool:
        """All epochs trained, or ended early for a reason."""
        return self.epoch >= self.config.epochs or self.reason is not None

    @property
    def threshold(self) -> float:
        """The threshold d that now cuts the weights, in weight units: D f(u), or what the pruner learned."""
        if self.pruner.drive == "threshold":
            return self._moment(self.epoch * self.steps_per_epoch).threshold
        return self.pruner.threshold

    def _moment(self, step: int) -> pruners.Moment:
        """Where the training stands after ``step`` optimiser steps."""

        def inside(n: int) -> float:
            return float(window(n / self.total_steps, self.config.window_start, self.config.window_end))

        u = step / self.total_steps
        shape = float(self.schedule(u))
        return pruners.Moment(
            step=step,
            steps=self.total_steps,
            progress=u,
            window=inside(step),
            shape=shape,
            lr=float(self.lrs[max(step - 1, 0)]),
            threshold=self.final_threshold * shape,
            closes=step > 0 and inside(step) == 1 > inside(step - 1),
        )

    def _train_epoch(self) -> tuple[float, float]:
        """One pass over the training part in a new order; mean loss and accuracy over its samples."""
        self.model.train()
        order = torch.randperm(len(self.train_split), generator=self.order)
        order = order[: self.steps_per_epoch * self.batch_size]
        step = self.epoch * self.steps_per_epoch
        losses, hits = [], []
        augment = self.config.augment
        for x, y in data.batches(self.train_split, order, self.batch_size, augment=augment):
            for group in self.optimizer.param_groups:
                group["lr"] = float(self.lrs[step])
            activity = mean_activity(self.model, x, self.precision)
            loss = self.loss(activity, y)
            step += 1
            moment = self._moment(step)
            penalty = self.pruner.penalty(moment)
            self.optimizer.zero_grad()
            (loss if penalty is None else loss + penalty).backward()
            self.pruner.before_step(moment)
            self.optimizer.step()
            self.pruner.after_step(moment)
            losses.append(loss.detach())
            hits.append((activity.detach().argmax(1) == y).float().mean())
        return float(torch.stack(losses).mean()), float(torch.stack(hits).mean())

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on: plain data and tensors, loadable with weights_only."""
        return {
            "config": self.config.model_dump(mode="json"),
            "epoch": self.epoch,
            "wall_s": self.wall_s,
            "reason": self.reason,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "meter": self.meter.state_dict(),
            "order": self.order.get_state(),
            "randomness": self.randomness.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``, which must come from a run of the same config."""
        theirs, mine = state["config"], self.config.model_dump(mode="json")
        different = [key for key in mine if key not in PLACE and theirs.get(key) != mine[key]]
        if different:
            lines = [
                f"{key}: the checkpoint has {theirs.get(key)!r}, the run {mine[key]!r}" for key in different
            ]
            raise ConfigError(lines)
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.meter.load_state_dict(state["meter"])
            self.order.set_state(state["order"].cpu())
            self.randomness.load([one.cpu() for one in state["randomness"]])
            self.epoch, self.wall_s, self.reason = state["epoch"], state["wall_s"], state["reason"]
        except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            if out_of_memory(error):
                raise  # of this machine, not of the state
            what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ConfigError([f"not the state of a training, or of another version: {what}"]) from None

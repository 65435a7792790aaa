"""A tiny spiking network, a tiny task and the training's loop, to run any pruner in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn
from torch.nn import functional as F

from trainables import cost, neurons, schedules
from trainables.pruners import PRUNERS, Moment, attach, prunable

T = 2
CLASSES = 3

# Options of the contract tests, one row per pruner: a pruner without its row fails at collection.
SETTINGS: dict[str, dict[str, Any]] = {
    "dense": {},
    "stds": {"final_threshold": 0.15},
    "st": {"final_threshold": 0.15},
    "nspdi": {"final_threshold": 0.15, "pruner_strength": 0.2},
    "str": {"pruner_strength": 12.0},
    "grad_r": {"pruner_strength": 0.5},
    "deep_r": {"pruner_strength": 0.5},
    "agp": {},
    "admm": {"pruner_strength": 0.1},
    "set": {},
    "rigl": {},
    "upr": {"pruner_strength": 3e-5},
}

SHAPES = {"linear": (7,), "conv1d": (2, 9), "conv2d": (2, 6, 6), "conv3d": (2, 4, 4, 4)}
DEFAULTS = {
    "exempt": (),
    "final_sparsity": 0.8,
    "final_threshold": 0.0,
    "pruner_strength": None,
    "update_steps": 2,
    "drop_fraction": 0.4,
    "layer_weighting": "none",
    "scheduler": "linear",
    "window_start": 0.0,
    "window_end": 0.75,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Bit for bit holds on one thread, and tiny networks are fastest there. Works in files that import it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Repeat(nn.Module):
    """[N, ...] -> [T, N, ...]"""

    def forward(self, x: Tensor) -> Tensor:
        return x.expand(T, *x.shape)


def lif() -> nn.Module:
    node: nn.Module = neuron.LIFNode(
        1.5, v_threshold=0.3, surrogate_function=surrogate.ATan(), detach_reset=True, step_mode="m"
    )
    return node


def network(kind: str) -> nn.Sequential:
    """Two prunable layers, the first of ``kind``, each followed by spiking neurons."""
    if kind == "linear":
        first = layer.Linear(7, 12, step_mode="m")
    else:
        first = getattr(layer, f"Conv{kind[-2:]}")(2, 5, 3, padding=1, step_mode="m")
    shape = SHAPES[kind]
    features = 12 if kind == "linear" else 5 * int(torch.tensor(shape[1:]).prod())
    flatten = layer.Flatten(step_mode="m")
    return nn.Sequential(
        Repeat(), first, lif(), flatten, layer.Linear(features, CLASSES, step_mode="m"), lif()
    )


class Run:
    """One pruned training of ``network(kind)``; the loop is the training's."""

    def __init__(
        self, name: str, kind: str = "conv2d", steps: int = 12, optimizer: str = "adam", **options: Any
    ) -> None:
        torch.manual_seed(0)
        self.kind, self.steps = kind, steps
        self.model: nn.Module = network(kind)
        shape = SHAPES[kind]
        self.x = torch.randn(8, *shape)
        self.y = torch.arange(8) % CLASSES
        geometry = SimpleNamespace(uses=cost.geometry(self.model, shape).uses, shape=shape)
        neurons.fuse(self.model)
        self.options = SimpleNamespace(**DEFAULTS | SETTINGS[name] | options)
        self.pruner = attach(self.model, name, self.options, geometry)
        parameters = self.model.parameters()
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(parameters, 0.02) if optimizer == "adam" else torch.optim.SGD(parameters, 0.1)
        )
        self.done = 0
        self.pruner.start(self.moment(0))

    def moment(self, step: int) -> Moment:
        start, end = self.options.window_start, self.options.window_end
        u = step / self.steps
        window = float(schedules.window(u, start, end))
        shape = float(schedules.curve(self.options.scheduler, start, end)(u))
        before = float(schedules.window((step - 1) / self.steps, start, end))
        lr = float(self.optimizer.param_groups[0]["lr"])
        threshold = self.options.final_threshold * shape
        return Moment(step, self.steps, u, window, shape, lr, threshold, closes=before < 1 <= window)

    def output(self) -> Tensor:
        functional.reset_net(self.model)
        rates: Tensor = self.model(self.x).mean(0)
        return rates

    def loss(self) -> Tensor:
        return F.mse_loss(self.output(), F.one_hot(self.y, CLASSES).float())

    def step(self, count: int = 1) -> Run:
        for _ in range(count):
            self.done += 1
            moment = self.moment(self.done)
            loss = self.loss()
            penalty = self.pruner.penalty(moment)
            self.optimizer.zero_grad()
            (loss if penalty is None else loss + penalty).backward()
            self.pruner.before_step(moment)
            self.optimizer.step()
            self.pruner.after_step(moment)
        return self

    def finish(self) -> Run:
        return self.step(self.steps - self.done)

    def weights(self) -> list[Tensor]:
        return [weight_of(found).detach().clone() for found in prunable(self.model).values()]


def weight_of(found: nn.Module) -> Tensor:
    weight: Tensor = found.weight  # type: ignore[assignment]
    return weight


def single(found: nn.Module, name: str, **options: Any) -> Any:
    """A pruner on one plain layer, all weights used once."""
    uses = {key: torch.ones(()) for key in prunable(found)}
    geometry = SimpleNamespace(uses=uses, shape=())
    return attach(found, name, SimpleNamespace(**DEFAULTS | options), geometry)


def at(step: int = 1, window: float = 0.5, lr: float = 0.1, **rest: Any) -> Moment:
    """A moment of a 100-step training, for tests of one hook."""
    return Moment(step, 100, step / 100, window, rest.pop("shape", window), lr, **rest)


assert set(SETTINGS) == set(PRUNERS), f"settings and registry differ: {set(SETTINGS) ^ set(PRUNERS)}"

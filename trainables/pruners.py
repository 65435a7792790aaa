"""Pruning methods: one weight map each, attached from outside to every Conv and Linear weight.

A pruner is a ``torch.nn.utils.parametrize`` parametrization shared by all layers of a model: the layer
keeps its original parameter theta and reads its weight as ``pruner(theta)``. So any ``nn.Module`` can be
pruned without knowing it, and the optimiser may be built before or after.

To add a pruner: write one class with ``forward(theta) -> weight`` and add one row to ``PRUNERS``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

PRUNABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class Dense(nn.Module):
    """w = theta: no pruning, the reference."""

    fields: ClassVar[tuple[str, ...]] = ()
    threshold: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from the spine sizes ``theta`` of the same shape."""
        return theta


class STDS(nn.Module):
    """w = sign(theta) max(|theta| - d, 0), dL/dtheta = dL/dw for every theta (Chen et al. ICML 2022).

    The gradient passes straight through, to pruned weights (filopodia) as well, so these go on learning,
    can grow back, and can come back with the other sign. The authors' code multiplies by sign(theta)^2 and
    so freezes a theta that is exactly 0; here it learns too.
    """

    fields: ClassVar[tuple[str, ...]] = (
        "scheduler", "final_threshold", "threshold_unit", "window_start", "window_end",
    )  # fmt: skip
    threshold: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from the spine sizes ``theta`` of the same shape."""
        # theta - clamp(theta, -d, d) is the soft threshold to the last bit; detaching the second term
        # makes its gradient the identity without a custom autograd function.
        return theta - theta.detach().clamp(-self.threshold, self.threshold)


PRUNERS: dict[str, type[Dense] | type[STDS]] = {"dense": Dense, "stds": STDS}


def prunable(model: nn.Module) -> dict[str, nn.Module]:
    """Layers whose weight is pruned, by name: every convolution and linear layer, first and last too."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, PRUNABLE)}


def attach(model: nn.Module, name: str) -> nn.Module:
    """Put the pruner called ``name`` between every prunable layer and its weight; returns the pruner.

    One shared module, hence one global threshold. Initialise weights before: ``nn.init`` on a weight that
    is already parametrised is silently lost.
    """
    pruner = PRUNERS[name]()
    layers = prunable(model)
    if not layers:
        raise ValueError(f"{type(model).__name__} has no convolution or linear layer to prune")
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", pruner)
    return pruner


def set_threshold(pruner: nn.Module, threshold: float) -> None:
    """Set d, in weight units, for all layers that share ``pruner``."""
    pruner.get_buffer("threshold").fill_(threshold)


def bake(model: nn.Module) -> nn.Module:
    """Replace every parametrised weight by its value, in place: plain layers, zeros where pruned."""
    for layer in prunable(model).values():
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return model

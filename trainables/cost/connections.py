"""What is left of a pruned network's connections, counted in weights and in synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.cost.geometry import Geometry


@dataclass(frozen=True)
class Connections:
    """Weights and synapses of a network, in all and not zero."""

    weights: int
    weights_left: int
    synapses: int
    synapses_left: int

    @property
    def sparsity_params(self) -> float:
        """Zero weights / weights, in [0, 1]."""
        return 1 - self.weights_left / self.weights

    @property
    def sparsity_synapses(self) -> float:
        """Lost synapses / synapses, in [0, 1]."""
        return 1 - self.synapses_left / self.synapses


def weight_of(layer: nn.Module) -> Tensor:
    """The weight that the layer computes with, whatever is parametrised; computed at every call."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    return weight.detach()


def indicator(weight: Tensor) -> Tensor:
    """1[w != 0] as float32: sums of it are several times as fast as sums of bool; exact below 2^24."""
    return (weight != 0).float()


def fan(layer: Any, ones: Tensor) -> Tensor:
    """Nonzero weights that leave each input channel and tap, float64 [groups, inputs / groups, *kernel].

    ``ones`` is the weight's indicator [outputs, inputs / groups, *kernel]. The result is the weight of the
    convolution (or, as [1, inputs], of the matrix) that adds up all outputs of a group.
    """
    groups = getattr(layer, "groups", 1)
    return ones.reshape(groups, -1, *ones.shape[1:]).sum(1).double()


@torch.no_grad()
def connections(model: nn.Module, geometry: Geometry) -> Connections:
    """Count the weights of all layers as the network uses them now (pruned or baked)."""
    weights_left = synapses_left = 0
    for name, uses in geometry.uses.items():
        layer = model.get_submodule(name)
        ones = indicator(weight_of(layer))
        taps = fan(layer, ones).sum((0, 1)).cpu()
        weights_left += int(taps.sum())
        synapses_left += int((taps * uses).sum())
    weights = sum(geometry.weights.values())
    return Connections(weights, weights_left, geometry.synapses, synapses_left)

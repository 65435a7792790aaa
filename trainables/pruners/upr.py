"""Learned masks on weights and on neurons, paid for by the synapse."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from trainables.pruners import neuron_masks
from trainables.pruners.base import Moment, Pruner, Spines

BETA = (5.0, 1000.0)  # steepness of the gates when pruning starts and when it ends (authors' main.py)


class Gate(nn.Module):
    """x * sigmoid(beta alpha), alpha learned. ``price``: synapses that an entry stands for, broadcasts."""

    beta: Tensor
    price: Tensor

    def __init__(self, alpha: Tensor, price: Tensor) -> None:
        super().__init__()
        self.alpha = nn.Parameter(alpha)
        self.register_buffer("beta", torch.tensor(BETA[0]))
        self.register_buffer("price", price.to(alpha), persistent=False)

    def opening(self) -> Tensor:
        """sigmoid(beta alpha), in [0, 1]."""
        return (self.beta * self.alpha).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Weight from theta, or spikes [T, N, C, H, W] from spikes."""
        return x * self.opening().to(x.dtype)


class UPR(Pruner[Gate]):
    """Unstructured pruning of weights and neurons (Shi et al. ICLR 2024; xyshi2000/Unstructured-Pruning).

    w = theta sigmoid(beta alpha); spikes of a neuron are multiplied by a gate of the same kind, [C, H, W],
    shared over T. The loss gets lambda times the synapses left, sum of price * sigmoid(beta alpha): a
    weight's price is its output positions, a neuron's its fan-out in the dense network. Over the window
    beta grows from 5 to 1000 exponentially; when it closes gates become 0 or 1 (alpha > 0) and the rest of
    the training fine-tunes. Sparsity is not set but results from lambda = ``pruner_strength``; left None it
    is 0.001 / (sum of all prices). The authors' 5e-12 to 5e-11 are 0.02 / sum to 0.2 / sum on their network.

    Departs: prices of weights leave padding out; every neuron whose spikes a pruned layer reads has a gate
    (the authors spare the first and the linear layers); gates learn in the run's own optimiser and at its
    learning rate. Use Adam: the penalty's gradients are too small to move anything at the rate of SGD.
    """

    fields = ("exempt", "pruner_strength", "window_end", "window_start")
    window_end = 0.8  # 800 of 1000 epochs
    strength = 1e-3

    def __init__(self, layers: list[Spines], options: Any) -> None:
        super().__init__(layers, options)
        self.neurons: list[Gate] = []
        self.synapses = 0.0  # sum of all prices

    @property
    def regulariser(self) -> float:
        """lambda, loss per synapse."""
        if self.options.pruner_strength is not None:
            return float(self.options.pruner_strength)
        return self.strength / self.synapses

    @property
    def gates(self) -> list[Gate]:
        """Those of weights, then those of neurons."""
        return self.maps + self.neurons

    def map(self, spines: Spines) -> Gate:
        return Gate(torch.zeros_like(spines.theta), spines.uses)

    def equip(self, model: nn.Module, geometry: Any) -> None:
        layers = {spines.name: spines for spines in self.layers}
        modules = {name: spines.layer for name, spines in layers.items()}
        for name, found in neuron_masks.readers(model, modules, geometry.shape).items():
            if found.layers:
                fan_out = sum(_fan_out(layers[reader]) for reader in found.layers)
                like = layers[found.layers[0]].theta
                gate = Gate(like.new_zeros(found.shape).detach(), like.new_tensor(fan_out))
                neuron_masks.put(model.get_submodule(name), gate)
                self.neurons.append(gate)
        self.synapses = sum(float(gate.price.double().mean()) * gate.alpha.numel() for gate in self.gates)

    def penalty(self, moment: Moment) -> Tensor | None:
        if not moment.pruning:
            return None
        left = [(gate.price * gate.opening()).sum() for gate in self.gates]
        return self.regulariser * torch.stack(left).sum()

    def before_step(self, moment: Moment) -> None:
        """After the window gates rest: an optimiser skips parameters without a gradient."""
        if moment.window == 1 and not moment.closes:
            for gate in self.gates:
                gate.alpha.grad = None

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        start, end = BETA
        for gate in self.gates:
            gate.beta.fill_(start * (end / start) ** moment.window)
            if moment.closes:
                # sigmoid(+-1000) is exactly 1 and 0, so hard gates need no second code path.
                gate.alpha.copy_(torch.where(gate.alpha > 0, 1.0, -1.0))


def _fan_out(spines: Spines) -> float:
    """Synapses from one input neuron into a layer, as the authors count: C_out kernel / stride."""
    layer: Any = spines.layer
    if isinstance(layer, nn.Linear):
        return float(layer.out_features)
    return float(spines.theta.numel() / layer.in_channels / math.prod(layer.stride))

"""What a pruned network costs: zeroed parameters, synapses left, spikes.

Two sparsities, never to be mixed. ``sparsity_params`` counts every weight once, as most papers do.
``sparsity_synapses`` counts a convolution weight once per output position that it serves, padding not
counted, as UPR does (Shi et al. ICLR 2024, "connectivity" is 1 minus this). On the network of STDS the two
differ by a factor of two in what remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

from trainables.pruners import prunable


@dataclass(frozen=True)
class Geometry:
    """How often each weight is used, and how many neurons fire, for one input of the network.

    ``uses[layer]`` broadcasts to the layer's weight: synapses per weight. ``neurons`` counts spiking
    outputs per time step.
    """

    uses: dict[str, Tensor]
    neurons: int


def _taps(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """Output positions at which each kernel tap falls on a real input, shape [kernel]; one dimension."""
    outputs = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    positions = torch.arange(outputs).unsqueeze(0) * stride - padding
    inputs = positions + torch.arange(kernel).unsqueeze(1) * dilation
    return ((inputs >= 0) & (inputs < size)).sum(1)


def _conv_uses(layer: Any, spatial: tuple[int, ...]) -> Tensor:
    """Synapses per weight of a convolution, shape [1, 1, *kernel]: the outer product of its taps."""
    uses = torch.ones((), dtype=torch.int64)
    for d, size in enumerate(spatial):
        kernel, stride, dilation = layer.kernel_size[d], layer.stride[d], layer.dilation[d]
        if layer.padding == "same":
            padding = dilation * (kernel - 1) // 2
        else:
            padding = 0 if layer.padding == "valid" else layer.padding[d]
        uses = uses.unsqueeze(-1) * _taps(size, kernel, stride, padding, dilation)
    return uses[None, None]


def geometry(model: nn.Module, shape: tuple[int, ...]) -> Geometry:
    """Measured by one forward pass of zeros of ``shape`` (one sample, no batch dimension)."""
    uses: dict[str, Tensor] = {}
    neurons = 0
    handles = []

    def on_layer(name: str) -> Any:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(layer, nn.Linear):
                uses[name] = torch.ones((1, 1), dtype=torch.int64)
            else:
                dimensions = len(layer.kernel_size)  # type: ignore[arg-type]
                uses[name] = _conv_uses(layer, tuple(inputs[0].shape[-dimensions:]))

        return hook

    def on_node(node: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal neurons
        neurons += output[0].numel() if node.step_mode == "m" else output.numel()

    for name, layer in prunable(model).items():
        handles.append(layer.register_forward_hook(on_layer(name)))
    for node in spiking_nodes(model):
        handles.append(node.register_forward_hook(on_node))
    training = model.training
    try:
        with torch.no_grad():
            device = next(model.parameters()).device
            model.eval()(torch.zeros(1, *shape, device=device))
    finally:
        model.train(training)
        functional.reset_net(model)
        for handle in handles:
            handle.remove()
    return Geometry(uses, neurons)


def spiking_nodes(model: nn.Module) -> list[nn.Module]:
    """Every SpikingJelly neuron of the network."""
    return [node for node in model.modules() if isinstance(node, neuron.BaseNode)]


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
    """The weight that the layer computes with, whatever is parametrised."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    return weight


@torch.no_grad()
def connections(model: nn.Module, shape_uses: Geometry) -> Connections:
    """Count the weights of all prunable layers as the network uses them now (pruned or baked)."""
    weights = weights_left = synapses = synapses_left = 0
    for name, layer in prunable(model).items():
        alive = weight_of(layer) != 0
        uses = shape_uses.uses[name].to(alive.device).expand_as(alive)
        weights += alive.numel()
        weights_left += int(alive.sum())
        synapses += int(uses.sum())
        synapses_left += int((uses * alive).sum())
    return Connections(weights, weights_left, synapses, synapses_left)


@dataclass
class SpikeCount:
    """Spikes seen, and how many there could have been (neurons x steps x samples)."""

    spikes: float = 0.0
    chances: int = 0
    _sums: list[Tensor] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Mean firing rate: spikes per neuron and step."""
        return self.spikes / self.chances


@contextmanager
def count_spikes(model: nn.Module) -> Iterator[SpikeCount]:
    """Count the spikes of all neurons of ``model`` inside the block; read the result after it."""
    count = SpikeCount()

    def hook(node: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        count._sums.append(output.detach().sum())  # stays on the device: one transfer at the end
        count.chances += output.numel()

    handles = [node.register_forward_hook(hook) for node in spiking_nodes(model)]
    try:
        yield count
        count.spikes = float(torch.stack(count._sums).double().sum()) if count._sums else 0.0
    finally:
        for handle in handles:
            handle.remove()

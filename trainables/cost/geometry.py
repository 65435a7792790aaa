"""How a network uses its weights: synapses per weight, spiking neurons, in the order of the forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

from trainables.pruners import prunable

# Most spiking neurons of SpikingJelly are BaseNodes, a few stand beside it. NonSpiking* give out voltages.
SPIKING = (
    neuron.BaseNode,
    neuron.SimpleBaseNode,
    neuron.GatedLIFNode,
    neuron.PSN,
    neuron.MaskedPSN,
    neuron.SlidingPSN,
)


@dataclass(frozen=True)
class Geometry:
    """How often each weight is used and how many neurons fire, for one sample and one time step.

    ``uses[layer]`` broadcasts to the layer's weight: synapses per weight. ``nodes[node]`` counts the spiking
    neurons. Both in the order of their first call; a layer that the forward pass never calls is in neither.
    A layer called several times (a loop over steps) counts once. ``shape``: the sample's, e.g. (C, H, W).
    ``weights[layer]`` counts the layer's weights.
    """

    uses: dict[str, Tensor]
    nodes: dict[str, int]
    shape: tuple[int, ...]
    weights: dict[str, int]

    def synapses_of(self, layer: str) -> int:
        """Synapses of an unpruned layer: its weights, each as often as it is used."""
        uses = self.uses[layer]
        return int(uses.sum()) * (self.weights[layer] // uses.numel())

    @property
    def synapses(self) -> int:
        """Synapses of the unpruned network."""
        return sum(self.synapses_of(layer) for layer in self.uses)

    @property
    def neurons(self) -> int:
        """Spiking neurons of the network."""
        return sum(self.nodes.values())


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


def _linear_uses(shape: tuple[int, ...], timed: bool, steps: int) -> Tensor:
    """Positions (tokens) that share a linear layer's weight, shape [1, 1]; ``shape`` is [(T,) 1, *, inputs].

    A plain nn.Linear does not know whether its first dimension is time; it is if it has the neurons' T.
    """
    lead = 2 if timed or (len(shape) > 2 and shape[:2] == (steps, 1)) else 1
    return torch.full((1, 1), prod(shape[lead:-1]), dtype=torch.int64)


def geometry(model: nn.Module, shape: tuple[int, ...]) -> Geometry:
    """Measured by one forward pass of zeros of ``shape`` (one sample, no batch dimension)."""
    inputs: dict[str, tuple[int, ...]] = {}
    nodes: dict[str, int] = {}
    steps = 1
    layers = prunable(model)

    def on_layer(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            inputs[name] = tuple(args[0].shape)

        return hook

    def on_node(name: str) -> Callable[..., None]:
        def hook(node: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            nonlocal steps
            timed = is_timed(node)
            steps = len(output) if timed else steps
            nodes[name] = output[0].numel() if timed else output.numel()

        return hook

    handles = [layer.register_forward_hook(on_layer(name)) for name, layer in layers.items()]
    handles += [node.register_forward_hook(on_node(name)) for name, node in spiking_nodes(model).items()]
    modes = [module.training for module in model.modules()]
    try:
        with torch.no_grad():
            device = next(model.parameters()).device
            model.eval()(torch.zeros(1, *shape, device=device))
    finally:
        for module, training in zip(model.modules(), modes, strict=True):
            module.training = training
        functional.reset_net(model)
        for handle in handles:
            handle.remove()
    uses: dict[str, Tensor] = {}
    weights: dict[str, int] = {}
    for name, found in inputs.items():
        layer: Any = layers[name]
        if isinstance(layer, nn.Linear):
            uses[name] = _linear_uses(found, is_timed(layer), steps)
        else:
            uses[name] = _conv_uses(layer, found[-len(layer.kernel_size) :])
        weights[name] = layer.weight.numel()
    return Geometry(uses, nodes, tuple(shape), weights)


def is_timed(module: nn.Module) -> bool:
    """The module takes all time steps at once: [T, N, ...]."""
    return getattr(module, "step_mode", "s") == "m"


def spiking_nodes(model: nn.Module) -> dict[str, nn.Module]:
    """Every spiking SpikingJelly neuron of the network, by name."""
    return {name: node for name, node in model.named_modules() if isinstance(node, SPIKING)}

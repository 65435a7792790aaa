"""Masks on neurons: a gate per neuron [C, H, W], shared over T and N, on the output of a spiking node.

A gate is the child module ``neuron_mask`` of its node and works through a forward hook, so that it is part
of the model's state_dict and follows it to any device. :func:`bake` leaves a fixed one in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

NAME = "neuron_mask"


class FixedGate(nn.Module):
    """spikes * gate; gate [C, H, W], 0 for a neuron that is gone, 1 for one that is there."""

    gate: Tensor

    def __init__(self, gate: Tensor) -> None:
        super().__init__()
        self.register_buffer("gate", gate)

    def forward(self, spikes: Tensor) -> Tensor:
        """Spikes [T, N, C, H, W] or [N, C, H, W]."""
        return spikes * self.gate.to(spikes.dtype)


def _gated(node: nn.Module, inputs: Any, spikes: Tensor) -> Tensor:
    gated: Tensor = node.get_submodule(NAME)(spikes)
    return gated


def put(node: nn.Module, gate: nn.Module) -> None:
    """Let the spikes of ``node`` pass through ``gate`` from now on."""
    if NAME not in node._modules:
        node.register_forward_hook(_gated)
    node._modules[NAME] = gate


def remove(node: nn.Module) -> None:
    """Undo :func:`put`."""
    del node._modules[NAME]
    for key in [key for key, hook in node._forward_hooks.items() if hook is _gated]:
        del node._forward_hooks[key]


def gated(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The nodes of a model that have a gate, by name."""
    for name, node in list(model.named_modules()):
        if NAME in node._modules:
            yield name, node


@torch.no_grad()
def values(model: nn.Module) -> dict[str, Tensor]:
    """The present gates, [C, H, W] in [0, 1], by the name of their node; nodes that have one only."""
    return {name: node.get_submodule(NAME)(torch.ones(())) for name, node in gated(model)}


def bake(model: nn.Module) -> None:
    """Put the present value of every gate in its place, and nothing where all neurons are there."""
    for name, gate in values(model).items():
        node = model.get_submodule(name)
        if bool((gate == 1).all()):
            remove(node)
        else:
            put(node, FixedGate(gate))


def install(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a fresh network the gates that a baked state_dict has; ``load_state_dict`` then takes it."""
    for key, value in state.items():
        if key.endswith(f"{NAME}.gate"):
            node = model.get_submodule(key.removesuffix(f"{NAME}.gate").rstrip("."))
            put(node, FixedGate(torch.ones_like(value)))


@dataclass
class Readers:
    """A spiking node's shape [C, H, W] and the layers that read its spikes, by name."""

    shape: tuple[int, ...]
    layers: list[str] = field(default_factory=list)


def readers(model: nn.Module, layers: Mapping[str, nn.Module], shape: tuple[int, ...]) -> dict[str, Readers]:
    """Who reads whom: for every spiking node the ``layers`` its spikes reach without passing another.

    Found by one backward step: each node's output becomes a source, each layer's output an end, so a layer
    reads the nodes that its input has a gradient for; works through pooling, flattening and residual
    additions. ``shape``: one input sample without batch dimension.
    """
    found: dict[str, Readers] = {}
    sources: dict[str, Tensor] = {}

    def on_node(name: str) -> Any:
        def hook(node: Any, inputs: Any, output: Tensor) -> Tensor:
            found[name] = Readers(tuple(output.shape[2 if node.step_mode == "m" else 1 :]))
            sources[name] = output.detach().requires_grad_()
            return sources[name] * 1  # a leaf must not be changed in place by what follows

        return hook

    def on_layer(name: str) -> Any:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if sources and inputs[0].requires_grad:
                reached = torch.autograd.grad(
                    inputs[0].sum(), list(sources.values()), retain_graph=True, allow_unused=True
                )
                for node, gradient in zip(sources, reached, strict=True):
                    if gradient is not None:
                        found[node].layers.append(name)
            return output.detach()

        return hook

    nodes = {name: node for name, node in model.named_modules() if isinstance(node, neuron.BaseNode)}
    handles = [node.register_forward_hook(on_node(name)) for name, node in nodes.items()]
    handles += [layer.register_forward_hook(on_layer(name)) for name, layer in layers.items()]
    training = model.training
    try:
        with torch.enable_grad():
            model.eval()(torch.zeros(1, *shape, device=next(model.parameters()).device))
    finally:
        model.train(training)
        functional.reset_net(model)
        for handle in handles:
            handle.remove()
    return found

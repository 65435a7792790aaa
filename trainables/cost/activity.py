"""What flows through a network while it is watched: spikes fired, events that reach each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from trainables.cost.geometry import is_timed, spiking_nodes

# Elements of a layer's input that are looked at in one go on a CPU: 1 MiB of float32 stays in the cache.
SLICE = 2**18


@dataclass
class Events:
    """What reached one layer: ``counts`` of nonzero inputs, summed over steps and samples.

    ``counts`` has the shape of one input, float64: [C, H, W], or [inputs] of a linear layer (summed over the
    positions that share it). ``analog``: some input was neither 0 nor 1, so the layer multiplies.
    """

    counts: Tensor | float = 0.0
    analog: Tensor | bool = False

    def add(self, x: Tensor) -> None:
        """One forward call with inputs ``x`` [*, *shape of one input], flattened to [*, ...]."""
        # On a CPU a comparison takes 5 to 20 times as long as a sum; the sign does not.
        parts = x.split(max(1, SLICE // max(1, x[0].numel()))) if x.device.type == "cpu" else (x,)
        counts = torch.zeros_like(x[0], dtype=torch.float32)  # below 2^24 in one call, hence exact
        sums = torch.zeros_like(counts)
        for part in parts:
            counts += part.sign().abs_().sum(0, dtype=torch.float32)
            sums += part.sum(0, dtype=torch.float32)
        # If no input exceeds 1 and they add up to the number of those that are not 0, each of these is a 1.
        analog = (x.amax() > 1) | (counts != sums).any()
        self.analog = analog | self.analog
        self.counts = self.counts + counts.double()


@dataclass
class Activity:
    """Spikes of each node, events of each layer, in the order of their first call."""

    events: dict[str, Events] = field(default_factory=dict)
    fired: dict[str, Tensor] = field(default_factory=dict)  # on the device: one transfer at the end
    could: dict[str, int] = field(default_factory=dict)

    @property
    def spikes(self) -> float:
        """Spikes of all neurons."""
        return float(sum(float(fired) for fired in self.fired.values()))

    @property
    def chances(self) -> int:
        """Neurons x steps x samples: how many spikes there could have been."""
        return sum(self.could.values())

    @property
    def rate(self) -> float:
        """Mean firing rate: spikes per neuron and step."""
        return self.spikes / self.chances


@contextmanager
def watch(model: nn.Module, layers: Iterable[str] = ()) -> Iterator[Activity]:
    """Record the spikes of all nodes and the inputs of ``layers`` in the forward passes of the block."""
    activity = Activity()

    def on_layer(name: str, trailing: int) -> Callable[..., None]:
        def hook(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            one = args[0].shape[-trailing:]
            events, known = activity.events.setdefault(name, Events()), _sums_of(args[0], one)
            if known is None:
                events.add(args[0].detach().reshape(-1, *one))
            else:
                events.counts = events.counts + known

        return hook

    def on_node(name: str) -> Callable[..., None]:
        def hook(node: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            # Over steps and samples first: these sums stay below 2^24, hence exact in float32.
            spikes = output.detach()
            sums = (spikes.flatten(0, 1) if is_timed(node) else spikes).sum(0, dtype=torch.float32)
            if _is_binary(node) and output.is_contiguous() and not output.is_inference():
                output._spike_sums = (sums, output._version)  # type: ignore[attr-defined]
            activity.fired[name] = activity.fired.get(name, 0) + sums.sum(dtype=torch.float64)
            activity.could[name] = activity.could.get(name, 0) + output.numel()

        return hook

    handles = [node.register_forward_hook(on_node(name)) for name, node in spiking_nodes(model).items()]
    for name in layers:
        layer = model.get_submodule(name)
        trailing = len(getattr(layer, "kernel_size", ())) + 1
        handles.append(layer.register_forward_hook(on_layer(name, trailing)))
    try:
        yield activity
    finally:
        for handle in handles:
            handle.remove()


def _is_binary(node: Any) -> bool:
    """Certain to give out only 0 and 1: a plain neuron, and no hook but ours that may change its output."""
    plain = type(node) in (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode)
    return plain and node.surrogate_function.spiking and len(node._forward_hooks) == 1


def _sums_of(x: Tensor, one: torch.Size) -> Tensor | None:
    """Events at each input, shape ``one``, from the sums that a neuron's hook made of the same values, if so.

    Saves half of the time of watching a small network: most layers read what a neuron has just written.
    """
    whole = x if hasattr(x, "_spike_sums") else x._base  # the output itself, or what it is another shape of
    known = getattr(whole, "_spike_sums", None)
    if whole is None or known is None or x.numel() != whole.numel() or not x.is_contiguous():
        return None
    sums, version = known
    if version != x._version or sums.numel() % one.numel():  # written to since; time among the inputs
        return None
    events: Tensor = sums.reshape(-1, *one).sum(0).double()
    return events

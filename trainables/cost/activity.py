"""What flows through a network while it is watched: spikes fired, events that reach each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trainables.cost.geometry import spiking_nodes

# Elements of a layer's input that are looked at in one go on a CPU: 1 MiB of float32 stays in the cache.
SLICE = 2**18


@dataclass
class Events:
    """What reached one layer: ``counts`` of nonzero inputs, summed over steps and samples.

    ``counts`` has the shape of one input, float64: [C, H, W], or [inputs] of a linear layer (summed over the
    positions that share it). ``analog``: some input was neither 0 nor 1, so the layer multiplies.
    """

    counts: Tensor | None = None
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
        self.counts = counts.double() if self.counts is None else self.counts.add_(counts)


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
            x = args[0].detach()
            activity.events.setdefault(name, Events()).add(x.reshape(-1, *x.shape[-trailing:]))

        return hook

    def on_node(name: str) -> Callable[..., None]:
        def hook(node: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            # In two stages: a float32 sum over steps and samples alone stays below 2^24, hence exact.
            fired = output.detach().flatten(0, 1).sum(0, dtype=torch.float32).sum(dtype=torch.float64)
            activity.fired[name] = activity.fired.get(name, 0) + fired
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

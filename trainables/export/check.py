"""Whether an export computes what the network computes: both run on the same samples, spike for spike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

from trainables.export.exchange import from_nir


@dataclass(frozen=True)
class Agreement:
    """What a network and its export did with the same ``samples``, as fractions in [0, 1].

    ``spikes``: (neuron, step, sample) triples with equal spikes. ``classes``: samples with the same winner;
    where several classes win within 1e-6, any of them counts, since the order of a sum decides.
    """

    spikes: float
    neurons: int
    classes: float
    samples: int


@torch.no_grad()
def agreement(model: nn.Module, path: Path, x: Tensor) -> Agreement:
    """Read ``path`` back and run it beside ``model`` on x [N, C, H, W], or [T, N, C, H, W] for frames."""
    expected: dict[str, Tensor] = {}
    found: dict[str, Tensor] = {}
    model.eval()
    functional.reset_net(model)
    names = {  # in the module -> in the graph, where torch.fx gave it
        name: f"_{name}".replace(".", "_") if name[0].isdigit() else name.replace(".", "_")
        for name, module in model.named_modules()
        if isinstance(module, neuron.BaseNode)
    }
    activity = _record(model, names, x, expected)
    functional.reset_net(model)
    rates, steps = activity.mean(0), len(activity)
    frames = x if x.dim() > 4 else x.expand(steps, *x.shape)
    again = _record(from_nir(path), {name: name for name in names.values()}, frames, found)
    won = again.mean(0).argmax(1)
    equal = sum(int((expected[name] == found[name]).sum()) for name in expected)
    winners = rates.gather(1, won[:, None])[:, 0] >= rates.max(1).values - 1e-6
    total = sum(spikes.numel() for spikes in expected.values())
    samples = len(won)
    return Agreement(equal / total, total // (steps * samples), float(winners.float().mean()), samples)


def _record(net: nn.Module, names: Mapping[str, str], x: Tensor, spikes: dict[str, Tensor]) -> Tensor:
    """Run ``net``, keep the output of the layers called ``names`` (own name -> key); the output."""

    def keep(key: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            spikes[key] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [net.get_submodule(name).register_forward_hook(keep(key)) for name, key in names.items()]
    try:
        output = net(x)
    finally:
        for handle in handles:
            handle.remove()
    result: Tensor = output[0] if isinstance(output, tuple) else output
    return result

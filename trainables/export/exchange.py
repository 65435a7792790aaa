"""NIR, the exchange format of neuromorphic software and chips (Pedersen et al. Nature Communications 2024).

SpikingJelly's exporter writes the graph; here a network is brought into the layers that it knows. NIR is in
continuous time and seconds. A step of SpikingJelly's neurons is one Euler step of ``DT_S`` = 1e-4 s, the
value that importers take when they are told nothing:

    IF     dv/dt = R I                  R = 1 / dt        v += x
    LIF    tau dv/dt = v_leak - v + R I    tau = tau_steps dt,  v_leak = v_reset
           R = 1 for decay_input=True:     v += (x - (v - v_reset)) / tau_steps
           R = tau_steps for False:        v += x - (v - v_reset) / tau_steps

then a spike where v reaches v_threshold, and a hard reset to v_reset; NIR has no soft reset. NIR fires at
v > v_threshold, SpikingJelly at v >= v_threshold: the two differ where v hits the threshold exactly.

What NIR has no node for and is the same computation all the same:

    direct encoding    its stem, in every step: a constant current
    maximum of spikes  AvgPool2d of k taps, then an IF neuron of threshold 1 / (2 k): the mean of k spikes is
                       0 or at least 1 / k, so it fires where any tap does, and is at 0 after every step
    voting layer       Linear with weights 1 / voters

A maximum of currents has no such form: linear layers and spikes alone can't pass on the larger of two reals.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nir
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from trainables.checkpoint import atomically
from trainables.errors import ConfigError
from trainables.export.onestep import calls, fold_batchnorm, replace
from trainables.pruners import neuron_masks

DT_S = 1e-4

# What the exporter maps, by exact class.
NODES = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool2d, nn.Flatten),
    *(layer.Linear, layer.Conv1d, layer.Conv2d, layer.AvgPool2d, layer.Flatten),
    *(neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode, neuron.CUBALIFNode),
)


def to_nir(
    model: nn.Module, shape: tuple[int, ...], path: Path, metadata: Mapping[str, str] | None = None
) -> nir.NIRGraph:
    """Write one step of baked ``model``, for inputs of ``shape`` (no batch dimension); returns the graph.

    ConfigError with a line for every layer that NIR can't express; nothing is written then.
    """
    net = expressible(model, shape)
    graph = export_to_nir(net, torch.zeros(1, *shape), dt=DT_S)
    graph.metadata = {**(metadata or {}), "dt_s": str(DT_S)}
    atomically(path, lambda scratch: nir.write(scratch, graph))
    return graph


def from_nir(path: Path) -> fx.GraphModule:
    """The network in ``path``: maps currents [T, N, *shape] to (class activity [T, N, classes], state)."""
    net: fx.GraphModule = import_from_nir(path, dt=DT_S, step_mode="m")
    return net


def expressible(model: nn.Module, shape: tuple[int, ...]) -> fx.GraphModule:
    """One step of ``model`` in layers that have a NIR node; ConfigError names those that have none."""
    net = fold_batchnorm(model)
    ShapeProp(net).propagate(torch.zeros(1, *shape))
    functional.reset_net(net)
    sizes = {node: node.all_input_nodes[0].meta["tensor_meta"].shape for node, _ in calls(net)}
    for node, module in calls(net):
        if isinstance(module, nn.MaxPool2d) and _spikes(net, node) and (layers := _any_spike(module)):
            replace(net, node, *layers)
        elif isinstance(module, layer.VotingLayer):
            replace(net, node, _vote(sizes[node][-1], module.voting_size))
        elif isinstance(module, nn.AdaptiveAvgPool2d) and (pool := _fixed(module, sizes[node])):
            replace(net, node, pool)
    problems = [
        f"the function {_name(node)} has no NIR node; known: addition, flatten"
        for node in net.graph.nodes
        if node.op in ("call_function", "call_method") and _name(node) != "add"
    ]
    runs = Counter(id(module) for _, module in calls(net))
    for node, module in calls(net):
        problem = _problem(module)
        if isinstance(module, neuron.BaseNode) and runs[id(module)] > 1:
            problem = "neurons that run twice a step share a state; nearest valid: two layers of neurons"
        if problem:
            problems.append(f"{node.target}: {problem}")
    if problems:
        raise ConfigError([f"NIR: {problem}" for problem in problems])
    net.delete_all_unused_submodules()
    net.recompile()
    return net


def _problem(module: Any) -> str | None:
    """Why NIR can't express the layer, and what it can."""
    if neuron_masks.NAME in module._modules:
        return "masks on single neurons (upr) have no NIR node; nearest valid: --format safetensors"
    if isinstance(module, nn.MaxPool2d):
        return (
            "a maximum has a NIR form for spikes alone, in plain windows; nearest valid: max pooling "
            "directly after the neurons (ceil_mode=False, dilation=1), average pooling, or a stride "
            '(digits_net: network_args {"pool": "stride"})'
        )
    if type(module) not in NODES:
        known = sorted({kind.__name__ for kind in NODES})
        return f"{type(module).__name__} has no NIR node; known: {', '.join(known)}"
    if isinstance(module, neuron.BaseNode) and module.v_reset is None:
        return "NIR has no soft reset; nearest valid: v_reset=0.0"
    if getattr(module, "groups", 1) != 1 or getattr(module, "padding_mode", "zeros") != "zeros":
        return "SpikingJelly's exporter takes convolutions with groups=1 and padding_mode='zeros' only"
    return None


def _spikes(net: fx.GraphModule, node: fx.Node) -> bool:
    """Whether what reaches ``node`` comes straight from neurons."""
    source = node.all_input_nodes[0]
    return source.op == "call_module" and isinstance(net.get_submodule(str(source.target)), neuron.BaseNode)


def _any_spike(pool: nn.MaxPool2d) -> tuple[nn.Module, ...]:
    """The maximum over spikes as a mean and a threshold; nothing where the windows are not plain."""
    if pool.ceil_mode or pool.dilation not in (1, (1, 1)):
        return ()
    kernel, stride, padding = (_pair(size) for size in (pool.kernel_size, pool.stride, pool.padding))
    fire = neuron.IFNode(v_threshold=0.5 / math.prod(kernel), v_reset=0.0)
    return nn.AvgPool2d(kernel, stride, padding), fire.eval()


def _name(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target))


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _vote(inputs: int, voters: int) -> nn.Linear:
    vote = nn.Linear(inputs, inputs // voters, bias=False)
    vote.weight = nn.Parameter(torch.eye(inputs // voters).repeat_interleave(voters, 1) / voters)
    return vote


def _fixed(pool: nn.AdaptiveAvgPool2d, size: tuple[int, ...]) -> nn.AvgPool2d | None:
    """The same pooling with a window of fixed size, where the output divides the input."""
    outputs = _pair(pool.output_size)
    if any(out is None or side % out for side, out in zip(size[-2:], outputs, strict=True)):
        return None
    kernel = (size[-2] // outputs[0], size[-1] // outputs[1])
    return nn.AvgPool2d(kernel, kernel, (0, 0))

"""Nodes, currents and the comparison that the tests of the neurons share."""

from __future__ import annotations

import copy

import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor

from trainables.neurons import fuse

NODES = {
    "if": (neuron.IFNode, {}),
    "lif": (neuron.LIFNode, {"tau": 2.0}),
    "lif tau 1.7": (neuron.LIFNode, {"tau": 1.7}),
    "lif input kept": (neuron.LIFNode, {"tau": 3.0, "decay_input": False}),
    "plif": (neuron.ParametricLIFNode, {"init_tau": 1.7}),
    "plif input kept": (neuron.ParametricLIFNode, {"init_tau": 3.0, "decay_input": False}),
}
LAYOUTS = ["contiguous", "channels_last", "constant current", "strided", "time last", "empty batch"]
SHAPE = (5, 3, 4, 6, 6)  # T, N, C, H, W


def currents(layout: str) -> Tensor:
    """[T=5, N=3, C=4, H=6, W=6] in a memory layout that a network may produce."""
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(7)) * 1.5 + 0.5
    if layout == "channels_last":
        return x.flatten(0, 1).to(memory_format=torch.channels_last).unflatten(0, SHAPE[:2])
    if layout == "constant current":
        return x[0].expand(SHAPE)
    if layout == "strided":
        return torch.cat([x, x], dim=-1)[..., ::2]
    if layout == "time last":
        return x.movedim(0, -1).contiguous().movedim(-1, 0)
    return x[:, :0] if layout == "empty batch" else x


def node_of(kind: str, function: type[surrogate.SurrogateFunctionBase] = surrogate.ATan, **options: object):
    cls, arguments = NODES[kind]
    return cls(surrogate_function=function(), step_mode="m", **arguments, **options)


def compare(node: neuron.BaseNode, x: Tensor, sequences: int = 2) -> Tensor:
    """A node against its fused copy over sequences without a reset; returns the spikes.

    Spikes and potentials to the bit; gradients of currents and parameters to 1e-6 of the largest one.
    """
    fused = copy.deepcopy(node)
    assert fuse(fused) == {}
    a, b = x.detach().requires_grad_(), x.detach().requires_grad_()
    expected = torch.cat([node(a) for _ in range(sequences)])
    got = torch.cat([fused(b) for _ in range(sequences)])
    assert torch.equal(got, expected)
    assert torch.equal(fused.v, node.v)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    # the last potential has a gradient of its own
    ((expected * weights).sum() + node.v.sum()).backward()
    ((got * weights).sum() + fused.v.sum()).backward()
    pairs = [(b.grad, a.grad)]
    pairs += [(q.grad, p.grad) for p, q in zip(node.parameters(), fused.parameters(), strict=True)]
    for mine, theirs in pairs:
        # a parameter's gradient is a sum over 2160 neurons and steps, whose order differs: against float64
        # SpikingJelly's is up to 6.5e-6 off, the kernel's 5.1e-6 (60 random inputs of 840)
        tolerance = 1e-6 if mine.dim() else 4e-6
        scale = max(float(theirs.abs().max()) if theirs.numel() else 0.0, 1e-30)
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance * scale)
    return expected.detach()

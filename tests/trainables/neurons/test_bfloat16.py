"""bfloat16 currents: float32 arithmetic between roundings, through SpikingJelly's layers in any layout."""

from __future__ import annotations

import copy

import pytest
import torch
from spikingjelly.activation_based import layer, neuron
from torch import Tensor, nn

from tests.trainables.neurons.cases import NODES, currents, node_of
from trainables import machine
from trainables.neurons import fuse


def both(kind: str, x: Tensor, **options: object) -> list[tuple[Tensor, Tensor, Tensor, list[Tensor]]]:
    """Spikes, potential and gradients of a fused node, with the same values as float32 and as bfloat16."""
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        node, leaf = node_of(kind, **options), x.detach().to(dtype).requires_grad_()
        fuse(node)
        spikes = node(leaf)
        assert spikes.dtype == dtype
        assert node.v.dtype == torch.float32
        weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
        spikes.backward(weights.to(dtype))
        assert leaf.grad.dtype == dtype
        results.append((spikes.float(), node.v, leaf.grad.float(), [p.grad for p in node.parameters()]))
    return results


@pytest.mark.parametrize("v_reset", [-0.3, None])
@pytest.mark.parametrize("kind", NODES)
def test_same_spikes_and_rounded_gradients(kind: str, v_reset: float | None) -> None:
    """bfloat16 values pass the float32 kernel unrounded: spikes and potentials are equal to the bit.

    A gradient sees the saved potential and itself rounded to 8 bits: relative errors of 2^-8 a step.
    """
    x = currents("channels_last").bfloat16().float()
    exact, rounded = both(kind, x, v_reset=v_reset)
    assert torch.equal(rounded[0], exact[0])
    assert torch.equal(rounded[1], exact[1])
    assert float((rounded[2] - exact[2]).norm() / exact[2].norm()) < 2**-7
    for mine, theirs in zip(rounded[3], exact[3], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("threshold", [1.0, 0.3, -0.3, 1e-3])
def test_rounding_never_carries_a_potential_across_the_threshold(threshold: float) -> None:
    """Detached hard reset, two steps: dL/dx[0] holds dv/dh = 0 exactly where the neuron fired.

    Potentials within a hundredth of a bfloat16 step of the threshold; they round onto or across it.
    """
    node = neuron.IFNode(v_threshold=threshold, detach_reset=True, step_mode="m")
    node.surrogate_function = type(node_of("if").surrogate_function)(alpha=1e-6)  # only the reset path counts
    fuse(node)
    start = threshold + torch.linspace(-1, 1, 201) * abs(threshold) * 2**-14
    node.v = start
    x = torch.zeros(2, 201, dtype=torch.bfloat16).requires_grad_()
    spikes = node(x)
    assert torch.equal(spikes[0].bool(), start >= threshold)
    node.v.sum().backward()
    carried = x.grad[0].float().abs() > 0.5
    assert torch.equal(carried & ~spikes[1].bool(), ~spikes[0].bool() & ~spikes[1].bool())
    assert not carried[spikes[0].bool()].any()


def test_nan_stays_nan() -> None:
    node = node_of("if")
    fuse(node)
    node(torch.full((2, 3), float("nan"), dtype=torch.bfloat16))
    assert node.v.isnan().all()


def blocks() -> nn.Module:
    """conv, batch norm, node, pooling, conv, node: SpikingJelly's own layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        layer.Conv2d(3, 8, 3, padding=1, bias=False, step_mode="m"),
        layer.BatchNorm2d(8, step_mode="m"),
        node_of("lif", detach_reset=True),
        layer.MaxPool2d(2, step_mode="m"),
        layer.Conv2d(8, 4, 3, padding=1, step_mode="m"),
        node_of("if"),
    )


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_layout_and_dtype_survive_the_network(precision: torch.dtype) -> None:
    """channels_last goes through layers and fused nodes, there and back, and no tensor is copied for it."""
    cpu = torch.device("cpu")
    model = machine.prepare(blocks(), cpu, precision, torch.get_num_threads())
    fuse(model)
    seen: list[tuple[str, Tensor]] = []

    def forward(_: nn.Module, given: tuple[Tensor], out: Tensor) -> None:
        seen.extend([("in", given[0]), ("out", out)])

    def backward(_: nn.Module, into: tuple[Tensor], out: tuple[Tensor]) -> None:
        seen.extend([("dx", into[0]), ("ds", out[0])])

    for node in (model[2], model[5]):
        node.register_forward_hook(forward)
        node.register_full_backward_hook(backward)
    x = machine.images(torch.randn(4, 2, 3, 8, 8), precision)
    with machine.autocast(cpu, precision):
        model(x).float().square().sum().backward()
    assert len(seen) == 8
    for way, tensor in seen[:-2]:
        frames = tensor.flatten(0, 1)
        assert frames.data_ptr() == tensor.data_ptr(), way
        assert frames.is_contiguous(memory_format=torch.channels_last), way
        assert tensor.dtype == precision, way
    copies = copied(lambda: model[2](seen[0][1].detach().requires_grad_()))
    assert copies == 0


def copied(call: object) -> int:
    """How many copy operations a call makes."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        call()  # type: ignore[operator]
    return sum(event.count for event in profile.key_averages() if event.key == "aten::copy_")


def test_autocast_step_learns_like_float32() -> None:
    """The weight gradients of one step agree within what bfloat16 resolves."""
    gradients = []
    for precision in (torch.float32, torch.bfloat16):
        model = copy.deepcopy(blocks())
        fuse(model)
        x = torch.randn(4, 2, 3, 8, 8, generator=torch.Generator().manual_seed(2)) * 2
        with machine.autocast(torch.device("cpu"), precision):
            model(x).float().mean((0, 3, 4)).square().sum().backward()
        gradients.append(model[0].weight.grad)
    exact, rounded = gradients
    assert rounded.dtype == torch.float32
    assert float((rounded - exact).norm() / exact.norm()) < 0.25  # a few spikes differ

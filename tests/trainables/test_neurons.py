from __future__ import annotations

import copy
import itertools
import subprocess
import sys

import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor

from trainables import native, neurons
from trainables.neurons import Dynamics, fuse, lif, unfuse

NODES = {
    "if": (neuron.IFNode, {}),
    "lif": (neuron.LIFNode, {"tau": 2.0}),
    "lif tau 1.7": (neuron.LIFNode, {"tau": 1.7}),
    "lif input kept": (neuron.LIFNode, {"tau": 3.0, "decay_input": False}),
}
LAYOUTS = ["contiguous", "channels_last", "constant current", "strided"]


def currents(layout: str) -> Tensor:
    """[T=5, N=3, C=4, H=6, W=6] in a memory layout that a network may produce."""
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(5, 3, 4, 6, 6, generator=generator) * 1.5 + 0.5
    if layout == "channels_last":
        return x.flatten(0, 1).to(memory_format=torch.channels_last).unflatten(0, (5, 3))
    if layout == "constant current":
        return x[0].expand(5, 3, 4, 6, 6)
    if layout == "strided":
        return torch.cat([x, x], dim=-1)[..., ::2]
    return x


def node_of(kind: str, **options: object) -> neuron.BaseNode:
    cls, arguments = NODES[kind]
    return cls(surrogate_function=surrogate.ATan(), step_mode="m", **arguments, **options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize(("v_reset", "detach"), list(itertools.product([0.0, -0.3, None], [True, False])))
def test_fused_node_equals_spikingjelly(kind: str, layout: str, v_reset: float | None, detach: bool) -> None:
    """Spikes and potentials to the bit, gradients to 1e-6 relative, over two sequences without a reset."""
    node = node_of(kind, v_reset=v_reset, detach_reset=detach)
    fused = copy.deepcopy(node)
    assert fuse(fused) == {}
    x = currents(layout)
    a, b = x.detach().requires_grad_(), x.detach().requires_grad_()
    weights = torch.randn(10, 3, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    expected = torch.cat([node(a), node(a)])
    got = torch.cat([fused(b), fused(b)])
    assert 0.05 < expected.mean() < 0.6
    assert torch.equal(got, expected)
    assert torch.equal(fused.v, node.v)
    (expected * weights).sum().backward()
    (got * weights).sum().backward()
    torch.testing.assert_close(b.grad, a.grad, rtol=1e-6, atol=1e-6 * float(a.grad.abs().max()))


def test_golden_trace() -> None:
    """tau 2, threshold 1, constant current 1.5, from rest: h = 0.75, then (0.75 + 1.5)/2 = 1.125 fires."""
    x = torch.full((4, 1), 1.5)
    spikes, charged, v = neurons.lif_forward(x, torch.zeros(1), Dynamics(tau=2.0))
    assert charged.flatten().tolist() == [0.75, 1.125, 0.75, 1.125]
    assert spikes.flatten().tolist() == [0, 1, 0, 1]
    assert v.tolist() == [0.0]
    assert torch.equal(lif(x, torch.zeros(1), Dynamics(tau=2.0))[0], spikes)


def test_surrogate_is_the_derivative_of_arctangent() -> None:
    """One IF step: dL/dx is the derivative of atan(pi alpha u / 2)/pi + 1/2, by central differences."""
    u = torch.linspace(-3, 3, 61, dtype=torch.float64)
    x = (u + 1).unsqueeze(0).requires_grad_()
    lif(x, torch.zeros_like(u), Dynamics(mode="if", alpha=2.0))[0].sum().backward()

    def primitive(z: Tensor) -> Tensor:
        return torch.atan(torch.pi * z) / torch.pi + 0.5

    numeric = (primitive(u + 1e-6) - primitive(u - 1e-6)) / 2e-6
    torch.testing.assert_close(x.grad[0], numeric, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_kernel_equals_the_pure_functions(threads: int) -> None:
    if native.library() is None:
        pytest.skip("no C compiler on this machine")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x, grad = torch.randn(6, 5000), torch.randn(6, 5000)
        v0, grad_v = torch.randn(5000), torch.randn(5000)
        for mode, hard, detach in itertools.product(neurons.MODES, [True, False], [True, False]):
            k = Dynamics(mode, tau=2.5, rest=0.1, hard=hard, detach=detach)
            a, b = x.clone().requires_grad_(), v0.clone().requires_grad_()
            spikes, v = lif(a, b, k)
            expected_spikes, charged, expected_v = neurons.lif_forward(x, v0, k)
            assert torch.equal(spikes, expected_spikes)
            assert torch.equal(v, expected_v)
            torch.autograd.backward([spikes, v], [grad, grad_v])
            grad_x, grad_v0 = neurons.lif_backward(grad, grad_v, charged, k)
            torch.testing.assert_close(a.grad, grad_x, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(b.grad, grad_v0, rtol=1e-5, atol=1e-6)
    finally:
        torch.set_num_threads(before)


def test_unfuse_gives_the_node_back() -> None:
    node = node_of("lif")
    fuse(node)
    assert "multi_step_forward" in vars(node)
    unfuse(node)
    assert "multi_step_forward" not in vars(node)


def test_reset_net_resets_a_fused_node() -> None:
    node = node_of("lif")
    fuse(node)
    x = currents("contiguous")
    first = node(x)
    functional.reset_net(node)
    assert torch.equal(node(x), first)


def test_what_cannot_be_fused_is_left_alone_and_named() -> None:
    sigmoid = neuron.LIFNode(surrogate_function=surrogate.Sigmoid(), step_mode="m")
    single = neuron.LIFNode(surrogate_function=surrogate.ATan(), step_mode="s")
    other = neuron.ParametricLIFNode(step_mode="m")
    model = torch.nn.ModuleDict(
        {"sigmoid": sigmoid, "single": single, "other": other, "plain": node_of("lif")}
    )
    left = fuse(model)
    assert set(left) == {"sigmoid", "single", "other"}
    assert "Sigmoid" in left["sigmoid"]
    assert "step_mode" in left["single"]
    assert not any("multi_step_forward" in vars(node) for node in (sigmoid, single, other))


def test_without_a_compiler_it_says_so_and_gives_the_same_spikes() -> None:
    code = (
        "import warnings, torch\n"
        "from trainables import neurons\n"
        "x = torch.randn(4, 9, generator=torch.Generator().manual_seed(0)) + 1\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    a = neurons.lif(x, torch.zeros(9), neurons.Dynamics())[0]\n"
        "    neurons.lif(x, torch.zeros(9), neurons.Dynamics())\n"
        "print(len(said), said[0].message)\n"
        "print(torch.equal(a, neurons.lif_forward(x, torch.zeros(9), neurons.Dynamics())[0]))\n"
    )
    environment = {"PATH": "/nonexistent", "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    said, equal = done.stdout.splitlines()
    assert said.startswith("1 neurons run as plain torch operations")
    assert "no C compiler found" in said
    assert equal == "True"

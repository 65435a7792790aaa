from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based import functional, neuron, surrogate

from tests.trainables.neurons.cases import LAYOUTS, NODES, SHAPE, compare, currents, node_of
from trainables import neurons
from trainables.neurons import Dynamics, Kind, fuse, kernels, multi_step, unfuse
from trainables.neurons.surrogates import NO_KERNEL, SLOPES, slope

RESETS = list(itertools.product([0.0, -0.3, None], [True, False]))
SURROGATES = [
    value
    for value in vars(surrogate).values()
    if isinstance(value, type)
    and issubclass(value, surrogate.SurrogateFunctionBase)
    and value is not surrogate.SurrogateFunctionBase
]


@pytest.mark.parametrize(("v_reset", "detach"), RESETS)
@pytest.mark.parametrize("kind", NODES)
def test_every_kind_and_reset(kind: str, v_reset: float | None, detach: bool) -> None:
    spikes = compare(node_of(kind, v_reset=v_reset, detach_reset=detach), currents("contiguous"))
    assert 0.05 < spikes.mean() < 0.6


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["lif", "plif"])
def test_every_layout(kind: str, layout: str) -> None:
    compare(node_of(kind, v_reset=-0.3), currents(layout))


@pytest.mark.parametrize("function", SLOPES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("kind", ["lif", "plif input kept"])
def test_every_surrogate(kind: str, function: type[surrogate.SurrogateFunctionBase]) -> None:
    # One surrogate per kind of node here: all pairs share the code that test_every_kind_and_reset covers.
    compare(node_of(kind, function), currents("contiguous"))


def test_each_surrogate_of_spikingjelly_is_in_the_table_or_named() -> None:
    assert set(SURROGATES) == set(SLOPES) | set(NO_KERNEL)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 1100), st.floats(1.01, 50), st.floats(0.1, 3), st.floats(0.1, 8),
    st.integers(0, 10**6),
)  # fmt: skip
def test_any_size_and_constants(
    steps: int, n: int, tau: float, threshold: float, alpha: float, seed: int
) -> None:
    node = neuron.LIFNode(
        tau, v_threshold=threshold, surrogate_function=surrogate.Sigmoid(alpha), step_mode="m"
    )
    compare(node, torch.randn(steps, n, generator=torch.Generator().manual_seed(seed)) * 2 + threshold)


@pytest.mark.parametrize("function", SLOPES, ids=lambda function: function.__name__)
def test_each_slope_on_a_grid(function: type[surrogate.SurrogateFunctionBase]) -> None:
    """One step of IF neurons, threshold 0: dL/dx is the slope itself, tails and kinks included."""
    u = torch.cat([torch.linspace(-30, 30, 4001), torch.linspace(-1.5, 1.5, 1001)])
    a, b = u.clone().requires_grad_(), u.clone().unsqueeze(0).requires_grad_()
    function()(a).sum().backward()
    code, constants = slope(function())
    k = Dynamics(Kind(leaky=False, decay_input=False, slope=code), threshold=0.0, constants=constants)
    run = kernels(k.kind, torch.float32, b.device)
    assert run is not None
    multi_step(b, 0.0, None, k, run)[0].sum().backward()
    torch.testing.assert_close(b.grad[0], a.grad, rtol=1e-5, atol=1e-6)


def test_constant_current_gives_its_gradient_once() -> None:
    """An expanded current: the sum over T is made in the kernel, and equals autograd's; one slab, no copy."""
    slab = currents("contiguous")[0]
    weights = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    gradients = []
    for is_fused in (False, True):
        node, leaf = node_of("lif", detach_reset=True), slab.clone().requires_grad_()
        if is_fused:
            fuse(node)
        spikes = node((leaf * 2).expand(SHAPE))
        # the fused node hangs on the slab itself: no gradient of T slabs is ever written
        assert not is_fused or "MulBackward0" in str(spikes.grad_fn.next_functions)
        (spikes * weights).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_dtypes_run_spikingjelly(dtype: torch.dtype) -> None:
    node = node_of("lif")
    fused = copy.deepcopy(node)
    fuse(fused)
    x = currents("contiguous").to(dtype)
    assert torch.equal(fused(x), node(x))
    assert fused.v.dtype == node.v.dtype == dtype


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    before = torch.get_num_threads()
    results = []
    for count in (1, threads):
        torch.set_num_threads(count)
        try:
            node = node_of("plif")
            fuse(node)
            x = torch.randn(4, 20_000, generator=torch.Generator().manual_seed(0)).requires_grad_()
            spikes = node(x)
            spikes.backward(torch.linspace(-1, 1, spikes.numel()).view_as(spikes))
            results.append([spikes.detach(), node.v.detach(), x.grad, node.w.grad])
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_new_shape_starts_from_rest_and_reset_net_resets() -> None:
    node, fused = node_of("lif", v_reset=-0.3), node_of("lif", v_reset=-0.3)
    fuse(fused)
    x = currents("contiguous")
    for batch in (x, x[:, :2], x):
        assert torch.equal(fused(batch), node(batch))
    functional.reset_net(fused)
    assert fused.v == -0.3
    assert torch.equal(fused(x), node_of("lif", v_reset=-0.3)(x))


def test_a_constant_changed_later_is_seen() -> None:
    """Surrogates are annealed and thresholds moved while a network trains."""
    node, fused = node_of("lif"), node_of("lif")
    fuse(fused)
    fused(currents("contiguous"))
    for one in (node, fused):
        one.reset()
        one.v_threshold, one.tau, one.v_reset = 0.5, 3.0, None
        one.surrogate_function.alpha = 5.0
    compare(unfused(fused), currents("contiguous"))
    fuse(fused)
    assert torch.equal(fused(currents("contiguous")), node(currents("contiguous")))
    fused.surrogate_function.set_spiking_mode(False)
    assert not set(fused(currents("contiguous")).unique().tolist()) <= {0.0, 1.0}


def unfused(node: neuron.BaseNode) -> neuron.BaseNode:
    twin = copy.deepcopy(node)
    unfuse(twin)
    twin.reset()
    return twin


def test_golden_trace() -> None:
    """tau 2, threshold 1, constant current 1.5, from rest: h = 0.75, then (0.75 + 1.5)/2 = 1.125 fires."""
    run = kernels(Kind(), torch.float32, torch.device("cpu"))
    assert run is not None
    spikes, v = multi_step(torch.full((4, 1), 1.5), 0.0, None, Dynamics(), run)
    assert spikes.flatten().tolist() == [0, 1, 0, 1]
    assert v.tolist() == [0.0]


def test_no_gradient_keeps_no_potential_and_a_second_derivative_is_refused() -> None:
    node = node_of("lif")
    fuse(node)
    with torch.no_grad():
        assert node(currents("contiguous")).grad_fn is None
    node.reset()
    x = currents("contiguous").requires_grad_()
    with pytest.raises(RuntimeError, match="unfuse"):
        torch.autograd.grad(node(x).sum(), x, create_graph=True)


def test_fuse_is_undone_and_survives_a_deep_copy() -> None:
    node = node_of("lif")
    fuse(node)
    twin = copy.deepcopy(node)
    twin(currents("contiguous"))
    assert isinstance(twin.v, torch.Tensor)
    assert node.v == 0.0
    unfuse(node)
    assert "multi_step_forward" not in vars(node)


class Subclass(neuron.LIFNode):
    pass


def test_what_cannot_be_fused_is_left_alone_and_named() -> None:
    left_alone = {
        "PoissonPass": node_of("lif", surrogate.PoissonPass),
        "primitive": node_of("lif"),
        "step_mode": neuron.LIFNode(surrogate_function=surrogate.ATan(), step_mode="s"),
        "store_v_seq": node_of("if", store_v_seq=True),
        "Subclass": Subclass(step_mode="m"),
        "KLIFNode": neuron.KLIFNode(step_mode="m"),
        "tensor": node_of("lif"),
        "float division by zero": node_of("lif", surrogate.QPseudoSpike),
    }
    left_alone["primitive"].surrogate_function.set_spiking_mode(False)
    left_alone["tensor"].surrogate_function.alpha = torch.tensor(2.0)
    left_alone["float division by zero"].surrogate_function.alpha = 1.0
    model = torch.nn.Sequential(*left_alone.values(), node_of("lif"))
    left = neurons.fuse(model)
    assert list(left) == [str(place) for place in range(len(left_alone))]
    for word, reason in zip(left_alone, left.values(), strict=True):
        assert word in reason
    assert not any("multi_step_forward" in vars(node) for node in left_alone.values())

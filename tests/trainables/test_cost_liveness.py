"""Dead neurons against a search of the graph, synapse by synapse."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model import spikformer
from torch import nn
from torch.nn import functional as F

from tests.trainables.reachability import SHAPE, Functional, Graph, Residual
from trainables import cost, models
from trainables.cost.geometry import is_timed
from trainables.cost.liveness import Paths


def lif() -> nn.Module:
    return models.lif(2.0)


def conv(i: int, o: int, k: int, **options: int) -> nn.Module:
    return layer.Conv2d(i, o, k, step_mode="m", **options)


def linear(i: int, o: int) -> nn.Module:
    return layer.Linear(i, o, step_mode="m")


def plain() -> nn.Module:
    """Max pooling drops the last row; the second convolution jumps."""
    stem = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3))
    return nn.Sequential(
        models.DirectEncoding(stem, 3), lif(), layer.MaxPool2d(2, step_mode="m"),
        conv(3, 4, 2, stride=2, padding=1), layer.BatchNorm2d(4, step_mode="m"), lif(),
        layer.Flatten(step_mode="m"), linear(16, 6), lif(), linear(6, 4), lif(),
        layer.VotingLayer(2, step_mode="m"),
    )  # fmt: skip


def residual() -> nn.Module:
    block = Residual(nn.Sequential(conv(4, 4, 3, padding=1, groups=2), lif()))
    return nn.Sequential(
        models.DirectEncoding(nn.Conv2d(2, 4, 3), 2), lif(), block, Functional(),
        layer.Flatten(step_mode="m"), linear(4, 3), lif(),
    )  # fmt: skip


def prune(model: nn.Module, density: float, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data *= torch.rand(module.weight.shape, generator=generator) < density
    return model


@pytest.mark.parametrize("density", [1.0, 0.4, 0.15])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [plain, residual])
def test_live_synapses_against_a_search_of_the_graph(make, density: float, seed: int) -> None:
    model = prune(make(), density, seed)
    geometry = cost.geometry(model, SHAPE)
    found = Paths(model, geometry, SHAPE).trace(
        [(cost.weight_of(model.get_submodule(name)) != 0).float() for name in geometry.uses]
    )
    graph = Graph(model, SHAPE)
    assert len(graph.neurons) == geometry.neurons
    assert found.synapses == graph.synapses
    assert found.weights == graph.weights
    assert (found.neurons, found.fan_in, found.fan_out) == (graph.neurons_live, graph.fan_in, graph.fan_out)


def test_a_chain_by_hand() -> None:
    """3-3-3-2: neuron 0 of layer 1 has no input, neuron 2 of layer 2 no output."""
    model = nn.Sequential(nn.Linear(3, 3), neuron.IFNode(), nn.Linear(3, 3), neuron.IFNode(), nn.Linear(3, 2))
    for index in (0, 2, 4):
        model[index].weight.data.fill_(1.0)
    model[0].weight.data[0] = 0
    model[4].weight.data[:, 2] = 0
    row = cost.Meter(model, (3,)).row()
    assert row["layer_synapses"] == [6, 9, 4]
    assert row["layer_synapses_live"] == [6, 4, 4]
    assert (row["neurons"], row["neurons_live"]) == (6, 4)
    assert (row["fan_in"], row["fan_out"]) == (3, 2)


def test_a_collapsed_network_has_nothing_alive() -> None:
    row = cost.Meter(prune(plain(), 0.0, 0), SHAPE).row()
    assert (row["synapses_live"], row["neurons_live"], row["fan_in"], row["fan_out"]) == (0, 0, 0, 0)
    assert row["sparsity_params_live"] == row["sparsity_synapses_live"] == 1.0


class Loop(nn.Module):
    """The same layers, one step at a time."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.body(x) for _ in range(3)])[-1]


def test_single_and_multi_step_networks_count_the_same() -> None:
    steps = nn.Sequential(
        nn.Conv2d(2, 3, 3), neuron.LIFNode(), nn.Flatten(), nn.Linear(27, 4), neuron.LIFNode()
    )
    prune(steps, 0.3, seed=2)
    looped = cost.Meter(Loop(steps), SHAPE).row()
    functional.set_step_mode(steps, "m")
    wrapped = nn.Sequential(
        models.DirectEncoding(steps[0], 3), steps[1], layer.Flatten(step_mode="m"), steps[3], steps[4]
    )
    expected = cost.Meter(wrapped, SHAPE).row()
    assert looped == expected
    assert expected["synapses_live"] < expected["synapses"]


def test_masked_neurons_are_dead() -> None:
    """A pruning method's hook that silences a channel takes its synapses on both sides with it."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), neuron.IFNode(), nn.Conv2d(2, 1, 1), neuron.IFNode()
    )
    meter = cost.Meter(model, (1, 3, 3))
    assert meter.row()["layer_synapses_live"] == [18, 18]
    mask = torch.tensor([1.0, 0.0]).view(2, 1, 1)
    model[1].register_forward_hook(lambda node, args, spikes: spikes * mask)
    assert meter.row()["layer_synapses_live"] == [9, 9]


def test_every_synapse_of_a_dense_transformer_is_alive() -> None:
    """Spikformer: matrix products of spikes, tokens, functions between the modules."""
    model = spikformer.Spikformer(
        T=2, img_size_h=32, img_size_w=32, num_classes=3, embed_dims=16, num_heads=2, depths=1
    )
    meter = cost.Meter(model, (3, 32, 32))
    row = meter.row()
    assert meter.synapses[-3:] == [4 * 16 * 64, 4 * 64 * 16, 16 * 3]  # two by two tokens, then their mean
    assert row["layer_synapses_live"] == row["layer_synapses"] == meter.synapses
    assert row["neurons_live"] == row["neurons"]


def test_the_model_stays_what_it_was() -> None:
    model = plain().train()
    model[1].eval()  # every module has its own flag
    x = torch.randn(2, *SHAPE)
    own = model[3].forward
    model[3].forward = own  # somebody else's forward, on the instance
    model(x)  # leaves membrane potentials behind
    state = {key: value.clone() for key, value in model.state_dict().items()}
    potentials = [node.v.clone() for node in model if is_timed(node) and isinstance(node, neuron.BaseNode)]
    flags = [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    Paths(model, geometry := cost.geometry(plain(), SHAPE), SHAPE).trace(
        [torch.ones_like(model.get_submodule(name).weight) for name in geometry.uses]
    )
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    after = [node.v for node in model if is_timed(node) and isinstance(node, neuron.BaseNode)]
    assert all(torch.equal(a, b) for a, b in zip(potentials, after, strict=True))
    assert flags == [module.training for module in model.modules()]
    assert hooks == [
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    ]
    assert model[3].__dict__["forward"] is own
    assert all("forward" not in module.__dict__ for module in model.modules() if module is not model[3])
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_what_cannot_be_traced_has_no_live_entries_and_a_reason() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2, dilation=2))
    meter = cost.Meter(model, (1, 5, 5))
    assert meter.no_paths is not None
    assert "dilation" in meter.no_paths
    row = meter.row()
    assert row["synapses_live"] is row["chips"] is row["layer_synapses_live"] is None
    assert row["synapses"] == 25
    assert all("forward" not in module.__dict__ for module in model.modules())


class Threshold(nn.Module):
    """A neuron of one's own, unknown to SpikingJelly, that one input cannot fire."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x - 5)


def test_unknown_neurons_are_not_taken_for_dead_ones() -> None:
    meter = cost.Meter(nn.Sequential(nn.Linear(3, 2), Threshold(), nn.Linear(2, 2)), (3,))
    assert meter.no_paths == "no neuron of the unpruned network is reached"
    assert meter.row()["neurons_live"] is None


class InPlaceLoop(nn.Module):
    """Changes what a layer returned, at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.node, self.last = nn.Linear(2, 2), neuron.IFNode(), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = []
        for _ in range(2):
            y = self.first(x)
            y *= torch.tensor([0.0, 1.0])  # the first neuron gets nothing
            steps.append(self.last(self.node(y)))
        return torch.stack(steps)


def test_in_place_changes_do_not_reach_the_next_step() -> None:
    row = cost.Meter(InPlaceLoop(), (2,)).row()
    assert row["layer_synapses_live"] == [2, 2]
    assert (row["neurons"], row["neurons_live"]) == (2, 1)

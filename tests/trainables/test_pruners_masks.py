"""Magnitude masks, ADMM's projection, learned masks on weights and neurons."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import layer as sj
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from tests.trainables.pruning import (
    DEFAULTS,
    Run,
    at,
    lif,
    one_thread,  # noqa: F401
    single,
)
from trainables import cost
from trainables.pruners import attach, bake, neuron_masks
from trainables.pruners.neuron_masks import readers


class TestAGP:
    def test_zeros_follow_the_schedule_exactly(self) -> None:
        """40 weights, final sparsity 0.5, 0.9 of it makes 18 zeros, all of it 20."""
        torch.manual_seed(0)
        layer = nn.Linear(10, 4)
        pruner = single(layer, "agp", final_sparsity=0.5)
        theta = pruner.layers[0].theta.detach().abs().flatten()
        for moment, zeros in [
            (at(2, 0.5, shape=0.9), 18),
            (at(3, 0.6, shape=0.936), 18),  # not a step of update_steps = 2
            (at(3, 1.0, shape=1.0, closes=True), 20),
            (at(4, 1.0, shape=1.0), 20),
        ]:
            pruner.after_step(moment)
            pruned = (layer.weight == 0).flatten()
            assert int(pruned.sum()) == zeros
            assert theta[pruned].max() <= theta[~pruned].min()

    def test_masked_weight_comes_back_when_others_are_smaller(self) -> None:
        layer = nn.Linear(4, 1)
        layer.weight.data = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
        pruner = single(layer, "agp", final_sparsity=0.25)
        pruner.after_step(at(2, 0.5, shape=1.0))
        assert layer.weight[0, 0] == 0
        with torch.no_grad():
            pruner.layers[0].theta[0, 3] = 0.05
        pruner.after_step(at(4, 0.6, shape=1.0))
        assert layer.weight[0].tolist() == [pytest.approx(v) for v in (0.1, 0.2, 0.3, 0)]


class TestADMM:
    def test_projection_and_multiplier_by_hand(self) -> None:
        """W + U = (3, -1, 2, 0.5): the two largest are Z, the rest is the new U."""
        layer = nn.Linear(4, 1, bias=False)
        layer.weight.data = torch.tensor([[3.0, -1.0, 2.5, 0.5]])
        pruner = single(layer, "admm", final_sparsity=0.5, pruner_strength=0.4)
        pruner.maps[0].u[0, 2] = -0.5
        pruner.after_step(at(2, 0.5))
        assert pruner.maps[0].z.tolist() == [[3, 0, 2, 0]]
        assert pruner.maps[0].u.tolist() == [[0, -1, 0, 0.5]]
        # W - Z + U = (0, -2, 0.5, 1): 0.4 / 2 * (4 + 0.25 + 1)
        assert pruner.penalty(at(2)) is None
        penalty = pruner.penalty(at(3))
        assert float(penalty.detach()) == pytest.approx(1.05)
        assert torch.equal(layer.weight, pruner.layers[0].theta)  # dense until the window closes
        pruner.after_step(at(50, 1.0, closes=True))
        assert layer.weight.tolist() == [[3, 0, 2.5, 0]]
        assert pruner.penalty(at(window=1.0)) is None
        assert pruner.penalty(at(window=0.0)) is None
        pruner.options.window_start = 0.1
        assert pruner.penalty(at(12, 0.02)) is None  # update_steps 2: step 10 is not inside, 12 is the first
        assert pruner.penalty(at(13, 0.03)) is not None

    def test_residual_shrinks_and_z_has_k_weights(self) -> None:
        """||W - Z|| falls while the window is open; Z keeps exactly 20 % of all weights."""
        run = Run("admm", steps=60, window_end=1.0, pruner_strength=1.0, optimizer="sgd")
        total = sum(spines.theta.numel() for spines in run.pruner.layers)
        distances = []
        while run.done < 58:
            run.step(2)
            assert sum(int((map_.z != 0).sum()) for map_ in run.pruner.maps) == round(0.2 * total)
            gaps = [(spines.theta - map_.z).square().sum() for spines, map_ in run.pruner]
            distances.append(float(torch.stack(gaps).sum().sqrt().detach()))
        assert distances[-1] < 0.25 * distances[0]


class Net(nn.Module):
    """[1, 2, 4, 4] -> T = 2: conv, LIF, pool, a residual of two convolutions, linear, LIF."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = sj.Conv2d(2, 3, 3, padding=1, step_mode="m")
        self.node1 = lif()
        self.pool = sj.MaxPool2d(2, step_mode="m")
        self.conv2 = sj.Conv2d(3, 3, 3, padding=1, step_mode="m")
        self.node2 = lif()
        self.conv3 = sj.Conv2d(3, 4, 3, stride=2, padding=1, step_mode="m")
        self.node3 = lif()
        self.head = nn.Linear(16, 5)
        self.last = lif()

    def forward(self, x: Tensor) -> Tensor:
        s = self.pool(self.node1(self.conv1(x.expand(2, *x.shape))))
        s = s + self.node2(self.conv2(s))
        s = self.node3(self.conv3(s))
        out: Tensor = self.last(self.head(torch.cat([s.flatten(2)] * 4, 2)))
        return out


class TestUPR:
    def test_readers_of_every_node(self) -> None:
        net = Net()
        layers: dict[str, nn.Module] = {
            name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
        }
        before = {key: value.clone() for key, value in net.state_dict().items()}
        found = readers(net, layers, (2, 4, 4))
        assert {name: (entry.shape, entry.layers) for name, entry in found.items()} == {
            "node1": ((3, 4, 4), ["conv2", "conv3"]),  # conv3 through the addition
            "node2": ((3, 2, 2), ["conv3"]),
            "node3": ((4, 1, 1), ["head"]),
            "last": ((5,), []),
        }
        assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
        assert not any(module._forward_hooks for module in net.modules())
        assert isinstance(net.node1, neuron.LIFNode)
        assert net.node1.v == 0  # reset

    def test_penalty_by_hand(self) -> None:
        """One 2x2 convolution on 3x3 (each weight serves 4 positions), 4 neurons, then linear 4 -> 3.

        At alpha = 0 every gate is 1/2. Weights: 4 * 4 + 12 * 1 synapses; neurons: 4 with fan-out 3.
        With one convolution weight's gate at sigmoid(5 * 0.2) it is 4 * (0.731 - 0.5) more.
        """
        net = nn.Sequential(sj.Conv2d(1, 1, 2), lif_single(), nn.Flatten(), nn.Linear(4, 3))
        geometry = SimpleNamespace(uses=cost.geometry(net, (1, 3, 3)).uses, shape=(1, 3, 3))
        options = SimpleNamespace(**DEFAULTS | {"pruner_strength": 0.01})
        pruner: Any = attach(net, "upr", options, geometry)
        moment = at()
        assert float(pruner.penalty(moment).detach()) == pytest.approx(0.01 * (16 + 12 + 12) / 2)
        with torch.no_grad():
            pruner.maps[0].alpha[0, 0, 0, 0] = 0.2
        more = 4 * (1 / (1 + math.exp(-1)) - 0.5)
        assert float(pruner.penalty(moment).detach()) == pytest.approx(0.01 * (20 + more))
        options.pruner_strength = None
        assert pruner.regulariser == pytest.approx(pruner.strength / 40)
        assert {key for key in net.state_dict() if "neuron_mask" in key} == {
            "1.neuron_mask.alpha",
            "1.neuron_mask.beta",
        }

    def test_gates_harden_when_the_window_closes(self) -> None:
        run = Run("upr", steps=20, window_end=0.5)
        pruner: Any = run.pruner
        assert [float(gate.beta) for gate in pruner.gates] == [5.0] * 3
        run.step(5)
        assert float(pruner.maps[0].beta) == pytest.approx(5 * math.sqrt(200), rel=1e-5)
        run.step(4)
        signs = [gate.alpha > 0 for gate in pruner.gates]
        assert any(((gate.opening() > 0) & (gate.opening() < 1)).any() for gate in pruner.gates)
        run.step(1)
        hard = [gate.opening().clone() for gate in pruner.gates]
        assert all(((gate == 0) | (gate == 1)).all() for gate in hard)
        flipped = sum(int((gate != sign).sum()) for gate, sign in zip(hard, signs, strict=True))
        assert flipped < 0.2 * sum(gate.numel() for gate in hard)
        run.finish()
        for gate, before in zip(pruner.gates, hard, strict=True):
            assert torch.equal(gate.opening(), before)

    def test_dead_neuron_is_silent_and_stays_so_when_baked(self) -> None:
        run = Run("upr", "linear").step(1)
        node: Any = run.pruner.neurons[0]
        with torch.no_grad():
            node.alpha.fill_(1.0)
            node.alpha[4] = -1.0
            node.beta.fill_(1000.0)
        spikes = []
        run.model[2].register_forward_hook(lambda *a: spikes.append(a[2]))  # type: ignore[index, union-attr]
        run.x = run.x * 100
        run.output()
        assert (spikes[0][..., 4] == 0).all()
        assert spikes[0].sum() > 0
        assert neuron_masks.values(run.model)["2"].tolist() == [float(i != 4) for i in range(12)]
        bake(run.model)
        run.output()
        assert torch.equal(spikes[1], spikes[0])

    def test_gates_that_are_all_open_leave_nothing_behind(self) -> None:
        run = Run("upr").step(1)
        for gate in run.pruner.neurons:  # type: ignore[attr-defined]
            gate.alpha.data.fill_(30.0)
        bake(run.model)
        assert not any("neuron_mask" in key for key in run.model.state_dict())
        assert not any(module._forward_hooks for module in run.model.modules())


def lif_single() -> nn.Module:
    """A single-step node."""
    node: nn.Module = neuron.LIFNode()
    return node

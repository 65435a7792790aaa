from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model import sew_resnet
from torch import nn

from tests.trainables.exported import CONFIG, IMAGES, Trained, outputs
from trainables import assembly, cost, models
from trainables.errors import ConfigError
from trainables.export import agreement, from_nir, to_nir
from trainables.export.exchange import DT_S, expressible

SHAPE = (1, 8, 8)


def lively(*layers: nn.Module, gain: float = 2.0) -> nn.Module:
    """A network in evaluation mode, with batch statistics of its own, whose neurons fire."""
    net = nn.Sequential(*layers)
    torch.manual_seed(0)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.05, 0.3)
                module.weight.uniform_(0.5 * gain, gain).mul_(torch.randint_like(module.weight, 2) * 2 - 1)
                module.bias.normal_(0.5, 0.5)
    return net.eval()


def test_nir_of_a_trained_network_fires_the_same_spikes(
    trained_average: Trained, average_pooling: None, tmp_path: Path
) -> None:
    model, _, _ = assembly.baked_network(CONFIG, trained_average[1])
    graph = to_nir(model, SHAPE, tmp_path / "net.nir", {"note": "x"})
    found = agreement(model, tmp_path / "net.nir", IMAGES)
    assert (found.spikes, found.classes, found.samples) == (1.0, 1.0, len(IMAGES))
    assert found.neurons == 16 * 16 + 32 * 4 + 128 + 100
    net_output, _ = from_nir(tmp_path / "net.nir")(IMAGES.expand(4, *IMAGES.shape))
    expected = outputs(model, IMAGES)
    assert expected.mean() > 0.02
    torch.testing.assert_close(net_output, expected, rtol=1e-6, atol=1e-6)
    read = nir.read(tmp_path / "net.nir")
    assert read.metadata == {"note": "x", "dt_s": "0.0001"}
    kinds = [type(node).__name__ for node in read.nodes.values()]
    assert sorted(kinds) == sorted(
        ["Input", "Output", "Flatten", "Linear", "Linear", "Linear", *["Conv2d", "AvgPool2d"] * 2]
        + ["LIF"] * 4
    )
    pruned = {
        name: int((model.get_submodule(name).weight != 0).sum()) for name in cost.prunable(model)
    }.values()
    written = [int((node.weight != 0).sum()) for node in graph.nodes.values() if hasattr(node, "weight")]
    assert written == [*pruned, 100]  # the voting layer last


@pytest.mark.parametrize("fault", ["weight", "threshold"])
def test_agreement_sees_a_wrong_file(
    fault: str, trained_average: Trained, average_pooling: None, tmp_path: Path
) -> None:
    model, _, _ = assembly.baked_network(CONFIG, trained_average[1])
    graph = to_nir(model, SHAPE, tmp_path / "net.nir")
    if fault == "weight":
        next(node for node in graph.nodes.values() if isinstance(node, nir.Conv2d)).weight *= 0.5
    else:
        next(node for node in graph.nodes.values() if isinstance(node, nir.LIF)).v_threshold *= 2
    nir.write(tmp_path / "wrong.nir", graph)
    assert agreement(model, tmp_path / "wrong.nir", IMAGES).spikes < 0.99


@pytest.mark.parametrize(
    ("node", "tau_s", "r"),
    [
        (neuron.LIFNode(2.5, decay_input=True), 2.5e-4, 1.0),
        (neuron.LIFNode(2.5, decay_input=False), 2.5e-4, 2.5),
        (neuron.IFNode(), None, 1e4),
        (neuron.LIFNode(3.0, v_threshold=0.7, v_reset=-0.2), 3e-4, 1.0),
        (neuron.ParametricLIFNode(init_tau=2.0), 2e-4, 1.0),
    ],
)
def test_one_euler_step_of_the_nir_neuron_is_spikingjellys_step(
    node: neuron.BaseNode, tau_s: float | None, r: float
) -> None:
    """The trace of the NIR equations, integrated here with dt = 1e-4 s, against SpikingJelly's node."""
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    graph = export_to_nir(expressible(nn.Sequential(nn.Linear(3, 3), node), (3,)), torch.zeros(1, 3), dt=DT_S)
    found: Any = next(n for n in graph.nodes.values() if isinstance(n, nir.LIF | nir.IF))
    assert found.r.tolist() == pytest.approx([r] * 3)
    if tau_s is not None:
        assert found.tau.tolist() == pytest.approx([tau_s] * 3)
    torch.manual_seed(1)
    currents = torch.rand(20, 3, dtype=torch.float64) * 2
    v = torch.full((3,), float(node.v_reset), dtype=torch.float64)
    expected = []
    for x in currents:
        slope = r * x if tau_s is None else (torch.tensor(found.v_leak) - v + r * x) / tau_s
        v = v + DT_S * slope
        spikes = v >= torch.tensor(found.v_threshold)
        v = torch.where(spikes, torch.tensor(found.v_reset), v)
        expected.append(spikes.double())
    functional.reset_net(node)
    node.double()
    with torch.no_grad():
        trace = torch.stack([node(x) for x in currents])
    assert torch.equal(trace, torch.stack(expected))
    assert 0 < trace.mean() < 1


@settings(max_examples=20, deadline=None)
@given(
    kernel=st.sampled_from([2, 3, (2, 3)]),
    stride=st.sampled_from([1, 2]),
    padding=st.sampled_from([0, 1]),
    rate=st.sampled_from([0.02, 0.2, 0.9]),
    seed=st.integers(0, 99),
)
def test_maximum_of_spikes_is_a_mean_and_a_threshold(
    kernel: Any, stride: int, padding: int, rate: float, seed: int
) -> None:
    """Over several steps: no window remembers the step before."""
    torch.manual_seed(seed)
    relay = neuron.IFNode()  # lets a spike of its input through
    pool = nn.MaxPool2d(kernel, stride, padding)
    net = expressible(nn.Sequential(relay, pool), (2, 6, 6))
    spikes = (torch.rand(5, 3, 2, 6, 6) < rate).float()
    found = torch.stack([net(x) for x in spikes])
    assert torch.equal(found, torch.stack([pool(x) for x in spikes]))


def test_network_that_pools_spikes_is_exported(tmp_path: Path) -> None:
    """The order of the paper's network: convolution, batch norm, neurons, maximum of spikes, dropout."""
    net = lively(
        layer.Conv2d(1, 8, 3, padding=1, bias=False),
        layer.BatchNorm2d(8),
        models.lif(2.0),
        layer.MaxPool2d(2),
        layer.Conv2d(8, 8, 3, padding=1, bias=False),
        layer.BatchNorm2d(8),
        models.lif(2.3),
        layer.MaxPool2d(2),
        layer.Flatten(),
        layer.Dropout(0.5),
        layer.Linear(32, 20),
        neuron.IFNode(v_threshold=0.2),
        layer.VotingLayer(2),
    )
    functional.set_step_mode(net, "m")
    frames = torch.rand(4, 16, *SHAPE)  # event data: a frame for every step
    to_nir(net, SHAPE, tmp_path / "net.nir")
    assert outputs(net, frames).mean() > 0.05
    found = agreement(net, tmp_path / "net.nir", frames)
    assert (found.spikes, found.classes) == (1.0, 1.0)
    assert found.neurons == 8 * 64 + 8 * 16 + 20


def test_residual_network_is_exported(tmp_path: Path) -> None:
    """SpikingJelly's SEW-ResNet with one block a stage: additions, adaptive pooling, torch.flatten."""
    net = sew_resnet.SEWResNet(
        sew_resnet.BasicBlock, [1, 1, 1, 1], num_classes=3, cnf="ADD", spiking_neuron=neuron.IFNode
    )
    lively(net)
    functional.set_step_mode(net, "m")
    frames = torch.rand(3, 2, 3, 32, 32)
    to_nir(net, (3, 32, 32), tmp_path / "net.nir")
    found = agreement(net, tmp_path / "net.nir", frames)
    assert (found.spikes, found.classes) == (1.0, 1.0)
    with cost.count_spikes(net) as count:
        outputs(net, frames)
    assert 0.02 < count.rate < 0.98


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class Clipped(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(x, 0, 1)


NODE = neuron.IFNode()


@pytest.mark.parametrize(
    ("net", "lines"),
    [
        (
            nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)),
            ["1: a maximum has a NIR form for spikes alone"],
        ),
        (nn.Sequential(neuron.IFNode(), nn.MaxPool2d(2, ceil_mode=True)), ["1: a maximum"]),
        (nn.Sequential(nn.ReLU(), nn.Sigmoid()), ["0: ReLU has no NIR node", "1: Sigmoid has no NIR node"]),
        (
            nn.Sequential(neuron.IFNode(v_reset=None)),
            ["0: NIR has no soft reset; nearest valid: v_reset=0.0"],
        ),
        (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), ["0: SpikingJelly's exporter takes"]),
        (nn.Sequential(NODE, nn.Conv2d(2, 2, 3, padding=1), NODE), ["0: neurons that run twice"] * 2),
        (nn.Sequential(nn.Conv2d(2, 2, 3), Clipped()), ["the function clamp has no NIR node"]),
        (nn.Sequential(nn.AdaptiveAvgPool2d(5)), ["0: AdaptiveAvgPool2d has no NIR node"]),
        (nn.Sequential(Branching()), ["can't be written as a graph"]),
    ],
)
def test_what_nir_can_not_express_is_named(net: nn.Module, lines: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        to_nir(net, (2 if "Conv2d(2" in str(net) else 1, 8, 8), tmp_path / "net.nir")
    assert len(error.value.problems) == len(lines)
    for line, problem in zip(lines, error.value.problems, strict=True):
        assert line in problem
    assert list(tmp_path.iterdir()) == []

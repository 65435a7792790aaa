"""Synaptic operations against counting every event at every weight; firing rates; energy."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, op_counter
from torch import nn

from trainables import cost, models
from trainables.cost.activity import Events, watch


def brute_force(module: Any, x: torch.Tensor) -> int:
    """Every nonzero input [C, H, W] or [inputs] at every nonzero weight, one at a time."""
    weight, total = module.weight, 0
    if isinstance(module, nn.Linear):
        return sum(int((weight[:, i] != 0).sum()) for i in x.nonzero().flatten().tolist())
    outs, ins = len(weight) // module.groups, weight.shape[1]
    sizes = nn.Conv2d._conv_forward(module, x[None], weight, None).shape[-2:]
    for oy, ox, o in itertools.product(range(sizes[0]), range(sizes[1]), range(len(weight))):
        for c, i, j in weight[o].nonzero().tolist():
            y = oy * module.stride[0] + i * module.dilation[0] - module.padding[0]
            z = ox * module.stride[1] + j * module.dilation[1] - module.padding[1]
            if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                total += int(x[o // outs * ins + c, y, z] != 0)
    return total


def sparse(module: nn.Module, density: float) -> nn.Module:
    module.weight.data *= torch.rand(module.weight.shape) < density
    return module


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False),
        lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False),
        lambda: nn.Conv2d(4, 4, 2, dilation=2, groups=4, bias=False),
        lambda: nn.Linear(7, 5, bias=False),
    ],
)
def test_operations_of_spikes_against_counting_events(make) -> None:
    module = sparse(make(), 0.3)
    shape = (7,) if isinstance(module, nn.Linear) else (4, 5, 5)
    x = (torch.rand(6, *shape) < 0.3).float()
    meter = cost.Meter(module, shape)
    with meter.watch():
        module(x[:4])
        module(x[4:])
    row = meter.row()
    expected = sum(brute_force(module, sample) for sample in x)
    assert expected > 20
    assert row["synops"] == pytest.approx(expected / 6, rel=1e-12)
    assert row["macs"] == 0
    assert row["energy_nj"] == pytest.approx(0.9e-3 * expected / 6)


@pytest.mark.parametrize("x", [[0.0, 0.5, 1.0], [0.0, 2.0, 1.0], [-1.0, 0.0, 1.0], [2.0, 0.0, 0.0]])
def test_inputs_that_are_no_spikes_multiply(x: list[float]) -> None:
    """Averages, integers behind a residual addition, images: one MAC per nonzero input and weight."""
    module = nn.Linear(3, 4, bias=False)
    module.weight.data[1] = 0
    meter = cost.Meter(module, (3,))
    with meter.watch():
        module(torch.tensor([[0.0, 1.0, 1.0]]))  # one analog input makes the layer analog
        module(torch.tensor([x]))
    row = meter.row()
    nonzero = 2 + sum(value != 0 for value in x)
    assert (row["synops"], row["macs"]) == (0, nonzero * 3 / 2)
    assert row["energy_nj"] == pytest.approx(4.6e-3 * nonzero * 3 / 2)


def net() -> nn.Sequential:
    """The stem sees the image once; average pooling makes fractions; frames of a plain Linear have time."""
    return nn.Sequential(
        models.DirectEncoding(nn.Conv2d(1, 3, 3), 4), models.lif(2.0),
        layer.MaxPool2d(2, step_mode="m"), layer.Conv2d(3, 4, 2, step_mode="m"), models.lif(2.0),
        layer.AvgPool2d(2, step_mode="m"), layer.Flatten(step_mode="m"), nn.Linear(4, 3), models.lif(2.0),
    )  # fmt: skip


def test_a_network_sample_by_sample() -> None:
    model = net().eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data.abs_().mul_(3)
            sparse(module, 0.6)
    x = torch.rand(5, 1, 8, 8) - 0.3
    x[x < 0] = 0
    meter = cost.Meter(model, (1, 8, 8))
    seen: dict[str, list[torch.Tensor]] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda m, a, o, n=name: seen.setdefault(n, []).append(a[0])
        )
        for name in meter.layers
    ]
    out = []
    with torch.no_grad(), meter.watch():
        for part in x.split(2):
            out.append(model(part))
            functional.reset_net(model)
    for handle in handles:
        handle.remove()
    row = meter.row()
    totals = []
    for name, calls in seen.items():
        module = model.get_submodule(name)
        dims = 1 if isinstance(module, nn.Linear) else 3
        inputs = [sample for call in calls for sample in call.reshape(-1, *call.shape[-dims:])]
        totals.append(sum(brute_force(module, s) for s in inputs) / 5)
    assert all(total > 0 for total in totals)
    assert row["layer_macs"] == pytest.approx([totals[0], 0, totals[2]])
    assert row["layer_synops"] == pytest.approx([0, totals[1], 0])
    assert row["energy_nj"] == pytest.approx((4.6 * (totals[0] + totals[2]) + 0.9 * totals[1]) * 1e-3)
    assert row["node_firing_rate"][-1] == pytest.approx(float(torch.cat(out, 1).mean()))
    assert meter.layers == ["0.stem", "3", "7"]
    assert meter.nodes == ["1", "4", "8"]


def test_the_counter_of_spikingjelly_sees_a_dense_network() -> None:
    """At 90 % sparsity it reports ten times the operations: it takes all weights for ones."""
    module = nn.Linear(100, 50, bias=False)
    zeros = torch.randperm(5000)[:4500]
    module.weight.data.flatten()[zeros] = 0
    x = (torch.rand(64, 100) < 0.2).float()
    counter = op_counter.SynOpCounter()
    with op_counter.DispatchCounterMode([counter]), torch.no_grad():
        module(x)
    theirs = counter.get_total() / 64
    meter = cost.Meter(module, (100,))
    with meter.watch():
        module(x)
    ours = meter.row()["synops"]
    assert theirs == pytest.approx(float(x.sum()) * 50 / 64)  # events x width
    assert ours == pytest.approx(sum(brute_force(module, sample) for sample in x) / 64)
    assert theirs / ours == pytest.approx(10, rel=0.05)


def test_large_counts_stay_exact() -> None:
    """Beyond 2^24 events float32 would lose the last ones."""
    events = Events(counts=torch.tensor([2.0**24], dtype=torch.float64))
    events.add(torch.ones(3, 1))
    assert events.counts.tolist() == [2**24 + 3]


def test_slices_of_a_large_input_add_up(monkeypatch) -> None:
    monkeypatch.setattr("trainables.cost.activity.SLICE", 8)
    events = Events()
    x = (torch.rand(50, 3) < 0.5).float()
    events.add(x)
    assert not events.analog
    assert events.counts.tolist() == x.sum(0).tolist()


def test_silence() -> None:
    model = nn.Sequential(nn.Linear(2, 2), neuron.IFNode(), nn.Linear(2, 2), neuron.IFNode())
    model[0].weight.data.fill_(9.0)
    model[2].weight.data.fill_(-9.0)
    model[2].bias.data.zero_()
    meter = cost.Meter(model, (2,))
    assert not meter.silent  # nothing was watched
    with torch.no_grad(), meter.watch():
        model(torch.ones(1, 2))
    assert meter.silent
    assert meter.row()["node_firing_rate"] == [1.0, 0.0]
    meter.row()
    assert meter.silent_epochs == 2
    again = cost.Meter(model, (2,))
    again.load_state_dict(meter.state_dict())
    assert again.silent_epochs == 2
    functional.reset_net(model)
    model[2].weight.data.fill_(9.0)
    with torch.no_grad(), meter.watch():
        model(torch.ones(1, 2))
    assert not meter.silent
    meter.row()
    assert meter.silent_epochs == 0


def test_watching_changes_nothing_and_leaves_nothing() -> None:
    model = net().eval()
    x = torch.rand(2, 1, 8, 8)
    expected = model(x)
    functional.reset_net(model)
    meter = cost.Meter(model, (1, 8, 8))
    with meter.watch():
        assert torch.equal(model(x), expected)

    def stopped() -> None:
        with meter.watch():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_frames_are_counted_by_sample() -> None:
    model = layer.Linear(3, 2, bias=False, step_mode="m")
    model.weight.data.fill_(1.0)
    meter = cost.Meter(nn.Sequential(model), (3,))
    with meter.watch():
        meter.model(torch.ones(4, 5, 3))  # four steps, five samples
    assert meter.row()["synops"] == 4 * 3 * 2


class Between(nn.Module):
    """What may lie between a neuron and the next layer."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x,
        lambda x: x.flatten(2).unflatten(2, x.shape[2:]),
        lambda x: x.transpose(3, 4),
        lambda x: x.flip(3),
        lambda x: x[:, :, [1, 0]],
        lambda x: x.add_(1),
        lambda x: x.flatten(2).mul_(0).unflatten(2, x.shape[2:]),
        lambda x: x[:, :1],
        lambda x: x + 0.5,
        lambda x: x.reshape(3, 2, 2, 3, 3),
    ],
)
def test_sums_made_for_the_neurons_serve_the_next_layer_only_unchanged(function) -> None:
    conv = layer.Conv2d(2, 3, 2, bias=False, step_mode="m")
    sparse(conv, 0.5)
    model = nn.Sequential(neuron.IFNode(step_mode="m"), Between(function), conv)
    x = torch.rand(2, 3, 2, 3, 3) * 1.5
    inputs = []
    handle = conv.register_forward_hook(lambda m, args, out: inputs.append(args[0].clone()))
    with torch.no_grad(), watch(model, ["2"]) as activity:
        model(x)
    handle.remove()
    flat = inputs[0].flatten(0, 1)
    assert activity.events["2"].counts.tolist() == (flat != 0).double().sum(0).tolist()
    assert bool(activity.events["2"].analog) == bool(((flat != 0) & (flat != 1)).any())


def test_neurons_whose_output_a_hook_changes_are_not_trusted() -> None:
    model = nn.Sequential(neuron.IFNode(), nn.Linear(2, 1))
    model[0].register_forward_hook(lambda node, args, out: out * 0.5)
    with torch.no_grad(), watch(model, ["1"]) as activity:
        model(torch.ones(1, 2))
    assert activity.events["1"].analog


def test_time_among_the_inputs() -> None:
    """A read-out of all steps at once: its inputs are three neurons at two steps."""
    model = nn.Sequential(neuron.IFNode(step_mode="m"), Between(lambda x: x.reshape(1, 6)), nn.Linear(6, 1))
    x = torch.tensor([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]])
    with torch.no_grad(), watch(model, ["2"]) as activity:
        model(x)
    assert activity.events["2"].counts.tolist() == [1, 0, 1, 0, 0, 1]

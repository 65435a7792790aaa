from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from trainables import cost, models, pruners
from trainables.config import TrainConfig


def brute_force_uses(conv: nn.Conv2d, size: int) -> torch.Tensor:
    """Synapses per kernel tap, counted one output position at a time."""
    uses = torch.zeros(conv.kernel_size, dtype=torch.int64)
    pad, stride, dilation = conv.padding, conv.stride, conv.dilation
    out = conv(torch.zeros(1, conv.in_channels, size, size)).shape[-2:]
    for oy, ox in itertools.product(range(out[0]), range(out[1])):
        for ky, kx in itertools.product(range(conv.kernel_size[0]), range(conv.kernel_size[1])):
            y = oy * stride[0] - pad[0] + ky * dilation[0]
            x = ox * stride[1] - pad[1] + kx * dilation[1]
            uses[ky, kx] += 0 <= y < size and 0 <= x < size
    return uses


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        (3, 1, 1, 1),
        (3, 2, 1, 1),
        (5, 1, 2, 1),
        (3, 1, 0, 1),
        (3, 1, 2, 2),
        (1, 1, 0, 1),
        ((3, 5), (1, 2), (0, 2), 1),
    ],
)
def test_convolution_synapses_against_counting(kernel: int, stride: int, padding: int, dilation: int) -> None:
    conv = nn.Conv2d(2, 3, kernel, stride=stride, padding=padding, dilation=dilation)
    found = cost.geometry(conv, (2, 7, 7)).uses[""]
    assert torch.equal(found[0, 0], brute_force_uses(conv, 7))


def test_same_padding_counts_like_its_number() -> None:
    same, one = nn.Conv2d(1, 1, 3, padding="same"), nn.Conv2d(1, 1, 3, padding=1)
    assert torch.equal(cost.geometry(same, (1, 5, 5)).uses[""], cost.geometry(one, (1, 5, 5)).uses[""])


def test_three_by_three_on_a_three_by_three_image() -> None:
    """By hand: the centre tap serves 9 outputs, the edges 6, the corners 4."""
    conv = nn.Conv2d(1, 1, 3, padding=1)
    expected = [[4, 6, 4], [6, 9, 6], [4, 6, 4]]
    assert cost.geometry(conv, (1, 3, 3)).uses[""][0, 0].tolist() == expected


def test_connections_of_a_pruned_network() -> None:
    """One corner weight (4 of 49 synapses) and one linear weight (1 of 18) are lost."""
    model = nn.Sequential(
        nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(9, 2, bias=False)
    )
    model[0].weight.data.fill_(1.0)
    model[2].weight.data.fill_(1.0)
    model[0].weight.data[0, 0, 0, 0] = 0
    model[2].weight.data[1, 3] = 0
    count = cost.connections(model, cost.geometry(model, (1, 3, 3)))
    assert (count.weights, count.weights_left) == (27, 25)
    assert (count.synapses, count.synapses_left) == (49 + 18, 45 + 17)
    assert count.sparsity_params == pytest.approx(2 / 27)
    assert count.sparsity_synapses == pytest.approx(5 / 67)


def test_pruned_and_baked_networks_count_the_same() -> None:
    model = models.build("digits_net", 4, (1, 8, 8), 10, 2.0, seed=0)
    geometry = cost.geometry(model, (1, 8, 8))
    pruners.attach(model, "stds", TrainConfig(), geometry).set_threshold(0.05)
    before = cost.connections(model, geometry)
    pruners.bake(model)
    assert cost.connections(model, geometry) == before
    assert 0 < before.sparsity_params < 1


def test_digits_net_by_hand() -> None:
    """16 and 32 channels of 3x3 on 8x8 and 4x4, pooled to 4x4 and 2x2; FC 128 -> 128 -> 100."""
    model = models.build("digits_net", 4, (1, 8, 8), 10, 2.0, seed=0)
    geometry = cost.geometry(model, (1, 8, 8))
    count = cost.connections(model, geometry)
    assert count.weights == 16 * 9 + 16 * 32 * 9 + 128 * 128 + 128 * 100
    # valid taps of a 3-kernel on a line of n pixels: 3n - 2
    assert count.synapses == 16 * 22**2 + 16 * 32 * 10**2 + 128 * 128 + 128 * 100
    assert geometry.neurons == 16 * 4 * 4 + 32 * 2 * 2 + 128 + 100


def test_spike_count_sees_every_neuron() -> None:
    node = models.lif(2.0)
    with cost.count_spikes(node) as spikes:
        node(torch.full((4, 3, 5), 1.5))  # fires in steps 2 and 4, see the golden trace of the neurons
    assert (spikes.spikes, spikes.chances, spikes.rate) == (30.0, 60, 0.5)

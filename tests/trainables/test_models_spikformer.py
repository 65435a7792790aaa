"""SpikingJelly's spiking transformer as somebody else's network: by import path, in its smallest form."""

from __future__ import annotations

import pytest
import torch

from trainables import cost, pruners
from trainables.models import build
from trainables.models.adapter import Adapter

SPIKFORMER = "spikingjelly.activation_based.model.spikformer:Spikformer"
TINY = {"in_channels": 1, "img_size_h": 8, "img_size_w": 8, "patch_size": 4, "num_classes": 3}
TINY |= {"embed_dims": 16, "num_heads": 2, "depths": 1}


@pytest.mark.parametrize("inner_steps", [3, 5])
def test_spikformer(inner_steps: int) -> None:
    """SpikingJelly's spiking transformer: its T or ours, the steps are ours; all its weights are pruned."""
    net = build(SPIKFORMER, 3, (1, 8, 8), 3, 2.0, 0, {**TINY, "T": inner_steps})
    assert isinstance(net, Adapter) == (inner_steps != 3)
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    activity = net.train()(x)
    assert activity.shape == (3, 4, 3)
    activity.mean(0)[:, 0].sum().backward()
    # stem 2, 4, 8, 16 channels and a position encoding; q-k-v, projection; the MLP's two; the head
    expected = [
        9 * 2,
        9 * 2 * 4,
        9 * 4 * 8,
        9 * 8 * 16,
        9 * 16 * 16,
        3 * 16 * 16,
        16 * 16,
        *[16 * 64] * 2,
        16 * 3,
    ]
    layers = pruners.prunable(net)
    weights = [module.get_parameter("weight") for module in layers.values()]
    assert sorted(weight.numel() for weight in weights) == sorted(expected)
    assert all(weight.grad is not None for weight in weights)
    assert cost.geometry(net, (1, 8, 8)).uses.keys() == layers.keys()


def test_spikformer_is_seeded() -> None:
    before = torch.get_rng_state()
    one, two = (build(SPIKFORMER, 2, (1, 8, 8), 3, 2.0, seed, TINY).state_dict() for seed in (0, 1))
    again = build(SPIKFORMER, 2, (1, 8, 8), 3, 2.0, 0, TINY).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[key], again[key]) for key in one)
    key = next(key for key in one if one[key].dim() > 1)
    assert not torch.equal(one[key], two[key])

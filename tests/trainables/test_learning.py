from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainables import assembly
from trainables.config import TrainConfig
from trainables.learning import LOSSES, OPTIMIZERS, groups

ACTIVITY = torch.tensor([[0.5, 0.0], [0.25, 1.0]])
LABELS = torch.tensor([0, 1])
# by hand: ((.5-1)^2 + 0 + .25^2 + 0) / 4, and the mean of log(1 + e^-.5) and log(1 + e^-.75)
EXPECTED = {
    "mse": (0.25 + 0.0625) / 4,
    "cross_entropy": (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-0.75))) / 2,
}
# two steps from 1 with gradient 1, lr 0.1, momentum 0.5, weight decay 0
STEPS = {
    "sgd": [0.9, 0.9 - 0.1 * 1.5],
    "adam": [0.9, 0.8],  # bias-corrected moments of a constant gradient are that gradient
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_by_hand(name: str) -> None:
    assert float(LOSSES[name](ACTIVITY, LABELS)) == pytest.approx(EXPECTED[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_by_hand(name: str) -> None:
    parameter = nn.Parameter(torch.ones(1))
    optimizer = OPTIMIZERS[name]([parameter], 0.1, 0.5, 0.0)
    for expected in STEPS[name]:
        parameter.grad = torch.ones(1)
        optimizer.step()
        assert parameter.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_shrinks_without_a_gradient(name: str) -> None:
    parameter = nn.Parameter(torch.ones(1))
    optimizer = OPTIMIZERS[name]([parameter], 0.1, 0.0, 0.1)
    parameter.grad = torch.zeros(1)
    optimizer.step()
    assert parameter.item() < 1


@pytest.mark.parametrize(("pruner", "learned"), [("stds", 0), ("str", 4), ("nspdi", 4), ("upr", 4 + 3)])
def test_weight_decay_leaves_what_a_pruner_learns_alone(pruner: str, learned: int) -> None:
    """Four layers, and three whose spikes a pruned layer reads."""
    model, _, _ = assembly.pruned_network(TrainConfig(pruner=pruner))
    own, *rest = groups(model)
    assert len(own["params"]) == 4 + 2 * 2  # and two batch normalisations
    assert [len(group["params"]) for group in rest] == ([learned] if learned else [])
    assert all(group["weight_decay"] == 0 for group in rest)
    parameter = nn.Parameter(torch.ones(1))
    parameter.grad = torch.zeros(1)
    OPTIMIZERS["adam"]([{"params": [parameter], "weight_decay": 0.0}], 0.1, 0.9, 0.5).step()
    assert parameter.item() == 1

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainables.learning import LOSSES, OPTIMIZERS

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

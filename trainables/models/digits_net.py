"""The default network: small enough for a laptop, built like the one of STDS."""

from __future__ import annotations

from spikingjelly.activation_based import layer
from torch import nn

from trainables.models.parts import VOTERS, DirectEncoding, Shape, lif


def digits_net(timesteps: int, shape: Shape, classes: int, tau: float) -> nn.Module:
    """The paper's 6conv2fc in small: twice conv-BN-pool-LIF (16, 32), FC128-LIF, FC-LIF (10 a class), vote.

    Pools currents, not spikes as STDS does: with 8 x 8 images a maximum over spikes lets nearly everything
    through, and at 93 % sparsity this order was 3 to 5 points more accurate (seeds 0 and 1).
    """
    channels, height, width = shape
    stem = nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.MaxPool2d(2)
    )
    return nn.Sequential(
        DirectEncoding(stem, timesteps),
        lif(tau),
        layer.Conv2d(16, 32, 3, padding=1, bias=False, step_mode="m"),
        layer.BatchNorm2d(32, step_mode="m"),
        layer.MaxPool2d(2, step_mode="m"),
        lif(tau),
        layer.Flatten(start_dim=1, step_mode="m"),
        layer.Linear(32 * (height // 4) * (width // 4), 128, bias=False, step_mode="m"),
        lif(tau),
        layer.Linear(128, VOTERS * classes, bias=False, step_mode="m"),
        lif(tau),
        layer.VotingLayer(VOTERS, step_mode="m"),
    )

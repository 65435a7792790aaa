"""The network of STDS, Grad R and UPR on CIFAR-10."""

from __future__ import annotations

from collections import OrderedDict

from spikingjelly.activation_based import layer
from torch import nn

from trainables.models.parts import VOTERS, DirectEncoding, Shape, Share, Width, lif


def sixconv(
    timesteps: int,
    shape: Shape,
    classes: int,
    tau: float,
    *,
    channels: Width = 256,
    hidden: Width = 2048,
    dropout: Share = 0.5,
) -> nn.Module:
    """Six times conv3x3-BN-LIF, maximum over spikes after the third and sixth, two FC-LIF, vote of ten.

    As in the authors' code (github Yanqi-Chen/STDS, CIFAR10/model.py): no biases, the first convolution
    computed once and repeated T times, one dropout mask for all T steps before each FC layer, PyTorch's
    default initialisation. There the FC layers are 1 x 1 convolutions: the same weights, the same numbers.
    Layers are called conv1 .. conv6, fc7, fc8 as there.
    """
    colours, height, width = shape
    stem = nn.Sequential(nn.Conv2d(colours, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv1=DirectEncoding(stem, timesteps), lif1=lif(tau))
    for n in range(2, 7):
        parts[f"conv{n}"] = layer.Conv2d(channels, channels, 3, padding=1, bias=False, step_mode="m")
        parts[f"bn{n}"] = layer.BatchNorm2d(channels, step_mode="m")
        parts[f"lif{n}"] = lif(tau)
        if n in (3, 6):
            parts[f"pool{n}"] = layer.MaxPool2d(2, step_mode="m")
    parts["flat"] = layer.Flatten(start_dim=1, step_mode="m")
    parts["dropout7"] = layer.Dropout(dropout, step_mode="m")
    parts["fc7"] = layer.Linear(channels * (height // 4) * (width // 4), hidden, bias=False, step_mode="m")
    parts["lif7"] = lif(tau)
    parts["dropout8"] = layer.Dropout(dropout, step_mode="m")
    parts["fc8"] = layer.Linear(hidden, VOTERS * classes, bias=False, step_mode="m")
    parts["lif8"] = lif(tau)
    parts["vote"] = layer.VotingLayer(VOTERS, step_mode="m")
    return nn.Sequential(parts)

"""Networks by name.

A builder takes the number of time steps, the image shape, the number of classes and the membrane time
constant, and returns a module that maps images [N, C, H, W] to class activity [T, N, classes]. Static
images enter as a constant current; the first convolution sees the same image in every step and is
therefore computed once and repeated T times, as in STDS.

To add a network: write one function and add one row to ``MODELS``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from spikingjelly.activation_based import layer, neuron, surrogate
from torch import Tensor, nn

Builder = Callable[[int, tuple[int, int, int], int, float], nn.Module]

VOTERS = 10  # output neurons per class; their mean is the class's activity (STDS uses 10)


def lif(tau: float) -> nn.Module:
    """The neuron of STDS: LIF with ATan surrogate gradient and detached reset."""
    node: nn.Module = neuron.LIFNode(
        tau, surrogate_function=surrogate.ATan(), detach_reset=True, step_mode="m"
    )
    return node


class DirectEncoding(nn.Module):
    """[N, C, H, W] -> [T, N, C, H, W]: apply a stateless stem once; its output is a constant current."""

    def __init__(self, stem: nn.Module, timesteps: int) -> None:
        super().__init__()
        self.stem = stem
        self.timesteps = timesteps

    def forward(self, x: Tensor) -> Tensor:
        """A view: the T copies share their memory."""
        current: Tensor = self.stem(x)
        return current.expand(self.timesteps, *current.shape)


def digits_net(timesteps: int, shape: tuple[int, int, int], classes: int, tau: float) -> nn.Module:
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


MODELS: dict[str, Builder] = {"digits_net": digits_net}


def build(
    name: str, timesteps: int, shape: tuple[int, int, int], classes: int, tau: float, seed: int
) -> nn.Module:
    """The network called ``name``, initialised from ``seed`` without touching the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name](timesteps, shape, classes, tau)

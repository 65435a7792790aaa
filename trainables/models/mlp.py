"""Fully connected layers alone: for chips without convolutions, and for data that are no images."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from spikingjelly.activation_based import layer
from torch import nn

from trainables.models.parts import VOTERS, DirectEncoding, Shape, Width, lif

Widths = Annotated[tuple[Width, ...], Field(max_length=64)]


def mlp(timesteps: int, shape: Shape, classes: int, tau: float, *, hidden: Widths = (256,)) -> nn.Module:
    """Flatten, FC-LIF of every width in ``hidden``, FC-LIF with ten neurons a class, vote; no biases."""
    widths = [math.prod(shape), *hidden, VOTERS * classes]
    stem = nn.Sequential(nn.Flatten(), nn.Linear(widths[0], widths[1], bias=False))
    parts = [DirectEncoding(stem, timesteps), lif(tau)]
    for before, after in pairwise(widths[1:]):
        parts += [layer.Linear(before, after, bias=False, step_mode="m"), lif(tau)]
    return nn.Sequential(*parts, layer.VotingLayer(VOTERS, step_mode="m"))

"""Soft thresholds with a gain per channel and a second threshold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.pruners.soft import Soft, SoftThreshold


class GainThreshold(SoftThreshold):
    """w = u if |u| > d2 else 0, u = exp(g) sign(theta) max(|theta| - d, 0); g [C_out, 1, ...] is learned.

    Gradients pass both thresholds straight through: dL/dtheta = exp(g) dL/dw, dL/dg = sum(u dL/dw).
    """

    second: Tensor

    def __init__(self, theta: Tensor, relative: float = 1.0) -> None:
        super().__init__(theta, relative)
        self.log_gain = nn.Parameter(torch.zeros(theta.shape[0], *[1] * (theta.dim() - 1)))
        self.register_buffer("second", torch.zeros(()))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from the spine sizes ``theta`` of the same shape."""
        u = self.log_gain.exp() * (theta - theta.detach().clamp(-self.threshold, self.threshold))
        # u minus itself is exactly 0, so a dropped weight is 0 and keeps its gradient, as in STDS.
        return u - torch.where(u.detach().abs() <= self.second, u.detach(), 0.0)


class NSPDI(Soft):
    """Nonlinear synaptic pruning of NSPDI-SNN (Cai et al. 2025, arXiv 2508.21566).

    w = sign(theta) [a (|theta| - d1)]+ with a gain a per output channel, and a second threshold d2: a
    channel of small gain loses more spines. d1 = d follows the schedule, d2 = ``pruner_strength`` d1. With
    a = 1 and d2 = 0 this is STDS.

    Departs, as only the abstract and the map were open to us: how d2 enters (here it cuts w), its size and
    its schedule are ours; so is a = exp(g), g = 0 at first, which keeps gains positive. The paper's other
    half, nonlinear dendrites (I = Wx + b + Wx * Vx), changes the neuron and is not here.
    """

    fields = (*Soft.fields, "pruner_strength")
    strength = 0.1
    map_type = GainThreshold

    @torch.no_grad()
    def set_threshold(self, d: float) -> None:
        super().set_threshold(d)
        for map_ in self.maps:
            assert isinstance(map_, GainThreshold)
            map_.second.copy_(map_.threshold * self.regulariser)

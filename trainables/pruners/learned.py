"""Thresholds that are learned, one per layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.pruners.base import Moment, Pruner, Spines

S_INIT = -10.0  # sigmoid(-10) = 4.5e-5: nearly dense


class LearnedThreshold(nn.Module):
    """w = sign(theta) max(|theta| - sigmoid(s), 0) with the true gradients of theta and s."""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Parameter(torch.tensor(S_INIT))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from the spine sizes ``theta`` of the same shape."""
        return theta.sign() * (theta.abs() - self.s.sigmoid()).relu()


class STR(Pruner[LearnedThreshold]):
    """Soft threshold weight reparameterization (Kusupati et al. ICML 2020, eq. 4 and 6; g = sigmoid).

    Every layer learns its threshold sigmoid(s); decay of s towards 0, where the sigmoid is 1/2, is what
    prunes: s <- s (1 - lr lambda) after each step, lambda = ``pruner_strength``. A pruned spine gets no
    gradient.

    Departs: the decay is decoupled from the optimiser, because Adam would take its size out; with plain SGD
    the two are one to first order in lr. The authors decay weights and s alike and start from s = -3200 or
    -100, lambda 2e-5, over half a million steps; here s starts at -10, and exp(-lambda sum(lr)) is how near
    it comes to 0. Sparsity is not set but results.
    """

    fields = ("exempt", "pruner_strength")
    strength = 2.0

    def map(self, spines: Spines) -> LearnedThreshold:
        return LearnedThreshold()

    @property
    def threshold(self) -> float:
        """Mean over the layers."""
        return float(torch.stack([map_.s.detach().sigmoid() for map_ in self.maps]).mean())

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        for map_ in self.maps:
            map_.s.mul_(1 - moment.lr * self.regulariser)

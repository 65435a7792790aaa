"""Gradient rewiring: connections keep their sign, pruned ones go on learning below zero."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from trainables.errors import ConfigError
from trainables.pruners.base import Moment, Pruner, Spines, signs


class Signed(nn.Module):
    """w = theta while it has its first sign, else 0; dL/dtheta = dL/dw everywhere."""

    negative: Tensor

    def __init__(self, theta: Tensor) -> None:
        super().__init__()
        self.register_buffer("negative", signs(theta))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from theta of the same shape."""
        flipped = (theta < 0) ^ self.negative
        return theta - torch.where(flipped, theta.detach(), 0.0)


class GradR(Pruner[Signed]):
    """w = s max(q, 0) with a fixed sign s and a strength q that learns also below 0 (Chen et al. IJCAI 2021).

    theta = s q. Each step adds to the optimiser's -lr alpha sign(q - mu): the gradient of a Laplace prior
    of scale 1 / alpha around mu = ln(2 (1 - p)) / alpha, under which a share p = ``final_sparsity`` of all
    strengths is negative. alpha = ``pruner_strength`` is the L1 pressure of the method; the data decide how
    much of p is reached.

    Departs: the authors' own Adam divides the prior's step by its bias correction; here the optimiser is
    whatever the run has, and the prior's step is lr. Their alpha, 1e-3, is made for 6 million steps at lr
    1e-4: what counts is alpha sum(lr), how far the prior moves a spine.
    """

    fields = ("exempt", "final_sparsity", "pruner_strength")
    strength = 0.3

    def __init__(self, layers: list[Spines], options: Any) -> None:
        super().__init__(layers, options)
        if not 0.5 <= options.final_sparsity < 1:
            given = f"final_sparsity: got {options.final_sparsity}"
            raise ConfigError([f"{given}; grad_r needs at least 0.5, less than 1; nearest valid: 0.5"])

    def map(self, spines: Spines) -> Signed:
        return Signed(spines.theta)

    @property
    def prior_mean(self) -> float:
        """mu, at most 0; minus infinity without a prior."""
        exponent = math.log(2 * (1 - self.options.final_sparsity))
        return exponent / self.regulariser if self.regulariser > 0 else -math.inf

    @torch.no_grad()
    def before_step(self, moment: Moment) -> None:
        """The prior's step; before the optimiser's, because it looks at the old strengths."""
        for spines, map_ in self:
            sign = 1 - 2 * map_.negative.to(spines.theta.dtype)
            drift = (spines.theta * sign - self.prior_mean).sign() * sign
            spines.theta.sub_(drift, alpha=moment.lr * self.regulariser)

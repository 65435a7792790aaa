"""Alternating direction method of multipliers: weights are drawn to their own sparse projection."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.pruners.base import Moment, Pruner, Spines
from trainables.pruners.masks import Mask, budgets, largest


class Projected(Mask):
    """A mask, all set until the pruning ends, with the projection Z and the scaled multiplier U."""

    z: Tensor
    u: Tensor

    def __init__(self, theta: Tensor) -> None:
        super().__init__(theta)
        self.register_buffer("z", theta.detach().clone())
        self.register_buffer("u", torch.zeros_like(theta))


class ADMM(Pruner[Projected]):
    """min L(W) with at most k weights that are not 0, by ADMM (Deng et al. TNNLS 2021, algorithm 1).

    Every ``update_steps`` steps inside the schedule's window Z = the k largest of W + U in each layer,
    U = U + W - Z; from the first of them on the loss gets rho/2 ||W - Z + U||^2, rho = ``pruner_strength``.
    When the window closes all but the k largest |W| are masked and the rest of the training retrains what
    is left. Before the window the network trains dense, as the authors' pretrained one.

    Departs: each layer's k comes from ``masks.budgets``, the authors' are set by hand. Their code takes
    norms in place of squared norms, updates once an epoch, and adds 5e-5 of weight norms, which here is
    weight_decay. W - Z shrinks to 0 under SGD; Adam takes the size out of the pull and leaves a distance.
    """

    fields = ("exempt", "final_sparsity", "pruner_strength", "update_steps", "window_end", "window_start")
    window_end = 0.5  # the authors retrain for as long as they prune
    strength = 1e-3

    def map(self, spines: Spines) -> Projected:
        return Projected(spines.theta)

    def penalty(self, moment: Moment) -> Tensor | None:
        period = self.period(moment)
        updated = (moment.step - 1) // period * period / moment.steps  # progress at the last update
        if not moment.pruning or updated <= self.options.window_start:
            return None  # no Z yet
        distances = [(spines.theta - map_.z + map_.u).square().sum() for spines, map_ in self]
        return self.regulariser / 2 * torch.stack(distances).sum()

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        if not (moment.closes or (moment.pruning and moment.step % self.period(moment) == 0)):
            return
        counts = budgets(self.layers, self.options.final_sparsity)
        for (spines, map_), count in zip(self, counts, strict=True):
            if moment.closes:
                map_.mask.copy_(largest(spines.theta.abs(), count))
            else:
                shifted = spines.theta + map_.u
                kept = largest(shifted.abs(), count)
                map_.z.copy_(torch.where(kept, shifted, 0.0))
                map_.u.copy_(torch.where(kept, 0.0, shifted))  # U + W - Z

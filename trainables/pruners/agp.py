"""Automated gradual pruning: the smallest weights go, at a sparsity that the schedule sets."""

from __future__ import annotations

from typing import ClassVar

import torch

from trainables.pruners.base import Moment, Pruner, Spines
from trainables.pruners.masks import Mask, budgets, largest


class AGP(Pruner[Mask]):
    """Magnitude pruning at sparsity s = final_sparsity f(u) (Zhu and Gupta 2017, eq. 1 with s_i = 0).

    Every ``update_steps`` steps inside the schedule's window, and once when it closes, each layer's mask is
    set at its largest |theta|; after that masks are fixed and the rest of the training fine-tunes. The
    paper's curve is f = cubic, the default; any other shape may be tried. A masked theta keeps its value
    and takes part in the next choice, as in the authors' TensorFlow code: it comes back when others have
    become smaller.

    Departs: layers share the connections by ``masks.budgets``, where the authors prune each by the same
    share.
    """

    fields = ("exempt", "final_sparsity", "scheduler", "update_steps", "window_end", "window_start")
    drive = "sparsity"
    scheduler: ClassVar[str | None] = "cubic"
    window_end = 0.8  # STR's code of gradual magnitude pruning: epochs 20 to 79 of 100

    def map(self, spines: Spines) -> Mask:
        return Mask(spines.theta)

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        if moment.closes or (moment.pruning and moment.step % self.period(moment) == 0):
            counts = budgets(self.layers, self.options.final_sparsity * moment.shape)
            for (spines, map_), count in zip(self, counts, strict=True):
                map_.mask.copy_(largest(spines.theta.abs(), count))

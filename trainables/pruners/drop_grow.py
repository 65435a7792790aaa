"""Sparse from the first step to the last: drop the smallest connections, grow as many others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainables.pruners.base import Moment, Pruner, Spines, unlearn
from trainables.pruners.masks import Mask, scatter_connections


class OpenMask(Mask):
    """The mask's weights with a dense gradient, dL/dtheta = dL/dw, for who grows by gradient."""

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from theta of the same shape."""
        return theta - theta.detach().masked_fill(self.mask, 0.0)


@torch.no_grad()
def rewire(mask: Tensor, theta: Tensor, score: Tensor, share: float) -> Tensor:
    """``mask`` after dropping a ``share`` of its smallest |theta| and setting as many of highest ``score``.

    A connection that was just dropped may be grown again and then keeps its theta (Evci et al. 2020); one
    that was not there starts at theta = 0, in place, so that the network's function does not jump.
    """
    before = mask.flatten()
    moved = int(share * int(before.sum()))
    size = theta.abs().flatten().masked_fill(~before, math.inf)
    kept = before.index_fill(0, size.topk(moved, largest=False, sorted=False).indices, False)
    free = score.flatten().masked_fill(kept, -math.inf)
    after = kept.index_fill(0, free.topk(moved, sorted=False).indices, True)
    theta.masked_fill_((after & ~before).view(theta.shape), 0.0)
    return after.view(theta.shape)


class DropGrow(Pruner[Mask]):
    """The number of connections of each layer is constant, from Erdos-Renyi-kernel masks on.

    Every ``update_steps`` steps inside the schedule's window a share of them moves; after the window masks
    are fixed. Only connections of the new mask learn in that step. A masked theta rests, but for moments of
    the optimiser that have not decayed; growing sets it to 0.
    """

    fields = ("drop_fraction", "exempt", "final_sparsity", "update_steps", "window_end", "window_start")
    window_end = 0.75  # Evci et al. 2020, section 4

    def start(self, moment: Moment) -> None:
        scatter_connections(self)

    def share(self, moment: Moment) -> float:
        """Fraction of the connections that move now."""
        raise NotImplementedError

    def score(self, theta: Tensor) -> Tensor:
        """What grows first, shape of theta."""
        raise NotImplementedError

    def before_step(self, moment: Moment) -> None:
        update = 0 < moment.window < 1 and moment.step % self.period(moment) == 0
        for spines, map_ in self:
            if update and spines.theta.grad is not None:
                score = self.score(spines.theta)
                map_.mask.copy_(rewire(map_.mask, spines.theta, score, self.share(moment)))
            unlearn(spines.theta, map_.mask)


class SET(DropGrow):
    """Sparse evolutionary training: grow at random (Mocanu et al. Nature Communications 2018).

    Departs: the smallest weights by magnitude are dropped, where the paper takes the smallest positive and
    the largest negative ones; new connections start at 0, as in the SET baseline of Evci et al.; densities
    count the kernel; rewiring goes by steps and ends with the window.
    """

    def map(self, spines: Spines) -> Mask:
        return Mask(spines.theta)

    def share(self, moment: Moment) -> float:
        fraction: float = self.options.drop_fraction
        return fraction

    def score(self, theta: Tensor) -> Tensor:
        return torch.rand(theta.shape).to(theta.device)


class RigL(DropGrow):
    """Rigging the lottery: grow where the dense gradient is largest (Evci et al. ICML 2020, algorithm 1).

    The share of connections that move decays as drop_fraction / 2 (1 + cos(pi window)).

    Departs: the optimiser moves in the step of a rewiring too, new connections at once, where the authors'
    code skips it; moments of new connections are not reset, without gradient they have decayed.
    """

    def map(self, spines: Spines) -> Mask:
        return OpenMask(spines.theta)

    def share(self, moment: Moment) -> float:
        fraction: float = self.options.drop_fraction
        return fraction / 2 * (1 + math.cos(math.pi * moment.window))

    def score(self, theta: Tensor) -> Tensor:
        assert theta.grad is not None
        return theta.grad.abs()

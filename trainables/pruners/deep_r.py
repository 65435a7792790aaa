"""Deep rewiring: a constant number of connections, lost at a sign flip, regained at random."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.pruners.base import Moment, Pruner, Spines, signs
from trainables.pruners.masks import Mask, scatter_connections

NEWBORN = 1e-12  # strength of a connection that has just been made; the authors' epsilon


class SignedMask(Mask):
    """A mask that remembers the sign of every possible connection."""

    negative: Tensor

    def __init__(self, theta: Tensor) -> None:
        super().__init__(theta)
        self.register_buffer("negative", signs(theta))

    def signs(self, place: tuple[Tensor, ...]) -> Tensor:
        """+1. or -1. of the connections at ``place``, one index tensor per axis."""
        return 1.0 - 2.0 * self.negative[place]


class DeepR(Pruner[SignedMask]):
    """DEEP R (Bellec et al. ICLR 2018, algorithm 1), hard version: w = s q for active connections.

    After each step an active strength q = s theta loses lr alpha (L1, alpha = ``pruner_strength``) and gets
    noise sqrt(2 lr T) N(0, 1). One that falls to 0 or below goes dormant, w = 0, and for each that is
    missing a random dormant one wakes with strength 1e-12, so a layer's number of connections is constant.
    A dormant theta gets no gradient and is set anew when it wakes.

    Departs: T = lr alpha^2 / 18, which makes the noise a third of the drift, stands in for a parameter of
    its own; layers get Erdos-Renyi-kernel densities in place of densities by hand. The Adam port in the
    code of Grad R wakes connections by coin toss, so its number fluctuates.
    """

    fields = ("exempt", "final_sparsity", "pruner_strength")
    strength = 0.1

    def map(self, spines: Spines) -> SignedMask:
        return SignedMask(spines.theta)

    def start(self, moment: Moment) -> None:
        scatter_connections(self)

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        drift = moment.lr * self.regulariser
        for spines, map_ in self:
            theta, active = spines.theta, map_.mask
            here = active.nonzero(as_tuple=True)
            sign = map_.signs(here)
            strength = theta[here] * sign - drift
            strength += torch.randn(strength.shape).to(strength) * (drift / 3)
            theta[here] = strength * sign
            lost = strength <= 0
            active[here] = ~lost
            wake(theta, map_, int(lost.sum()))


def wake(theta: Tensor, map_: SignedMask, missing: int) -> None:
    """Set as many random dormant connections, in place.

    Drawn with replacement, then again for those that met: a few passes, where a permutation of all dormant
    ones costs more than the training step.
    """
    while missing:
        dormant = (~map_.mask).flatten().nonzero().squeeze(1)
        drawn = torch.randint(len(dormant), (missing,)).unique().to(theta.device)
        place = torch.unravel_index(dormant[drawn], theta.shape)
        map_.mask[place] = True
        theta[place] = NEWBORN * map_.signs(place)
        missing -= len(drawn)

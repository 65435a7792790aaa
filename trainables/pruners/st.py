"""The soft threshold with its true gradient: what STDS is compared with to see what straight-through does."""

from __future__ import annotations

from torch import Tensor

from trainables.pruners.soft import Soft, SoftThreshold


class Masked(SoftThreshold):
    """w = sign(theta) max(|theta| - d, 0), dL/dtheta = dL/dw where |theta| > d, else 0."""

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from the spine sizes ``theta`` of the same shape."""
        return theta - theta.clamp(-self.threshold, self.threshold)


class ST(Soft):
    """STDS with the derivative of its map, "st" in the authors' code (Chen et al. ICML 2022).

    A pruned spine learns nothing more and, as d grows, never comes back. theta stays where it is, but for
    what moments of the optimiser or weight decay still do to it.
    """

    map_type = Masked

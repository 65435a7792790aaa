"""State transition of dendritic spines: the method of the paper."""

from __future__ import annotations

from torch import Tensor

from trainables.pruners.soft import Soft, SoftThreshold


class StraightThrough(SoftThreshold):
    """w = sign(theta) max(|theta| - d, 0), dL/dtheta = dL/dw everywhere."""

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from the spine sizes ``theta`` of the same shape."""
        # theta - clamp(theta, -d, d) is the soft threshold to the last bit; detaching the second term
        # makes its gradient the identity without a custom autograd function.
        return theta - theta.detach().clamp(-self.threshold, self.threshold)


class STDS(Soft):
    """w = sign(theta) max(|theta| - d, 0), dL/dtheta = dL/dw for every theta (Chen et al. ICML 2022).

    The gradient passes straight through, to pruned weights (filopodia) as well, so these go on learning,
    can grow back, and can come back with the other sign. Under SGD this is dual averaging with the L1
    pressure (d[n+1] - d[n]) / lr[n] (Chen et al. ICLR 2023).

    Departs: the authors' code multiplies by sign(theta)^2 and so freezes a theta that is exactly 0; here it
    learns too.
    """

    map_type = StraightThrough

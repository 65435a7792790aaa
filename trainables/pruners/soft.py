"""Soft thresholds d that the schedule drives, one per layer if layers weigh differently."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from trainables.pruners.base import Moment, Pruner, Spines


class SoftThreshold(nn.Module):
    """Holds a layer's threshold d c, and c: buffers, in weight units and without unit."""

    threshold: Tensor
    relative: Tensor

    def __init__(self, theta: Tensor, relative: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("relative", torch.tensor(relative))


def layer_weights(layers: list[Spines], weighting: str) -> list[float]:
    """How hard each layer is pruned, relative to the common threshold: d[l] = d c[l].

    none: c = 1. scale: c proportional to the mean |theta| at this moment, so that d cuts every layer at
    the same quantile of its initial weights, if they are drawn alike. positions: c proportional to p^(1/4),
    p the mean output positions per weight. Why: removing a weight costs about h w^2 / 2 of loss (LeCun et
    al. 1990) and saves p synapses, so equal cost per saved synapse is a threshold proportional to
    sqrt(p / h). The curvature h of a weight that p positions share lies between constant (c = p^(1/2)) and
    proportional to p (c = 1); this takes the middle. Measured on the digits net, S-LATS in 20 epochs, seed
    0: accuracy 0.99 at 82 % of synapses lost, with p^(1/2) 0.89 at 82 %, with none 1.00 at 79 % and 0.98 at
    85 %.

    c is scaled so that its mean over all weights is 1: the mean threshold, and with it the L1 pressure on
    the network as a whole, is that of an unweighted run with the same D. In a small first layer c may be
    several: under Adam spines can't outgrow a d c above the sum of the learning rates, so exempt such a
    layer or lower D.
    """
    if weighting == "none":
        return [1.0] * len(layers)
    sizes = torch.tensor([float(spines.theta.numel()) for spines in layers])
    if weighting == "positions":
        uses = [spines.uses.expand_as(spines.theta).double().mean() ** 0.25 for spines in layers]
    else:
        uses = [spines.theta.detach().abs().double().mean() for spines in layers]
    raw = torch.stack([use.cpu() for use in uses])
    return [float(c) for c in raw * sizes.sum() / (raw * sizes).sum()]


class Soft(Pruner[SoftThreshold]):
    """A method whose maps are soft thresholds at d c, d = D f(u); ``map_type`` is what sets it apart."""

    fields: ClassVar[tuple[str, ...]] = (
        "exempt",
        "final_threshold",
        "layer_weighting",
        "scheduler",
        "threshold_unit",
        "window_end",
        "window_start",
    )
    drive = "threshold"
    map_type: ClassVar[type[SoftThreshold]]

    def __init__(self, layers: list[Spines], options: Any) -> None:
        super().__init__(layers, options)
        names = [spines.name for spines in layers]
        self.relative = dict(zip(names, layer_weights(layers, options.layer_weighting), strict=True))

    def map(self, spines: Spines) -> SoftThreshold:
        return self.map_type(spines.theta, self.relative[spines.name])

    @property
    def threshold(self) -> float:
        return float(self.maps[0].threshold / self.maps[0].relative)

    @torch.no_grad()
    def set_threshold(self, d: float) -> None:
        """Set d, in weight units; every layer gets d c."""
        for map_ in self.maps:
            map_.threshold.copy_(map_.relative * d)

    def start(self, moment: Moment) -> None:
        self.set_threshold(moment.threshold)

    def after_step(self, moment: Moment) -> None:
        self.set_threshold(moment.threshold)

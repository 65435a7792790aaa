"""Binary masks: the map that applies one, and the ways to choose which connections it keeps."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from trainables.pruners.base import Pruner, Spines


class Mask(nn.Module):
    """w = theta where the mask is set, else 0; a masked spine gets no gradient.

    So whatever an optimiser does to a masked theta (moments that have not decayed, weight decay), the
    weight stays 0: nothing that was pruned comes back unless the method sets its mask.
    """

    mask: Tensor

    def __init__(self, theta: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones_like(theta, dtype=torch.bool))

    def forward(self, theta: Tensor) -> Tensor:
        """Weight of any shape from theta of the same shape."""
        return torch.where(self.mask, theta, 0.0)


AnyMask = TypeVar("AnyMask", bound=Mask)


def largest(score: Tensor, count: int) -> Tensor:
    """Mask of the ``count`` largest scores; of equal ones any."""
    flat = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    flat[score.flatten().topk(count, sorted=False).indices] = True
    return flat.view(score.shape)


def erdos_renyi(shapes: list[tuple[int, ...]], density: float) -> list[int]:
    """Connections per layer of an Erdos-Renyi-kernel network with ``density`` in all.

    A layer's density is e * sum(shape) / prod(shape), one e for all layers, at most 1: what a layer can't
    take goes to the others (Evci et al. ICML 2020, section 3.1). For a linear layer this is the
    e (n_in + n_out) / (n_in n_out) of SET (Mocanu et al. 2018, eq. 2). At least one connection a layer.
    """
    sizes = [math.prod(shape) for shape in shapes]
    budget, dense = density * sum(sizes), set[int]()
    while True:
        free = [i for i in range(len(shapes)) if i not in dense]
        left = budget - sum(sizes[i] for i in dense)
        e = left / max(1, sum(sum(shapes[i]) for i in free))
        full = {i for i in free if e * sum(shapes[i]) >= sizes[i]}
        if not full:
            break
        dense |= full
    exact = [sizes[i] if i in dense else e * sum(shapes[i]) for i in range(len(shapes))]
    # Rounding the running sum keeps the total what it should be.
    ends = [math.floor(sum(exact[: i + 1]) + 0.5) for i in range(len(exact))]
    counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [min(max(count, 1), size) for count, size in zip(counts, sizes, strict=True)]


def budgets(layers: list[Spines], sparsity: float) -> list[int]:
    """How many connections each layer has at a sparsity in [0, 1] of the whole: Erdos-Renyi-kernel.

    One rule for all methods with a target, so that they differ in their own rule alone. Rejected, for
    gradual magnitude pruning of the digits net in 20 epochs, seeds 0 and 1: one magnitude for all layers
    (accuracy 0.77 and 0.91 at 90 % sparsity, chance at 97 %: batch normalisation makes the size of a
    layer's weights arbitrary, and 99.7 % of one convolution went) and the same share of each layer (0.84
    and 0.95; 0.36 and 0.48 at 97 %). With this rule 0.99 and 0.98; 0.78 and 0.87.
    """
    return erdos_renyi([tuple(spines.theta.shape) for spines in layers], 1 - sparsity)


def scatter_connections(pruner: Pruner[AnyMask]) -> None:
    """Set random masks that leave ``final_sparsity``."""
    counts = budgets(pruner.layers, pruner.options.final_sparsity)
    for map_, count in zip(pruner.maps, counts, strict=True):
        order = torch.randperm(map_.mask.numel())
        map_.mask.copy_((order < count).view(map_.mask.shape))

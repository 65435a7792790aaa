"""Images that fit into memory: uint8 on the device, normalised batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainables.data.split import Normalise


@dataclass(frozen=True)
class Images:
    """A part of a set of images. Parts of one file share its pixels; each names its own rows."""

    pixels: Tensor  # [M, C, H, W] uint8
    targets: Tensor  # [M] int64
    rows: Tensor  # [N] which of the M are in this part
    normalise: Normalise
    augmentation: Callable[[Tensor], Tensor] | None = None

    @property
    def labels(self) -> Tensor:
        return self.targets[self.rows].cpu()

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: Tensor, *, augment: bool) -> tuple[Tensor, Tensor]:
        rows = self.rows[indices.to(self.rows.device)]
        x = self.pixels[rows]
        if augment and self.augmentation is not None:
            x = self.augmentation(x)
        return self.normalise(x), self.targets[rows]

    def to(self, device: torch.device) -> Images:
        """Moves the rows of this part alone. On the CPU the pixels stay where all processes share them."""
        if device == self.rows.device:
            return self
        return replace(
            self,
            pixels=self.pixels[self.rows].to(device),
            targets=self.targets[self.rows].to(device),
            rows=torch.arange(len(self.rows), device=device),
            normalise=self.normalise.to(device),
        )

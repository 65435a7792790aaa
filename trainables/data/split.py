"""What a training sees of a data set: three parts that hand out batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

# The split is part of the data set, not of a run: every trial and every seed sees the same three parts.
SPLIT_SEED = 2022


class Split(Protocol):
    """One part of a data set. It draws from torch's global generator only, and only to augment."""

    @property
    def labels(self) -> Tensor:
        """The class of every sample, [N] int64, on the CPU."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor, *, augment: bool) -> tuple[Tensor, Tensor]:
        """The samples at ``indices`` [N]: x float32 [N, C, H, W] (event data: [T, N, C, H, W]), labels [N].

        ``augment`` draws a new random view of every sample, if the data set has an augmentation and this is
        its training part.
        """
        ...

    def to(self, device: torch.device) -> Self:
        """The same samples, handed out on ``device``."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Three disjoint parts. Search sees train and val only; test is read once, for the front."""

    train: Split
    val: Split
    test: Split
    classes: int
    shape: tuple[int, int, int]  # (C, H, W) of one image or one frame
    temporal: bool = False  # batches carry a time axis in front


@dataclass(frozen=True)
class Normalise:
    """x * scale + shift by channel, from uint8 or float counts to float32, without a second copy."""

    scale: Tensor  # [C, 1, 1]
    shift: Tensor  # [C, 1, 1]

    def __call__(self, x: Tensor) -> Tensor:
        return x.to(torch.float32).mul_(self.scale).add_(self.shift)

    def to(self, device: torch.device) -> Normalise:
        return Normalise(self.scale.to(device), self.shift.to(device))


def normalise(mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,), *, top: int = 255) -> Normalise:
    """(x / top - mean) / std for each channel; ``top`` is the value of a pixel that is full on."""
    centre, spread = torch.tensor([mean, std], dtype=torch.float64)[:, :, None, None]
    return Normalise((1 / (top * spread)).float(), (-centre / spread).float())


def stratified(labels: Tensor, *, val: float, test: float) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of the train, validation and test parts; ``test`` 0 leaves the last one empty.

    Every class gives the same fractions away, at least one sample each (of one or two samples none), so that
    a small part is not skewed by the draw. Random by ``SPLIT_SEED``, alike in every process and machine.
    """
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for label in labels.unique(sorted=True):
        members = (labels == label).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        given = [
            max(1, round(len(members) * share)) if share and len(members) > 2 else 0 for share in (val, test)
        ]
        for part, indices in zip(parts, members.split([len(members) - sum(given), *given]), strict=True):
            part.append(indices)
    train, validation, held_out = (torch.cat(part) for part in parts)
    return train, validation, held_out

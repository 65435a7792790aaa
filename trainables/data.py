"""Data sets by name, as tensors that live on the training device, split into train, validation and test.

To add a data set: write one function that returns (images, labels) and add one row to ``DATASETS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

# The split is part of the data set, not of a run: every trial and every seed sees the same three parts.
SPLIT_SEED = 2022
VAL_FRACTION = 0.15
TEST_FRACTION = 0.15


@dataclass(frozen=True)
class Split:
    """Images [N, C, H, W] float32 in [0, 1] and class labels [N] int64."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device) -> Split:
        """The same samples on another device."""
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Dataset:
    """Three disjoint parts. Search sees train and val only; test is read once, for the front."""

    train: Split
    val: Split
    test: Split
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        c, h, w = self.train.x.shape[1:]
        return c, h, w


def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's handwritten digits: 1,797 images of 8 x 8, UCI test part (Alpaydin and Kaynak 1998)."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.submodule_search_locations is not None
    # The file that load_digits() reads: importing scikit-learn for it costs every trial process 1.8 s.
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    table = torch.tensor(np.loadtxt(path, delimiter=","), dtype=torch.float32)
    return table[:, :-1].reshape(-1, 1, 8, 8) / 16, table[:, -1].long()


DATASETS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {"digits": digits}


@cache
def load(name: str) -> Dataset:
    """The data set called ``name``, on the CPU, read once a process.

    The split is stratified: every class gives the same fractions to validation and test, so that a part
    of 270 samples is not skewed by the draw.
    """
    x, y = DATASETS[name]()
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for label in y.unique(sorted=True):
        members = (y == label).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        n_val, n_test = round(len(members) * VAL_FRACTION), round(len(members) * TEST_FRACTION)
        sizes = [len(members) - n_val - n_test, n_val, n_test]
        for part, indices in zip(parts, members.split(sizes), strict=True):
            part.append(indices)
    train, val, test = (Split(x[torch.cat(part)], y[torch.cat(part)]) for part in parts)
    return Dataset(train, val, test, classes=int(y.max()) + 1)

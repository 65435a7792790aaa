"""Samples that stay on disk, one file each, and are read batch by batch by a few threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from trainables.data.problems import UNREADABLE, problem
from trainables.data.split import Normalise
from trainables.data.store import Arrays, shared

CPU = torch.device("cpu")

# Reads one sample; the second argument are the uniform numbers of its augmentation, or None without.
Reader = Callable[[Path, Tensor | None], Tensor]


@cache
def pool() -> ThreadPoolExecutor:
    """Loader threads of this process: as many as it computes with, at least two. Decoders free the GIL."""
    return ThreadPoolExecutor(max(2, torch.get_num_threads()), thread_name_prefix="loader")


@dataclass(frozen=True)
class Listing:
    """The files of a folder of class folders, as tensors: a million Python strings are 100 MB a trial."""

    root: Path
    names: Tensor  # [M, longest] uint8: path below root, filled up with zeros
    targets: Tensor  # [M] int64

    def path(self, row: int) -> Path:
        return self.root / bytes(self.names[row].tolist()).rstrip(b"\0").decode()


def class_folders(root: Path) -> list[Path]:
    """Folders with one class each. Numbers are sorted as numbers, so that folder "10" is class 10."""
    found = [path for path in root.iterdir() if path.is_dir()]
    numbered = all(path.name.isdigit() for path in found)
    return sorted(found, key=lambda path: (int(path.name) if numbered else 0, path.name))


def listing(name: str, root: Path, suffixes: tuple[str, ...]) -> Listing:
    """Every file of ``root``/CLASS that ends in one of ``suffixes``; all processes share the list."""
    folders = class_folders(root)

    def walk() -> Arrays:
        names, targets = [], []
        for label, folder in enumerate(folders):
            found = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in suffixes)
            names += [f"{folder.name}/{file}".encode() for file in found]
            targets += [label] * len(found)
        width = max(map(len, names), default=1)
        joined = b"".join(path.ljust(width, b"\0") for path in names)
        table = torch.frombuffer(bytearray(joined or b"\0"), dtype=torch.uint8).view(-1, width)
        return {"names": table[: len(names)], "targets": torch.tensor(targets, dtype=torch.int64)}

    arrays = shared(name, [root, *folders], walk)
    return Listing(root, arrays["names"], arrays["targets"])


@dataclass(frozen=True)
class Files:
    """A part of the files of a folder."""

    listing: Listing
    rows: Tensor  # [N] which of the listed files are in this part
    read: Reader
    draws: int = 0  # uniform numbers that the augmentation of one sample takes; 0: it has none
    axis: int = 0  # where the samples are stacked: 1 behind the time axis
    normalise: Normalise | None = None
    device: torch.device = CPU

    @property
    def labels(self) -> Tensor:
        return self.listing.targets[self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: Tensor, *, augment: bool) -> tuple[Tensor, Tensor]:
        return self.ahead(indices, augment=augment)()

    def ahead(self, indices: Tensor, *, augment: bool) -> Callable[[], tuple[Tensor, Tensor]]:
        """Start reading, draw what is random, and return at once; the result waits for the batch."""
        rows = self.rows[indices.cpu()]
        draws = torch.rand(len(rows), self.draws) if augment and self.draws else [None] * len(rows)
        reading = [
            pool().submit(self._read, self.listing.path(row), draw)
            for row, draw in zip(rows.tolist(), draws, strict=True)
        ]

        def wait() -> tuple[Tensor, Tensor]:
            samples = [future.result() for future in reading]
            x = torch.stack(samples, self.axis).to(self.device)
            y = self.listing.targets[rows].to(self.device)
            return (self.normalise(x) if self.normalise else x), y

        return wait

    def _read(self, path: Path, draws: Tensor | None) -> Tensor:
        try:
            return self.read(path, draws)
        except UNREADABLE as error:
            raise problem(f"damaged file {path}: {error}; fetch or build it again") from error

    def to(self, device: torch.device) -> Files:
        return replace(self, device=device, normalise=self.normalise and self.normalise.to(device))


def read_ahead(split: Files, orders: Iterator[Tensor], *, augment: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of ``split``, one always on its way while the one before it is used."""
    waiting: Callable[[], tuple[Tensor, Tensor]] | None = None
    for indices in orders:
        coming = split.ahead(indices, augment=augment)
        if waiting is not None:
            yield waiting()
        waiting = coming
    if waiting is not None:
        yield waiting()

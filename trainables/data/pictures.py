"""torchvision's image classification sets with official train and test parts that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainables.data.augment import CropFlip
from trainables.data.images import Images
from trainables.data.problems import UNREADABLE, command, damaged, missing, problem
from trainables.data.split import Dataset, Normalise, normalise, stratified
from trainables.data.store import Arrays, shared

# A stratified tenth of the official training part: 6,000 of MNIST's 60,000, 5,000 of CIFAR's 50,000.
VAL_FRACTION = 0.1


@dataclass(frozen=True)
class Pictures:
    """A data set of torchvision, read by torchvision (which checks MD5 sums where its authors gave some)."""

    about: str
    kind: str  # name of the class in torchvision.datasets
    shape: tuple[int, int, int]
    classes: int
    place: str  # folder below the data set's own, as torchvision expects it
    files: tuple[str, ...]  # what is read there
    archives: tuple[str, ...]  # what to fetch by hand
    page: str
    normalise: Normalise
    augmentation: CropFlip | None = None
    temporal: bool = False

    def fetch(self, root: Path) -> None:
        """Download with torchvision, which also unpacks archives that lie in their place already."""
        root.mkdir(parents=True, exist_ok=True)
        for train in (True, False):
            try:
                self._torchvision(root, train=train, download=True)
            except (OSError, RuntimeError) as error:
                remedy = f"{self._by_hand(root)} and run this again"
                raise problem(f"could not fetch {root.name!r} ({error}): {remedy}") from None

    def load(self, root: Path, timesteps: int) -> Dataset:
        files = [root / self.place / file for file in self.files]
        absent = [file.name for file in files if not file.exists()]
        if absent:
            remedy = f"run `{command(root)}`; without a network {self._by_hand(root)} first"
            raise missing(root, ", ".join(absent), remedy)
        arrays = shared(root.name, files, lambda: self._decode(root))
        x, y = arrays["train_x"], arrays["train_y"]
        train_rows, val_rows, _ = stratified(y, val=VAL_FRACTION, test=0)
        train = Images(x, y, train_rows, self.normalise, self.augmentation)
        val = Images(x, y, val_rows, self.normalise)
        x, y = arrays["test_x"], arrays["test_y"]
        test = Images(x, y, torch.arange(len(y)), self.normalise)
        return Dataset(train, val, test, self.classes, self.shape)

    def _by_hand(self, root: Path) -> str:
        archives = ", ".join(self.archives)
        return f"put {archives} from {self.page} into {root / self.place}"

    def _torchvision(self, root: Path, *, train: bool, download: bool) -> Any:
        from torchvision import datasets  # 1.9 s that a process does not pay once the arrays are stored

        part = {"split": "train" if train else "test"} if self.kind == "SVHN" else {"train": train}
        return getattr(datasets, self.kind)(root, **part, download=download)

    def _decode(self, root: Path) -> Arrays:
        arrays: Arrays = {}
        for train in (True, False):
            part = "train" if train else "test"
            try:
                source = self._torchvision(root, train=train, download=False)
                x = torch.as_tensor(source.data)
                y = torch.as_tensor(source.labels if self.kind == "SVHN" else source.targets).long()
                if self.kind.startswith("CIFAR"):
                    x = x.permute(0, 3, 1, 2)  # torchvision holds these as [N, H, W, C]
                arrays[f"{part}_x"], arrays[f"{part}_y"] = x.reshape(-1, *self.shape), y
            except (*UNREADABLE, AssertionError) as error:
                raise damaged(root, error or f"{part} files") from error
            if len(x) != len(y) or not 0 <= int(y.min()) <= int(y.max()) < self.classes:
                raise damaged(
                    root, f"{len(x)} {part} images with {len(y)} labels from {int(y.min())} to {int(y.max())}"
                )
        return arrays


_IDX = tuple(
    f"{part}-{what}" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
)
# [0, 1], not centred: an unlit pixel is no current (SpikingJelly's Fashion-MNIST example does the same).
_UNIT = normalise()
# Mean and standard deviation of the training images. The deviations of CIFAR-10 are the means of those of
# each image, not of all pixels (0.247, 0.243, 0.262): a slip that the field, STDS's code included, shares.
_CIFAR10 = normalise((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_CIFAR100 = normalise((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))
_SVHN = normalise((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970))


def idx(about: str, kind: str, page: str) -> Pictures:
    """MNIST or one of its drop-in replacements: 28 x 28, 60,000 + 10,000 images, IDX files."""
    archives = tuple(f"{file}.gz" for file in _IDX)
    return Pictures(about, kind, (1, 28, 28), 10, f"{kind}/raw", _IDX, archives, page, _UNIT)


def cifar(about: str, classes: int, place: str, files: Sequence[str], values: Normalise) -> Pictures:
    """Krizhevsky 2009: 32 x 32, 50,000 + 10,000 colour images; augmented as in STDS's CIFAR10/train.py."""
    archive, page = f"cifar-{classes}-python.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar.html"
    names = tuple(f"{place}/{file}" for file in files)
    kind = f"CIFAR{classes}"
    return Pictures(about, kind, (3, 32, 32), classes, "", names, (archive,), page, values, CropFlip())


PICTURES = {
    "mnist": idx("handwritten digits, LeCun 1998", "MNIST", "http://yann.lecun.com/exdb/mnist/"),
    "fashion_mnist": idx(
        "clothes, Xiao 2017", "FashionMNIST", "https://github.com/zalandoresearch/fashion-mnist"
    ),
    "kmnist": idx("cursive Japanese, Clanuwat 2018", "KMNIST", "https://github.com/rois-codh/kmnist"),
    "cifar10": cifar(
        "photographs of 10 classes, Krizhevsky 2009",
        10,
        "cifar-10-batches-py",
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"],
        _CIFAR10,
    ),
    "cifar100": cifar(
        "photographs of 100 classes, Krizhevsky 2009",
        100,
        "cifar-100-python",
        ["train", "test", "meta"],
        _CIFAR100,
    ),
    # No mirror image: it would turn a 2 into no digit at all.
    "svhn": Pictures(
        "house numbers, Netzer 2011, without the extra part",
        "SVHN",
        (3, 32, 32),
        10,
        "",
        ("train_32x32.mat", "test_32x32.mat"),
        ("train_32x32.mat", "test_32x32.mat"),
        "http://ufldl.stanford.edu/housenumbers/",
        _SVHN,
        CropFlip(flip=False),
    ),
}

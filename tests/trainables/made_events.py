"""Small event data sets in the formats of the real ones, and the frames a reader must make of them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainables.made_images import Made, Part, labels

TIMESTEPS = 2


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
    for part, each in (("train", 5), ("test", 1)):
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
    for part, each in (("train", 5), ("test", 1)):
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

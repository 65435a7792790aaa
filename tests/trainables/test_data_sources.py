"""What is special about single data sets, and what happens when their files are wrong."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainables import made_events, made_images
from trainables import data
from trainables.data import __main__ as command
from trainables.data import events, files, pictures
from trainables.data.augment import CropFlip
from trainables.data.split import stratified
from trainables.errors import ConfigError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data._load.cache_clear()


def complaint(name: str, folder: Path, timesteps: int = made_events.TIMESTEPS) -> str:
    with pytest.raises(ConfigError) as error:
        data.load(name, folder, timesteps).train.batch(torch.arange(9), augment=False)
    (line,) = error.value.problems
    return line


# ---- splits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "size", "digest"),
    [
        ("train", 1259, "11a1bdbd0d1a8b54"),
        ("val", 269, "048b8ae975e968a7"),
        ("test", 269, "8dbe7d71f950249e"),
    ],
)
def test_digits_are_bit_for_bit_the_published_split(
    part: str, size: int, digest: str, tmp_path: Path
) -> None:
    # SHA-256 of the images in [0, 1] and labels, in order: taken when numbers were first published with them.
    x, y = getattr(data.load("digits", tmp_path, 4), part).batch(torch.arange(size), augment=False)
    assert hashlib.sha256(x.numpy().tobytes() + y.numpy().tobytes()).hexdigest()[:16] == digest


def test_stratified_parts_are_an_exact_division() -> None:
    labels = torch.tensor([2] * 20 + [0] * 7 + [1] * 1)
    train, val, test = stratified(labels, val=0.1, test=0.25)
    assert sorted(torch.cat([train, val, test]).tolist()) == list(range(28))
    assert labels[val].bincount(minlength=3).tolist() == [1, 0, 2]
    assert labels[test].bincount(minlength=3).tolist() == [2, 0, 5]
    assert train.tolist() != sorted(train.tolist())
    again = stratified(labels, val=0.1, test=0.25)
    assert all(torch.equal(one, other) for one, other in zip((train, val, test), again, strict=True))


def test_cifar10_dvs_test_part_is_spikingjellys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikingjelly.datasets.utils import _split_class_indices

    targets = torch.from_numpy(np.random.default_rng(0).integers(0, 4, 83))
    theirs = _split_class_indices([np.flatnonzero(targets == i).tolist() for i in range(4)], 0.9, False)
    ours = events.last_tenth(targets)
    assert [part.tolist() for part in ours] == list(theirs)


# ---- the table against the libraries ---------------------------------------------------------------------


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_file_names_are_torchvisions(name: str, tmp_path: Path) -> None:
    from torchvision import datasets

    row = pictures.PICTURES[name]
    kind = getattr(datasets, row.kind)
    if row.kind == "SVHN":
        found, archives = {kind.split_list[part][1] for part in ("train", "test")}, set(row.archives)
        assert kind.split_list["train"][0].startswith(row.page)
    elif row.kind.startswith("CIFAR"):
        names = [name for name, _ in kind.train_list + kind.test_list]
        found = {f"{kind.base_folder}/{file}" for file in [*names, kind.meta["filename"]]}
        archives = {kind.filename}
    else:
        archives = {archive for archive, _ in kind.resources}
        found = {archive.removesuffix(".gz") for archive in archives}
        assert Path(row.place) == Path(row.kind) / "raw"
    assert set(row.files) == found
    assert set(row.archives) == archives


@pytest.mark.parametrize("name", events.EVENTS)
def test_event_shapes_are_spikingjellys(name: str) -> None:
    from spikingjelly import datasets

    row = events.EVENTS[name]
    height, width = getattr(datasets, row.kind).get_H_W()
    assert row.shape[1:] == (height or 1, width)


# ---- damage ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make", "file"),
    [
        ("mnist", made_images.mnist("MNIST"), "MNIST/raw/train-images-idx3-ubyte"),
        ("mnist", made_images.mnist("MNIST"), "MNIST/raw/t10k-labels-idx1-ubyte"),
        ("cifar10", made_images.cifar(10), "cifar-10-batches-py/data_batch_3"),
        ("svhn", made_images.svhn, "test_32x32.mat"),
    ],
)
def test_a_torn_picture_file_is_named_as_damage(
    name: str, make: object, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / name, monkeypatch)  # type: ignore[operator]
    path = tmp_path / name / file
    path.write_bytes(path.read_bytes()[:-5])
    line = complaint(name, tmp_path)
    assert f"data set '{name}' in {tmp_path / name} is damaged" in line
    assert "fetch it again" in line
    assert not list((tmp_path / "cache").rglob("*.pt"))


def test_labels_out_of_range_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_images.mnist("MNIST")(tmp_path / "mnist", monkeypatch)
    path = tmp_path / "mnist" / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + bytes([10]))
    assert "100 train images with 100 labels from 0 to 10" in complaint("mnist", tmp_path)


def test_a_torn_jpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_images.imagenet(tmp_path / "imagenet", monkeypatch)
    for path in (tmp_path / "imagenet" / "train" / "n01440764").glob("*.JPEG"):
        path.write_bytes(path.read_bytes()[:50])
    assert f"damaged file {tmp_path / 'imagenet' / 'train' / 'n01440764'}" in complaint("imagenet", tmp_path)


def test_a_damaged_archive_is_neither_deleted_nor_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_events.shd(tmp_path / "shd", monkeypatch)
    path = tmp_path / "shd" / "download" / "shd_test.h5.zip"
    path.write_bytes(path.read_bytes()[:-5])
    line = complaint("shd", tmp_path)
    assert str(path) in line
    assert "MD5" in line
    assert path.exists()
    path.unlink()
    assert "(shd_test.h5.zip missing)" in complaint("shd", tmp_path)
    assert [child.name for child in (tmp_path / "shd").iterdir()] == ["download"]


def test_a_preparation_that_was_cut_off_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "shd"
    made_events.shd(root, monkeypatch)
    data.load("shd", tmp_path, made_events.TIMESTEPS)
    frames = root / f"frames_number_{made_events.TIMESTEPS}_split_by_number"
    marker = frames.with_name(f"{frames.name}.building")
    marker.touch()
    data._load.cache_clear()
    assert f"delete {frames} and {marker}" in complaint("shd", tmp_path)
    shutil.rmtree(frames)
    marker.unlink()
    assert len(data.load("shd", tmp_path, made_events.TIMESTEPS).train) == 80
    (found,) = frames.glob("train/0/0.npz")
    found.write_bytes(b"torn")
    data._load.cache_clear()
    split = data.load("shd", tmp_path, made_events.TIMESTEPS).train
    with pytest.raises(ConfigError, match=f"damaged file {found}"):
        split.batch(torch.arange(80), augment=False)


# ---- files -----------------------------------------------------------------------------------------------


def test_folder_ten_is_class_ten(tmp_path: Path) -> None:
    root = tmp_path / "frames"
    for name in ("0", "2", "10", "1"):
        (root / name).mkdir(parents=True)
        (root / name / f"{name}.npz").touch()
    assert [folder.name for folder in files.class_folders(root)] == ["0", "1", "2", "10"]
    found = files.listing("made", root, (".npz",))
    assert [found.path(row).name for row in range(4)] == ["0.npz", "1.npz", "2.npz", "10.npz"]
    assert found.targets.tolist() == [0, 1, 2, 3]
    (root / "10" / "more-\u00fc.npz").touch()
    again = files.listing("made", root, (".npz",))
    assert again.path(4) == root / "10" / "more-\u00fc.npz"


def test_reading_ahead_gives_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_images.imagenet(tmp_path / "imagenet", monkeypatch)
    split = data.load("imagenet", tmp_path, 1).train
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        one_by_one = [split.batch(part, augment=True) for part in order.split(2)]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        ahead = list(data.batches(split, order, 2, augment=True))
    assert len(ahead) == 5
    for (x, y), (other_x, other_y) in zip(one_by_one, ahead, strict=True):
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)


# ---- fetching, importing ---------------------------------------------------------------------------------


def test_fetch_unpacks_archives_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from torchvision.datasets import MNIST

    made_images.mnist("MNIST")(tmp_path / "mnist", monkeypatch)
    resources = []
    for path in sorted((tmp_path / "mnist" / "MNIST" / "raw").iterdir()):
        packed = path.with_name(f"{path.name}.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        resources.append((packed.name, hashlib.md5(packed.read_bytes()).hexdigest()))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", ["http://localhost:9/"])
    assert command.main(["mnist", "--data-dir", str(tmp_path)]) == 0
    assert "mnist: 90 train, 10 validation, 20 test, 10 classes of (1, 28, 28)" in capsys.readouterr().out
    (tmp_path / "mnist" / "MNIST" / "raw" / resources[0][0]).unlink()
    (tmp_path / "mnist" / "MNIST" / "raw" / resources[0][0].removesuffix(".gz")).unlink()
    assert command.main(["mnist", "--data-dir", str(tmp_path)]) == 2
    assert "could not fetch 'mnist'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["digits"], 0, "digits: 1,259 train, 269 validation, 269 test, 10 classes of (1, 8, 8)"),
        (["nmnist"], 2, "Train.zip, Test.zip from https://www.garrickorchard.com/datasets/n-mnist"),
        (["imagenet"], 2, "ILSVRC2012_img_train.tar"),
        (["cifar"], 2, "did you mean 'cifar10'"),
        ([], 0, "fashion_mnist"),
    ],
)
def test_fetch_command(
    argv: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*argv, "--data-dir", str(tmp_path)]) == code
    captured = capsys.readouterr()
    assert said in (captured.err if code else captured.out)


def test_a_missing_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = dataclasses.replace(data.DATASETS["mnist5k"], package="no_such_package")  # type: ignore[type-var]
    monkeypatch.setitem(data.DATASETS, "mnist5k", absent)
    assert "pip install 'spinetune[mnist5k]'" in complaint("mnist5k", tmp_path)


def test_small_data_load_no_library_of_data_sets(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trainables import data; data.load('digits', Path(), 1);"
        "print([name for name in ('torchvision', 'spikingjelly.datasets', 'sklearn', 'scipy', 'PIL')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "expected"),
    # CIFAR as in STDS's CIFAR10/train.py; a mirrored house number is another sign, or none
    [("cifar10", CropFlip(4)), ("cifar100", CropFlip(4)), ("svhn", CropFlip(4, flip=False)), ("mnist", None)],
)
def test_augmentation_is_the_documented_one(name: str, expected: CropFlip | None) -> None:
    assert pictures.PICTURES[name].augmentation == expected

"""What every data set owes, checked on the real thing where it ships, else on made files of its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.trainables import made_events, made_images
from trainables import data
from trainables.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    make: Callable[[Path, pytest.MonkeyPatch], made_images.Made]
    sizes: tuple[int, int, int]  # train, validation, test of the made files
    val_of_a_class: tuple[int, int]  # fewest and most validation samples of a class
    augmented: bool = False


# One row per data set; the numbers by hand from the made files and the documented fractions.
SETTINGS = {
    "digits": Setting(made_images.digits, (1259, 269, 269), (26, 27)),
    "mnist5k": Setting(made_images.mnist5k, (3500, 750, 750), (75, 75)),
    "mnist": Setting(made_images.mnist("MNIST"), (90, 10, 20), (1, 1)),
    "fashion_mnist": Setting(made_images.mnist("FashionMNIST"), (90, 10, 20), (1, 1)),
    "kmnist": Setting(made_images.mnist("KMNIST"), (90, 10, 20), (1, 1)),
    "cifar10": Setting(made_images.cifar(10), (90, 10, 20), (1, 1), augmented=True),
    "cifar100": Setting(made_images.cifar(100), (900, 100, 200), (1, 1), augmented=True),
    "svhn": Setting(made_images.svhn, (90, 10, 20), (1, 1), augmented=True),
    "imagenet": Setting(made_images.imagenet, (9, 3, 3), (1, 1), augmented=True),
    "nmnist": Setting(made_events.nmnist, (90, 10, 20), (1, 1)),
    "cifar10_dvs": Setting(made_events.cifar10_dvs, (80, 10, 10), (1, 1)),
    "dvs128_gesture": Setting(made_events.dvs128_gesture, (44, 11, 11), (1, 1)),
    "shd": Setting(made_events.shd, (80, 20, 20), (1, 1)),
}
assert list(SETTINGS) == list(data.DATASETS), "every data set has a row of test settings"


@dataclass(frozen=True)
class World:
    name: str
    folder: Path
    setting: Setting
    truth: made_images.Made

    def load(self) -> data.Dataset:
        return data.load(self.name, self.folder, made_events.TIMESTEPS)


@pytest.fixture(scope="module", params=SETTINGS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, setting = tmp_path_factory.mktemp("data"), SETTINGS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield World(request.param, folder, setting, setting.make(folder / request.param, patch))


def everything(
    split: data.Split, *, augment: bool = False, first: int | None = None
) -> tuple[Tensor, Tensor]:
    """All samples (or the ``first`` ones), time behind the samples."""
    x, y = split.batch(torch.arange(len(split))[:first], augment=augment)
    return (x.transpose(0, 1) if x.dim() == 5 else x), y


def fingerprints(x: Tensor, y: Tensor) -> list[tuple[int, bytes]]:
    """Samples as sortable things, to a precision that two orders of float32 operations share."""
    values = (x * 1000).round().to(torch.int16).contiguous().numpy()
    return sorted((label, row.tobytes()) for row, label in zip(values, y.tolist(), strict=True))


def test_samples_are_those_of_the_files(world: World) -> None:
    dataset = world.load()
    x, y = (torch.cat(both) for both in zip(everything(dataset.train), everything(dataset.val), strict=True))
    if world.truth.test is None:
        tested = everything(dataset.test)
        x, y = torch.cat([x, tested[0]]), torch.cat([y, tested[1]])
    else:
        assert fingerprints(*everything(dataset.test)) == fingerprints(*world.truth.test)
    assert fingerprints(x, y) == fingerprints(*world.truth.train)
    # bit for bit or nearly: the fingerprints round
    reference = world.truth.train[0].double().sum()
    torch.testing.assert_close(x.double().sum(), reference, rtol=1e-5, atol=1e-2)


def test_parts_are_disjoint_stratified_and_sized(world: World) -> None:
    dataset = world.load()
    parts = [dataset.train, dataset.val, dataset.test]
    assert tuple(map(len, parts)) == world.setting.sizes
    for part in parts:
        assert torch.equal(part.labels, everything(part)[1])
        assert part.labels.unique().tolist() == list(range(dataset.classes))
    of_a_class = dataset.val.labels.bincount()
    assert (int(of_a_class.min()), int(of_a_class.max())) == world.setting.val_of_a_class
    # Disjoint: the truth has as many samples as the parts together, and each was met (test above); real
    # digits hold no image twice either.
    seen = [set(fingerprints(*everything(part))) for part in parts]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_batch_has_the_promised_form(world: World) -> None:
    dataset = world.load()
    x, y = dataset.train.batch(torch.tensor([2, 0, 2]), augment=False)
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    assert dataset.temporal == data.DATASETS[world.name].temporal
    assert tuple(x.shape) == ((made_events.TIMESTEPS,) if dataset.temporal else ()) + (3, *dataset.shape)
    samples, _ = everything(dataset.train)
    x = x.transpose(0, 1) if dataset.temporal else x
    assert torch.equal(x, samples[[2, 0, 2]])
    assert torch.equal(y, dataset.train.labels[[2, 0, 2]])


def test_randomness_is_torchs_global_generator(world: World) -> None:
    split = world.load().train
    state = torch.get_rng_state()
    plain, _ = everything(split, first=9)
    assert torch.equal(torch.get_rng_state(), state), "drew without augmentation"
    views = []
    for seed in (1, 1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            views.append(everything(split, augment=True, first=9)[0])
    assert torch.equal(views[0], views[1])
    if world.setting.augmented:
        changed = (views[0] != plain).flatten(1).any(1)
        assert changed.float().mean() > 0.8
        assert not torch.equal(views[0], views[2])
        assert not torch.equal(views[0][0] - plain[0], views[0][1] - plain[1])
    else:
        assert torch.equal(views[0], plain)
    for part in (world.load().val, world.load().test):
        pair = (everything(part, augment=augment, first=9)[0] for augment in (True, False))
        assert torch.equal(*pair)


def test_a_second_process_would_see_the_same(world: World) -> None:
    first = world.load()
    data._load.cache_clear()
    again = world.load()
    assert again is not first
    for one, other in ((first.train, again.train), (first.val, again.val), (first.test, again.test)):
        assert torch.equal(one.labels, other.labels)
        for ours, theirs in zip(everything(one, first=9), everything(other, first=9), strict=True):
            assert torch.equal(ours, theirs)
    assert world.load() is again


def test_moves_to_a_device(world: World) -> None:
    # The meta device has no data, but refuses to mix with a tensor that was left behind.
    split = world.load().train.to(torch.device("meta"))
    x, y = split.batch(torch.tensor([0, 1]), augment=world.name != "digits")
    assert (x.device.type, y.device.type) == ("meta", "meta")
    assert len(split) == world.setting.sizes[0]


def test_batches_are_the_split_in_order(world: World) -> None:
    split = world.load().val
    order = torch.arange(len(split)).flip(0)
    found = [y for _, y in data.batches(split, order, 4, augment=False)]
    assert max(map(len, found)) <= 4
    assert torch.equal(torch.cat(found), split.labels.flip(0))


def test_missing_data_say_what_to_do(world: World, tmp_path: Path) -> None:
    if world.name in ("digits", "mnist5k"):
        assert data.load(world.name, tmp_path, 1).classes == 10  # needs no folder
        return
    with pytest.raises(ConfigError) as error:
        data.load(world.name, tmp_path, 1)
    (line,) = error.value.problems
    assert f"data set '{world.name}' is not in {tmp_path / world.name}" in line
    assert "http" in line
    if world.name not in ("imagenet", "nmnist", "dvs128_gesture"):
        assert f"`python -m trainables.data {world.name} --data-dir {tmp_path}`" in line
    assert not list(tmp_path.iterdir()), "left something behind"


def test_unknown_name_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown data set 'cifar': did you mean 'cifar10'"):
        data.load("cifar", tmp_path, 1)


def test_timesteps_matter_to_event_data_alone(tmp_path: Path) -> None:
    assert data.load("digits", tmp_path, 1) is data.load("digits", tmp_path, 8)

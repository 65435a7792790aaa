"""Random views: shifted windows of the padded image, mirrored half the time; Inception's crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from trainables.data.augment import CROP_DRAWS, CropFlip, resized_crop
from trainables.data.imagenet import read


def views_of(image: Tensor, padding: int) -> dict[bytes, tuple[int, int, bool]]:
    """Every view that the augmentation may give of [C, H, W], cut by hand: bytes -> (dy, dx, mirrored)."""
    _, height, width = image.shape
    padded = F.pad(image, [padding] * 4)
    found = {}
    for dy in range(2 * padding + 1):
        for dx in range(2 * padding + 1):
            window = padded[:, dy : dy + height, dx : dx + width]
            found[window.numpy().tobytes()] = (dy, dx, False)
            found[window.flip(-1).contiguous().numpy().tobytes()] = (dy, dx, True)
    return found


def test_every_view_is_a_shifted_window_and_all_occur_evenly() -> None:
    torch.manual_seed(0)
    image = torch.randint(1, 256, (2, 5, 6), dtype=torch.uint8)
    views = views_of(image, 1)
    assert len(views) == 18
    n = 9000
    drawn = CropFlip(padding=1)(image.expand(n, -1, -1, -1))
    counts = dict.fromkeys(views.values(), 0)
    for view in drawn:
        counts[views[view.contiguous().numpy().tobytes()]] += 1
    # 500 of each expected; binomial standard deviation 21.7
    assert min(counts.values()) > 500 - 5 * 21.7
    assert max(counts.values()) < 500 + 5 * 21.7


def test_samples_of_a_batch_are_drawn_one_by_one() -> None:
    torch.manual_seed(0)
    images = torch.randint(1, 256, (40, 3, 8, 8), dtype=torch.uint8)
    drawn = CropFlip()(images)
    where = [
        views_of(image, 4)[view.contiguous().numpy().tobytes()]
        for image, view in zip(images, drawn, strict=True)
    ]
    assert len(set(where)) > 20
    assert drawn.dtype == torch.uint8


def test_no_flip_where_a_mirror_image_is_another_thing() -> None:
    torch.manual_seed(0)
    image = torch.arange(1, 17, dtype=torch.uint8).view(1, 4, 4)
    for view in CropFlip(padding=1, flip=False)(image.expand(200, -1, -1, -1)):
        assert not views_of(image, 1)[view.contiguous().numpy().tobytes()][2]


@given(height=st.integers(1, 900), width=st.integers(1, 900), seed=st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_the_crop_lies_inside_and_keeps_its_promises(height: int, width: int, seed: int) -> None:
    draws = torch.rand(CROP_DRAWS, generator=torch.Generator().manual_seed(seed))
    top, left, h, w = resized_crop(height, width, draws)
    assert 0 <= top <= top + h <= height
    assert 0 <= left <= left + w <= width
    assert h > 0
    assert w > 0
    if min(height, width) > 100 and max(height, width) < 2 * min(height, width):
        # sides are rounded to whole pixels
        assert 0.08 * 0.95 < h * w / (height * width) <= 1
        assert 0.73 < w / h < 1.37


def test_crops_are_spread_like_torchvisions() -> None:
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    image, n = torch.empty(3, 300, 500), 4000
    theirs = np.array([RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(n)])
    ours = np.array([resized_crop(300, 500, draws) for draws in torch.rand(n, CROP_DRAWS)])
    # means of both within five standard errors of their difference, and the same for the squares
    for power in (1, 2):
        a, b = theirs.astype(float) ** power, ours.astype(float) ** power
        error = np.sqrt((a.var(0) + b.var(0)) / n)
        assert (abs(a.mean(0) - b.mean(0)) < 5 * error).all()


def test_a_narrow_image_falls_back_to_torchvisions_window() -> None:
    from torchvision.transforms import RandomResizedCrop

    # 10 x 1000: a window of at least 8 % of the area with sides up to 4:3 is at least 24 high, never fits
    for height, width in ((10, 1000), (1000, 10)):
        theirs = RandomResizedCrop.get_params(torch.empty(3, height, width), (0.08, 1.0), (3 / 4, 4 / 3))
        assert resized_crop(height, width, torch.rand(CROP_DRAWS)) == tuple(theirs)


@pytest.mark.parametrize("mirrored", [False, True])
def test_training_view_of_a_file_is_torchvisions_crop(tmp_path: Path, mirrored: bool) -> None:
    from PIL import Image
    from torchvision.transforms import functional as tv

    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    small.resize((300, 240)).save(tmp_path / "a.jpg")
    image = Image.open(tmp_path / "a.jpg").convert("RGB")
    draws = torch.rand(CROP_DRAWS, generator=torch.Generator().manual_seed(3))
    draws[-1] = 0.4 if mirrored else 0.6
    expected = tv.resized_crop(image, *resized_crop(240, 300, draws), [224, 224])
    expected = tv.hflip(expected) if mirrored else expected
    assert torch.equal(read(224, tmp_path / "a.jpg", draws), tv.pil_to_tensor(expected))

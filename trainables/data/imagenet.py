"""ImageNet, or any folder of class folders, as JPEG files that are decoded when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from trainables.data.augment import CROP_DRAWS, resized_crop
from trainables.data.files import Files, class_folders, listing
from trainables.data.problems import missing
from trainables.data.split import Dataset, normalise, stratified

# 51,000 images held out, as many as the official validation part, which takes the place of the test part:
# the labels of the official test part are not public.
VAL_FRACTION = 0.04
ARCHIVES = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz")
PAGE = "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php"
SUFFIXES = (".jpeg", ".jpg", ".png")
NORMALISE = normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def read(size: int, path: Path, draws: Tensor | None) -> Tensor:
    """uint8 [3, size, size]: a random window, mirrored half the time, or the centre after scaling.

    The same PIL operations as torchvision's RandomResizedCrop(224) and RandomHorizontalFlip, or Resize(256)
    and CenterCrop(224), which STDS's and SEW-ResNet's ImageNet code use.
    """
    from torchvision.datasets.folder import default_loader
    from torchvision.transforms import functional as tv

    image = default_loader(str(path))
    if draws is None:
        image = tv.center_crop(tv.resize(image, [size * 256 // 224]), [size, size])
    else:
        image = tv.resized_crop(image, *resized_crop(image.height, image.width, draws), [size, size])
        image = tv.hflip(image) if draws[-1] < 0.5 else image
    pixels: Tensor = tv.pil_to_tensor(image)
    return pixels


@dataclass(frozen=True)
class ImageFolder:
    """``train/CLASS/*.JPEG`` and ``val/CLASS/*.JPEG`` below the data set's folder."""

    about: str
    size: int = 224
    temporal: bool = False

    def fetch(self, root: Path) -> None:
        """By hand only: ImageNet asks everyone to agree to its terms."""
        for part in ("train", "val"):
            folder = root / part
            if not folder.is_dir() or not class_folders(folder):
                raise missing(
                    root,
                    f"{part}/CLASS/*.JPEG",
                    f"put {', '.join(ARCHIVES)} from {PAGE} into {root} and unpack them with "
                    f'`python -c "from torchvision.datasets import ImageNet as I; '
                    f"[I('{root}', part) for part in ('train', 'val')]\"`",
                )

    def load(self, root: Path, timesteps: int) -> Dataset:
        self.fetch(root)
        found = listing(f"{root.name}-train", root / "train", SUFFIXES)
        train_rows, val_rows, _ = stratified(found.targets, val=VAL_FRACTION, test=0)
        val = Files(found, val_rows, partial(read, self.size), normalise=NORMALISE)
        train = replace(val, rows=train_rows, draws=CROP_DRAWS)
        held_out = listing(f"{root.name}-val", root / "val", SUFFIXES)
        test = replace(val, listing=held_out, rows=torch.arange(len(held_out.targets)))
        classes = len(class_folders(root / "train"))
        return Dataset(train, val, test, classes, (3, self.size, self.size))

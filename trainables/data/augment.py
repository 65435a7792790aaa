"""Random views of images. All draws come from torch's global generator, on the CPU, in the calling thread."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class CropFlip:
    """Every image shifted by up to ``padding`` pixels into black, and mirrored half the time.

    torchvision's RandomCrop(size, padding) and RandomHorizontalFlip, for a whole batch at once; STDS and
    most work on CIFAR (padding 4). The draws are made on the CPU, so that a GPU sees the same views.
    """

    padding: int = 4
    flip: bool = True

    def __call__(self, x: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> the same shape and device."""
        n, _, height, width = x.shape
        dy, dx = torch.randint(2 * self.padding + 1, (2, n)).to(x.device)
        padded = F.pad(x, [self.padding] * 4)
        # A view of all windows, of which one is copied: 1.2 ms for 128 CIFAR images on one core, half of a
        # gather with four index tensors; a loop over the images is as fast on a CPU and not on a GPU.
        views = padded.unfold(2, height, 1).unfold(3, width, 1)
        x = views[torch.arange(n, device=x.device), :, dy, dx]
        if not self.flip:
            return x
        mirrored = (torch.rand(n) < 0.5).to(x.device)
        return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


ATTEMPTS = 10
CROP_DRAWS = 4 * ATTEMPTS + 1  # uniform numbers that one image takes: four an attempt, one for the mirror


def resized_crop(height: int, width: int, draws: Tensor) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a window of 8-100 % of the area, sides 3:4 to 4:3 (Inception's crop).

    torchvision's RandomResizedCrop with numbers that are drawn beforehand, float32 [CROP_DRAWS] in [0, 1):
    loader threads must not draw, or the batches would depend on which thread is first. The first of ten
    windows that fits is taken; if none does, the largest centred one of an allowed shape.
    """
    for area, shape, top, left in draws[: 4 * ATTEMPTS].view(ATTEMPTS, 4).tolist():
        target = height * width * (0.08 + 0.92 * area)
        ratio = math.exp((2 * shape - 1) * math.log(4 / 3))
        w, h = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(top * (height - h + 1)), int(left * (width - w + 1)), h, w
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w

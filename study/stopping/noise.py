"""How far two values may differ by chance. Standard deviations, measured on recorded trainings of digits."""

from __future__ import annotations

import numpy as np

from study.stopping.protocol import Floats

# Between neighbouring epochs the validation accuracy p of a pruned training scatters by 0.4 (1 - p): second
# differences of 369 trainings (digits, 30 epochs, from epoch 15): 0.08 at p = 0.7, 0.055 at 0.85, 0.032 at
# 0.93, 0.014 at 0.965, 0.005 at 0.99. That is two to four times the binomial part below 0.97.
EPOCH_SD = 0.4
# The level -ln(1 - s) of one configuration scatters over five seeds by 0.025 to 0.03 at any epoch past half.
LEVEL_SD = 0.03


def quality_sd(name: str, values: Floats, n_val: int) -> Floats:
    """Standard deviation of a quality [n]: sqrt(p (1 - p) / n_val + (0.4 (1 - p))^2) for an accuracy p.

    p is shrunk to (p n + 1) / (n + 2), so that a perfect accuracy is not certain. Any other quality (a loss)
    has only the part between epochs, 0.4 of its size.
    """
    if not name.startswith("accuracy"):
        return EPOCH_SD * np.abs(values)
    p = (values * n_val + 1) / (n_val + 2)
    return np.sqrt(p * (1 - p) / n_val + (EPOCH_SD * (1 - p)) ** 2)

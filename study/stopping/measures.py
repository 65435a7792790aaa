"""How well two orders agree, and how sure a share is."""

from __future__ import annotations

import math

import numpy as np

from study.stopping.protocol import Floats


def kendall_tau(a: Floats, b: Floats) -> float:
    """Kendall's tau-b of two scores [n]: (concordant - discordant) / sqrt((pairs - ties_a) (pairs - ties_b)).

    1 for equal orders, -1 for opposite ones; NaN where one of them is all ties or n < 2 (Kendall 1945).
    O(n^2) time, O(n) memory.
    """
    agreement = untied_a = untied_b = 0
    for index in range(len(a) - 1):
        signs_a, signs_b = np.sign(a[index + 1 :] - a[index]), np.sign(b[index + 1 :] - b[index])
        agreement += int((signs_a * signs_b).sum())
        untied_a += int(np.count_nonzero(signs_a))
        untied_b += int(np.count_nonzero(signs_b))
    if not untied_a or not untied_b:
        return math.nan
    return agreement / math.sqrt(untied_a * untied_b)


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval for a share of ``hits`` in ``n`` (95 %); (0, 1) for n = 0 (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, weight = hits / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)

"""The life of the spines: how many mature, form, vanish, change sign, and last.

A spine is mature while its weight w is not 0, a filopodium while w = 0 (Chen et al. ICML 2022). Looked at
once an epoch: what happens and is undone between two looks is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class SpineLife:
    """Compares the weights of all layers with those of the previous look.

    ``memory``, int8, one entry per weight: the sign of w at the last look, doubled for survivors, the spines
    of the first generation (mature at the first look) that were mature at every look since, whatever their
    sign.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self.memory = _signs(weights).mul_(2)
        self.first_generation = int(self.memory.count_nonzero())
        self._mature = self.first_generation

    def look(self, weights: Sequence[Tensor]) -> dict[str, float | None]:
        """What happened since the last look. Fractions of all weights; survival: of the first generation."""
        now = _signs(weights)
        both = self.memory * now  # -2 .. 2; 0 unless mature at both looks
        survivors = both.abs() == 2
        counted = [now, both, both < 0, survivors]
        mature, stayed, flipped, survived = torch.stack([x.count_nonzero() for x in counted]).tolist()
        entries = {
            "spines_mature": mature / len(now),
            "spines_filopodia": 1 - mature / len(now),
            "spines_formed": (mature - stayed) / len(now),
            "spines_eliminated": (self._mature - stayed) / len(now),
            "spines_flipped": flipped / len(now),
            "spines_survival": survived / self.first_generation if self.first_generation else None,
        }
        self.memory = now.mul_(survivors.to(torch.int8).add_(1))
        self._mature = mature
        return entries

    def state_dict(self) -> dict[str, Tensor | int]:
        """One byte per weight, and the size of the first generation."""
        return {"memory": self.memory, "first_generation": self.first_generation}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Go on from another object's state."""
        memory = state["memory"]
        assert isinstance(memory, Tensor)
        self.memory = memory.to(self.memory.device, copy=True)
        self.first_generation = int(state["first_generation"])
        self._mature = int(self.memory.count_nonzero())


def _signs(weights: Sequence[Tensor]) -> Tensor:
    """Signs of all weights in one row, int8; a NaN counts as 0."""
    return torch.cat([weight.detach().sign().flatten().to(torch.int8) for weight in weights])

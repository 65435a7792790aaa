"""The digits net, slowed down by sleeping, and able to hang or to eat memory when told by a file."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import nn

from trainables.models import digits_net

BITE_MIB = 64
HANG_S = 3600.0


class Napping(nn.Module):
    """``nap_s`` of sleep in every training step: epochs last as long on a busy machine as on a quiet one.

    ``orders``: a folder. While it holds a file ``eat`` every process takes 64 MiB a step and keeps them; the
    first one that finds a file ``hang`` takes it away and sleeps for an hour.
    """

    def __init__(self, nap_s: float = 0.05, orders: str = "") -> None:
        super().__init__()
        self.net = digits_net(4, (1, 8, 8), 10, 2.0)
        self.nap_s, self.orders = nap_s, Path(orders)
        self.eaten: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The digits net's."""
        if self.training:
            time.sleep(self.nap_s)
            if (self.orders / "eat").exists():
                self.eaten.append(torch.ones(BITE_MIB * 2**18))
            try:
                (self.orders / "hang").unlink()
            except FileNotFoundError:
                pass
            else:
                time.sleep(HANG_S)
        found: torch.Tensor = self.net(x)
        return found

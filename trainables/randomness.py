"""A training's own random state: what others draw in the same process does not reach it, nor it them."""

from __future__ import annotations

from types import TracebackType

import torch
from torch import Tensor


class Randomness:
    """``with randomness:`` torch's global generators are this run's; after it, what they were before.

    ``state``: one tensor for the CPU and, where the run computes on a GPU, one for that.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        self.state = [torch.Generator().manual_seed(seed).get_state()]
        if self._device is not None:
            self.state.append(torch.Generator(self._device).manual_seed(seed).get_state())
        self._others: list[Tensor] = []

    def _current(self) -> list[Tensor]:
        on_gpu = [] if self._device is None else [torch.cuda.get_rng_state(self._device)]
        return [torch.get_rng_state(), *on_gpu]

    def _install(self, state: list[Tensor]) -> None:
        torch.set_rng_state(state[0])
        if self._device is not None:
            torch.cuda.set_rng_state(state[1], self._device)

    def load(self, state: list[Tensor]) -> None:
        """Go on from the state of another run; of a GPU, which only one of the two may have, where it can."""
        self.state = state[: len(self.state)] + self.state[len(state) :]

    def __enter__(self) -> None:
        self._others = self._current()
        self._install(self.state)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.state = self._current()
        self._install(self._others)

"""Checkpoint files: written whole or not at all, read without executing anything in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

STATE_FILE = "state.pt"  # name of a saved state inside its checkpoint folder


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state so that a crash at any moment leaves the old file or the new one, never half of one."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a state; tensors and plain data only, nothing in the file is executed."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state

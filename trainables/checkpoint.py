"""Checkpoint files: written whole or not at all, read without executing anything in them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from trainables.errors import ConfigError

STATE_FILE = "state.pt"  # name of a saved state inside its checkpoint folder
EVERY_S = 60.0  # at most this much training is lost with a process


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state so that a crash at any moment leaves the old file or the new one, never half of one."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a state; tensors and plain data only, nothing in the file is executed.

    OSError where the file cannot be read, ConfigError where it is no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, KeyError, ValueError) as error:
        what = str(error).partition("\n")[0] or "empty"
        raise ConfigError([f"{path}: damaged, or not a checkpoint ({what})"]) from None
    except pickle.UnpicklingError:
        what = "not a checkpoint: it holds other things than tensors and plain data, which are not loaded"
        raise ConfigError([f"{path}: {what}"]) from None
    if not isinstance(state, dict):
        raise ConfigError([f"{path}: not a checkpoint: it holds a {type(state).__name__}"])
    return state

"""Checkpoint files: written whole or not at all, read without executing anything in them."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from trainables.errors import ConfigError, out_of_memory

STATE_FILE = "state.pt"  # name of a saved state inside its checkpoint folder
EVERY_S = 60.0  # at most this much training is lost with a process


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """``write`` a file beside ``path``, then put it in its place; a crash leaves what was there before."""
    # Machine and process in the name: a worker that a dead driver left behind, or that was cut off, may still
    # write the same state.
    scratch = path.with_name(f"{path.name}.{os.uname().nodename}-{os.getpid()}.part")
    try:
        write(scratch)
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state; a crash at any moment leaves the old file or the new one, never half of one."""
    atomically(path, lambda scratch: torch.save(state, scratch))


def load(path: Path) -> dict[str, Any]:
    """Read a state; tensors and plain data only, nothing in the file is executed.

    OSError where the file cannot be read, ConfigError where it is no checkpoint or damaged.
    """
    return unpacked(path.read_bytes(), str(path))


def unpacked(data: bytes, name: str) -> dict[str, Any]:
    """A state from the bytes of its file; from memory, so that an error here is of the bytes, not of a disk.

    ConfigError, which calls them ``name``, where they are no checkpoint or damaged. A MemoryError, or torch's
    RuntimeError of that meaning, says nothing about them and is raised as it is.
    """
    state: Any = None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            # Checksums first: torch does not look at all of them, and what it does with damage is anything.
            # And no entry marked as a folder: of such a one torch gives the memory as it finds it.
            if file.testzip() is None and not any(entry.external_attr for entry in file.infolist()):
                state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        what = "holds more than tensors and plain data, so reading it could run code; refused"
        raise ConfigError([f"{name}: {what}"]) from None
    except Exception as error:  # zipfile's, torch's, or what a flipped bit makes of a length: OverflowError
        if out_of_memory(error):
            raise
        state = None
    if not (isinstance(state, dict) and all(isinstance(state.get(key), dict) for key in ("config", "model"))):
        raise ConfigError([f"{name}: damaged, or not a checkpoint of a training"])
    return state

"""Decoded data on disk, once a node, mapped into every process: the page cache holds one copy."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

Arrays = dict[str, Tensor]

FORMAT = 1  # counts up when a reader changes what it stores


def folder() -> Path:
    """The user's cache; data folders are often read-only or on a network."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "spinetune" / "data"


def shared(name: str, sources: Sequence[Path], decode: Callable[[], Arrays]) -> Arrays:
    """``decode()``, made by one process and mapped by all.

    ``sources`` are the files (or folders) that it reads: another path, size or time of change makes a new
    file. The mapping is copy-on-write, so a stray write stays in its own process. Where nothing can be
    written each process decodes for itself, and says so. What ``decode`` raises about the sources must not be
    an OSError or a RuntimeError.
    """
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    key = hashlib.sha256(repr((FORMAT, stats)).encode()).hexdigest()[:16]
    path = folder() / f"{name}-{key}.pt"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Locked: a node starts several trials at once, and as many decodings need as much memory.
            with locked(path.with_suffix(".lock")):
                if not path.exists():
                    _write(decode(), path)
    except (OSError, RuntimeError) as error:  # torch.save meets a full disk with a RuntimeError
        warnings.warn(f"each process keeps its own copy of {name}: {error}", RuntimeWarning, stacklevel=2)
        return decode()
    arrays: Arrays = torch.load(path, mmap=True, weights_only=True)
    return arrays


def _write(arrays: Arrays, path: Path) -> None:
    """Write beside ``path`` and rename: whoever finds the file finds all of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, delete=False) as file:
        try:
            torch.save({key: value.contiguous() for key, value in arrays.items()}, file)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the system frees the lock of a process that dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

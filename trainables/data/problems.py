"""What a person reads when a data set is not there or can't be read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from trainables.errors import ConfigError

# What the readers of torchvision, SpikingJelly, numpy and PIL raise at a file that is not what it should be.
UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def problem(line: str) -> ConfigError:
    """A ConfigError of one line."""
    return ConfigError([line])


def missing(root: Path, absent: str, remedy: str) -> ConfigError:
    """The data set of folder ``root`` is not there."""
    return problem(f"data set {root.name!r} is not in {root} ({absent} missing): {remedy}")


def damaged(root: Path, reason: object) -> ConfigError:
    """Files of the data set of folder ``root`` are there and wrong."""
    return problem(f"data set {root.name!r} in {root} is damaged ({reason}): delete it and fetch it again")


def command(root: Path) -> str:
    """The shell command that fetches the data set of folder ``root``."""
    return f"python -m trainables.data {root.name} --data-dir {root.parent}"

"""``--fetch``: a study's folder from elsewhere, verified; what is here already is never damaged.

Files arrive in a folder of their own beside the study's (``.NAME-ID.fetch``) and go to their places when all
of them are whole (``place``). What a broken transfer has left there is used by the next one. ID stands for
the study's origin, so that two studies of one name cannot meet there.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.remote import place
from study.remote.agent import Frame
from study.remote.manifest import Ask as Ask
from study.remote.manifest import File, Manifest, frames, have, manifest, sha256, size
from trainables.errors import ConfigError

TRIES = 5  # at the same files, where a connection breaks or a file changes while it is read
BATCH = 128 * 2**20  # bytes of one request: they pass through a log on the head's disk
MANY = 400  # files of one request: it is a word of a command line, 128 KiB at most


def fetch(
    ask: Ask,
    name: str,
    roots: list[str],
    output: Path,
    told: Callable[[int, int], None],
    again: Callable[[], None],
) -> tuple[Path, Manifest]:
    """Bring the study home; its folder here, and what it was when it was read.

    ``told(done, total)`` hears of the bytes. ``again`` mends a broken connection.
    """
    folder = output / name
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            there = manifest(ask, name, roots, have(folder))
            scratch = output / f".{name}-{there.origin}.fetch"
            with place.kept(folder, scratch, there) as new:
                wanted = [file for file in there.files if sha256(folder / file.path) != file.sha256]
                _check_room(output, scratch, wanted)
                if _receive(ask, name, roots, scratch, wanted, told):
                    place.settle(scratch, folder, there, wanted, new=new)
                    return folder, there
        except OSError as error:
            if last or error.errno is not None:  # a number: this machine's disk, not the connection
                raise ConfigError([f"--fetch {name}: {error}; the same command goes on with it"]) from None
            again()
    raise ConfigError(
        [f"--fetch {name}: its files change faster than they are read; try again when it rests"]
    )


def _check_room(output: Path, scratch: Path, wanted: list[File]) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    missing = sum(file.size - min(size(scratch / file.path), file.size) for file in wanted)
    free = shutil.disk_usage(output).free
    if missing > free:
        raise ConfigError(
            [f"--fetch: {missing / 2**20:.0f} MiB to come, {output} has {free / 2**20:.0f} MiB free"]
        )


def _receive(
    ask: Ask, name: str, roots: list[str], scratch: Path, wanted: list[File], told: Callable[[int, int], None]
) -> bool:
    """Fill ``scratch``; whether all files are what the manifest says. What is not is removed."""
    total = sum(file.size for file in wanted)
    while True:
        begun = {file.path: size(scratch / file.path) for file in wanted}
        for file in wanted:  # longer than it may be: not ours to keep
            if begun[file.path] > file.size:
                (scratch / file.path).unlink()
                begun[file.path] = 0
        done = sum(begun.values())
        told(done, total)
        batch: list[list[Any]] = []
        room = BATCH
        for file in wanted:
            if begun[file.path] < file.size and room > 0 and len(batch) < MANY:
                end = min(file.size, begun[file.path] + room)
                batch.append([file.path, begun[file.path], end])
                room -= end - begun[file.path]
            elif file.size == 0:
                _append(scratch / file.path, b"")
        if not batch:
            break
        ends = {path: end for path, _, end in batch}
        before = done
        for frame in frames(ask, name, {"ask": "read", "roots": roots, "files": batch}):
            if "data" not in frame:
                continue
            path, at, data = _block(frame)
            if path not in ends or at != size(scratch / path) or at + len(data) > ends[path]:
                raise ConfigError([f"--fetch {name}: refused, the cluster sends what was not asked for"])
            _append(scratch / path, data)
            done += len(data)
            told(done, total)
        if done == before:  # shorter or gone by now
            break
    bad = [file for file in wanted if sha256(scratch / file.path) != file.sha256]
    for file in bad:
        (scratch / file.path).unlink(missing_ok=True)
    return not bad


def _block(frame: Frame) -> tuple[str, int, bytes]:
    """Path, offset and bytes of a frame; no path and nothing where it is none."""
    path, at, data = (frame.get(key) for key in ("path", "at", "data"))
    try:
        block = base64.b64decode(data or "", validate=True)
    except (TypeError, ValueError):
        block = None
    if not isinstance(path, str) or type(at) is not int or block is None:
        return "", 0, b""
    return path, at, block


def _append(path: Path, data: bytes) -> None:
    """Add to a file; never through a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "ab") as file:
        file.write(data)
